package sinktest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Subject is a sink under test, with the other side in the test's hand.
type Subject struct {
	Sink sink.Sink
	// Values returns the values that have reached the other side, in order and
	// with repetitions. Nil says that the sink keeps nothing.
	Values func() []string
	// Down makes the other side fail, or be gone, until it is called with false.
	// Nil says that it can not.
	Down func(down bool)
	// Silent makes the other side take a write without an answer until it is
	// called with false. Nil says that it can not.
	Silent func(silent bool)
	// Bad is a value that the other side will never take, nil if there is none.
	Bad []byte
}

// The longest that an answer may take before a test gives up.
const patience = 10 * time.Second

// Run checks that a sink keeps what [sink.Sink] asks of it. It opens a fresh
// subject for each test; open cleans up with t.Cleanup. All values are JSON.
func Run(t *testing.T, open func(t *testing.T) *Subject) {
	t.Helper()
	tests := []struct {
		name string
		run  func(*testing.T, *Subject)
	}{
		{"a batch arrives in order before Write returns", batchArrives},
		{"a message without key or headers arrives", bareArrives},
		{"the batch is neither changed nor kept", batchIsLent},
		{"keys stay in order under concurrent writes", concurrentWrites},
		{"an ended context ends the write", endedContext},
		{"a silent other side ends with the context", silentSide},
		{"an outage passes", outagePasses},
		{"retries keep the order of a key", retriesInOrder},
		{"a bad message holds back its key", badMessage},
		{"a message without a value is taken or rejected", tombstone},
		{"limits are not negative", limitsMakeSense},
		{"a closed sink refuses", closedRefuses},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// batch returns n messages over the given number of keys, whose values are unique.
func batch(prefix string, n, keys int) []sink.Message {
	msgs := make([]sink.Message, n)
	for i := range msgs {
		msgs[i] = sink.Message{
			Key: []byte(prefix + "-k" + strconv.Itoa(i%keys)), Value: []byte(strconv.Quote(prefix + "-" + strconv.Itoa(i))),
			Headers:   []sink.Header{{Key: "h", Value: []byte("1")}, {Key: "none"}},
			Timestamp: time.UnixMilli(1_700_000_000_000), Source: sink.Position{Topic: prefix, Offset: int64(i)},
		}
	}
	return msgs
}

func valuesOf(msgs []sink.Message) []string {
	vs := make([]string, len(msgs))
	for i := range msgs {
		vs[i] = string(msgs[i].Value)
	}
	return vs
}

func (s *Subject) write(t *testing.T, msgs []sink.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Sink.Write(ctx, msgs)
}

func batchArrives(t *testing.T, s *Subject) {
	msgs := batch("a", 50, 7)
	if err := s.write(t, msgs); err != nil {
		t.Fatal(err)
	}
	if s.Values == nil {
		return
	}
	if problem := missing(msgs, s.Values()); problem != "" {
		t.Fatal(problem)
	}
}

// missing says what of msgs did not arrive, or not in the order of its key.
func missing(msgs []sink.Message, values []string) string {
	last := make(map[string]int)
	for i := range msgs {
		at := slices.Index(values, string(msgs[i].Value))
		if at < 0 {
			return fmt.Sprintf("%s did not arrive", msgs[i].Value)
		}
		key := string(msgs[i].Key)
		if at < last[key] {
			return fmt.Sprintf("%s arrived before another of its key %s", msgs[i].Value, key)
		}
		last[key] = at
	}
	return ""
}

func bareArrives(t *testing.T, s *Subject) {
	msgs := []sink.Message{{Value: []byte(`"bare"`)}}
	if err := s.write(t, msgs); err != nil {
		t.Fatal(err)
	}
	if s.Values != nil && !slices.Equal(s.Values(), valuesOf(msgs)) {
		t.Fatalf("arrived %q, want %q", s.Values(), valuesOf(msgs))
	}
}

func batchIsLent(t *testing.T, s *Subject) {
	msgs, want := batch("b", 10, 3), batch("b", 10, 3)
	if err := s.write(t, msgs); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(msgs, want) {
		t.Fatal("Write changed the batch")
	}
	for i := range msgs { // what it kept would change now
		for _, kept := range [][]byte{msgs[i].Key, msgs[i].Value, msgs[i].Headers[0].Value} {
			for k := range kept {
				kept[k] = 'x'
			}
		}
		clear(msgs[i].Headers)
	}
	clear(msgs)
	if s.Values == nil {
		return
	}
	if problem := missing(want, s.Values()); problem != "" {
		t.Fatal(problem)
	}
}

func concurrentWrites(t *testing.T, s *Subject) {
	const writers, rounds = 8, 20
	var all sync.WaitGroup
	var mu sync.Mutex
	var sent [writers][]sink.Message
	for w := range writers {
		all.Go(func() {
			for r := range rounds {
				msgs := batch(fmt.Sprintf("c%d-%d", w, r), 5, 1)
				for i := range msgs {
					msgs[i].Key = []byte{byte('a' + w)}
				}
				if err := s.write(t, msgs); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sent[w] = append(sent[w], msgs...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if s.Values == nil {
		return
	}
	values := s.Values()
	for w := range sent {
		if problem := missing(sent[w], values); problem != "" {
			t.Error(problem)
		}
	}
}

func endedContext(t *testing.T, s *Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Sink.Write(ctx, batch("d", 3, 3)); flow.Classify(err) != flow.Ignore {
		t.Fatalf("%v is %s, want the context's own error", err, flow.Classify(err))
	}
}

func tombstone(t *testing.T, s *Subject) {
	err := s.write(t, []sink.Message{{Key: []byte("k")}})
	if v := flow.Classify(err); v != flow.Done && v != flow.Reject {
		t.Fatalf("%v is %s, want it taken or rejected", err, v)
	}
}

func badMessage(t *testing.T, s *Subject) {
	if s.Bad == nil {
		t.Skip("this sink takes any message")
	}
	msgs := batch("g", 6, 2)
	msgs[2].Value = s.Bad // of the first key: 4 follows it, 1, 3 and 5 are of the other
	err := s.write(t, msgs)
	be, partial := sink.AsBatchError(err)
	if err == nil || !partial && flow.Classify(err) != flow.Reject {
		t.Fatalf("%v, want a reject", err)
	}
	failed := make(map[int]bool)
	if partial {
		for _, f := range be.Failed() {
			failed[f.Index] = true
			if v := flow.Classify(f.Err); (v == flow.Reject) != (f.Index == 2) {
				t.Errorf("message %d: %v is %s, want a reject of 2 and no other", f.Index, f.Err, v)
			}
		}
		if !failed[2] || !failed[4] {
			t.Errorf("reported %v as failed, want 2 and 4, which follows it", failed)
		}
	} else { // who is at fault is found by writing less: nothing was delivered yet
		for i := range msgs {
			failed[i] = true
		}
	}
	if s.Values == nil {
		return
	}
	values := s.Values()
	for i := range msgs {
		if got := slices.Contains(values, string(msgs[i].Value)); got == failed[i] {
			t.Errorf("message %d: delivered %v, failed %v", i, got, failed[i])
		}
	}
}

func limitsMakeSense(t *testing.T, s *Subject) {
	l, ok := s.Sink.(sink.Limited)
	if !ok {
		t.Skip("the sink has no limits")
	}
	lim := l.Limits()
	if lim.Messages < 0 || lim.Bytes < 0 {
		t.Fatalf("limits are %+v", lim)
	}
	if lim.Bytes == 0 {
		return
	}
	big := []sink.Message{{Key: []byte("big"), Value: fmt.Appendf(nil, `"%s"`, bytes.Repeat([]byte("x"), lim.Bytes))}}
	err := s.write(t, big) // alone, it is given although it is larger
	if err != nil && flow.Classify(err) != flow.Reject {
		if be, partial := sink.AsBatchError(err); !partial || flow.Classify(be.Failed()[0].Err) != flow.Reject {
			t.Fatalf("a message larger than the limit: %s, want it taken or rejected", strings.TrimSpace(err.Error()))
		}
	}
}

func closedRefuses(t *testing.T, s *Subject) {
	c, ok := s.Sink.(io.Closer)
	if !ok {
		t.Skip("the sink has nothing to close")
	}
	if err := s.write(t, batch("h", 2, 2)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(t, batch("i", 2, 2)); err == nil {
		t.Fatal("a closed sink took a batch")
	}
}
