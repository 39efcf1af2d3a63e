package sink_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// A sink is a function that makes a batch durable, or says what of it is not.
// Behind a message that failed, it delivers nothing more of that key.
func Example() {
	board := sink.Func(func(ctx context.Context, batch []sink.Message) error {
		var be sink.BatchError
		failed := make(map[string]bool)
		for i, m := range batch {
			switch key := string(m.Key); {
			case failed[key]:
				be.Add(i, sink.ErrBehindFailed)
			case strings.Contains(string(m.Value), "\n"):
				be.Add(i, flow.Permanent(errors.New("more than a line")))
				failed[key] = true
			default:
				fmt.Printf("%s: %s\n", key, m.Value)
			}
		}
		return be.Err()
	})
	err := board.Write(context.Background(), []sink.Message{
		{Key: []byte("a"), Value: []byte("one")},
		{Key: []byte("b"), Value: []byte("two\nlines")},
		{Key: []byte("b"), Value: []byte("behind it")},
		{Key: []byte("a"), Value: []byte("two")},
	})
	fmt.Println(err)
	// Output:
	// a: one
	// a: two
	// 2 messages failed, the first at index 1: more than a line
}
