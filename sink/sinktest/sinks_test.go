package sinktest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/sinktest"
)

func TestTheSinksForTestsPassTheSuite(t *testing.T) {
	bad := []byte(`"bad"`)
	for name, open := range map[string]func(*sinktest.Memory) *sinktest.Subject{
		"memory": func(m *sinktest.Memory) *sinktest.Subject { return &sinktest.Subject{Sink: m} },
		"slow": func(m *sinktest.Memory) *sinktest.Subject {
			return &sinktest.Subject{Sink: sinktest.Slow(m, time.Millisecond)}
		},
		"faulty": func(m *sinktest.Memory) *sinktest.Subject {
			var down, silent atomic.Bool
			return &sinktest.Subject{Down: down.Store, Silent: silent.Store, Sink: sinktest.Faulty(m, func(ctx context.Context, _ []sink.Message) error {
				if silent.Load() {
					<-ctx.Done()
					return ctx.Err()
				}
				if down.Load() {
					return errors.New("down")
				}
				return ctx.Err()
			})}
		},
		"partial": func(m *sinktest.Memory) *sinktest.Subject {
			return &sinktest.Subject{Bad: bad, Sink: sinktest.Partial(m, func(m *sink.Message) error {
				if string(m.Value) == string(bad) {
					return flow.Permanent(errors.New("bad"))
				}
				return nil
			})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(*testing.T) *sinktest.Subject {
				m := new(sinktest.Memory)
				s := open(m)
				s.Values = m.Values
				return s
			})
		})
	}
}

func TestMemoryKeepsACopy(t *testing.T) {
	var m sinktest.Memory
	value := []byte("v")
	batch := []sink.Message{{Key: value, Value: value, Headers: []sink.Header{{Key: "h", Value: value}}}}
	if err := m.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	value[0] = 'x'
	got := m.Messages()[0]
	if string(got.Key)+string(got.Value)+string(got.Headers[0].Value) != "vvv" {
		t.Errorf("got %s, %s, %s, want what was written", got.Key, got.Value, got.Headers[0].Value)
	}
}

func TestPartialReportsFailuresBehindItByTheirPlaceInTheBatch(t *testing.T) {
	refuse := func(value string) func(*sink.Message) error {
		return func(m *sink.Message) error {
			if string(m.Value) == value {
				return flow.Permanent(errors.New(value))
			}
			return nil
		}
	}
	s := sinktest.Partial(sinktest.Partial(new(sinktest.Memory), refuse("2")), refuse("0"))
	err := s.Write(t.Context(), []sink.Message{{Value: []byte("0")}, {Value: []byte("1")}, {Value: []byte("2")}})
	be, ok := sink.AsBatchError(err)
	if !ok || len(be.Failed()) != 2 {
		t.Fatalf("got %v, want two failures", err)
	}
	for k, want := range []int{0, 2} {
		if got := be.Failed()[k].Index; got != want {
			t.Errorf("failure %d is of %d, want %d", k, got, want)
		}
	}
}
