package handlertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
)

func positive(_ context.Context, n int, rec *handlers.Record, emit handlers.Emit) error {
	if n < 0 {
		return flow.Permanent(errors.New("negative"))
	}
	emit(rec.Message())
	return nil
}

// A test of a handler: a record in, and what became of it as text.
func ExampleRun() {
	test := func(t testing.TB) {
		h := handlers.JSON(positive)
		fmt.Println(handlertest.Run(t, h, handlertest.Record("3", handlertest.Key("a"))))
		fmt.Println(handlertest.Run(t, h, handlertest.Record("-3", handlertest.Key("a"))))
		fmt.Println(handlertest.Run(t, h, handlertest.Record("three")).Verdict)
	}
	test(&spy{ctx: context.Background()}) // in a test of yours: its *testing.T
	// Output:
	// done a=3
	// reject: negative
	// reject
}
