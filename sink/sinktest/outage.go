package sinktest

import (
	"context"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

func silentSide(t *testing.T, s *Subject) {
	if s.Silent == nil {
		t.Skip("the other side of this sink always answers")
	}
	s.Silent(true)
	defer s.Silent(false)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Sink.Write(ctx, batch("e", 3, 3)) }()
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("Write said that it was delivered")
		}
		if v := flow.Classify(err); v == flow.Reject {
			t.Fatalf("%v blames the messages", err)
		}
	case <-time.After(patience):
		t.Fatal("Write went on after its context had ended")
	}
}

func outagePasses(t *testing.T, s *Subject) {
	if s.Down == nil {
		t.Skip("the other side of this sink can not fail")
	}
	msgs := batch("f", 20, 5)
	if err := s.write(t, batch("before", 2, 2)); err != nil {
		t.Fatal(err)
	}
	s.Down(true)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	err := s.Sink.Write(ctx, msgs)
	cancel()
	if err == nil {
		t.Fatal("Write said that it was delivered to a side that is down")
	}
	if be, partial := sink.AsBatchError(err); partial {
		for _, f := range be.Failed() {
			err = f.Err
		}
	}
	if flow.Classify(err) == flow.Reject {
		t.Fatalf("%v blames the messages for an outage", err)
	}
	s.Down(false)
	deadline := time.After(patience)
	for s.write(t, msgs) != nil {
		select {
		case <-deadline:
			t.Fatal("the sink did not recover")
		case <-time.After(20 * time.Millisecond):
		}
	}
	if s.Values == nil {
		return
	}
	if problem := missing(msgs, s.Values()); problem != "" {
		t.Fatal(problem)
	}
}

// undelivered returns what must be written again after err.
func undelivered(t *testing.T, msgs []sink.Message, err error) []sink.Message {
	t.Helper()
	be, partial := sink.AsBatchError(err)
	switch {
	case err == nil:
		return nil
	case !partial:
		return msgs
	}
	failed := make(map[int]bool)
	for _, f := range be.Failed() {
		if f.Index < 0 || f.Index >= len(msgs) || failed[f.Index] {
			t.Fatalf("index %d of %d messages is reported twice or does not exist", f.Index, len(msgs))
		}
		failed[f.Index] = true
	}
	var again []sink.Message
	for i := range msgs {
		if failed[i] {
			again = append(again, msgs[i])
		}
	}
	return again
}

// retriesInOrder fails the other side again and again in the middle of the work.
// What arrives of a key may step back and repeat, but never skips ahead.
func retriesInOrder(t *testing.T, s *Subject) {
	if s.Down == nil {
		t.Skip("the other side of this sink can not fail")
	}
	const rounds, each, keys = 12, 9, 3
	all := batch("r", rounds*each, keys)
	for r := range rounds {
		left := all[r*each : (r+1)*each]
		if r%3 == 1 {
			s.Down(true)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			left = undelivered(t, left, s.Sink.Write(ctx, left))
			cancel()
			s.Down(false)
		}
		for deadline := time.Now().Add(patience); len(left) > 0; {
			left = undelivered(t, left, s.write(t, left))
			if time.Now().After(deadline) {
				t.Fatal("the sink did not recover")
			}
		}
	}
	if s.Values == nil {
		return
	}
	next := make(map[string]int) // of a key, the first that has not arrived yet
	place := make(map[string]int)
	for i := range all {
		place[string(all[i].Value)] = i
	}
	for _, v := range s.Values() {
		i, known := place[v]
		key, nth := string(all[i].Key), i/keys
		if !known || nth > next[key] {
			t.Fatalf("%s arrived before message %d of its key", v, next[key])
		}
		next[key] = max(next[key], nth+1)
	}
	for i := range all {
		if i/keys >= next[string(all[i].Key)] {
			t.Fatalf("%s did not arrive", all[i].Value)
		}
	}
}
