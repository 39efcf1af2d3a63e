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
