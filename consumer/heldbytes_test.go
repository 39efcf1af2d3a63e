//go:build synctests

package consumer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// What is held is counted here by the size of the records and not by what the
// consumer says of itself: how many of a known size it has taken that its sink,
// which does not answer, has not.
func TestTheBudgetCountsTheBytesOfRecords(t *testing.T) {
	const size = 1 << 20
	inLab(t, 2, func(l *lab) {
		l.produceLarge(2, 40, size) // 80 MiB
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "records taken", func() bool { return m.Explain().HeldRecords > 1 })
		for range 200 {
			synctest.Wait() // the two figures are read one after the other
			r := m.Explain()
			if most := int64(cfg.Memory) / size; r.HeldRecords > most {
				t.Fatalf("holds %d records of %d bytes, want at most %d", r.HeldRecords, size, most)
			}
			if got, want := r.HeldBytes, r.HeldRecords*size; got < want {
				t.Fatalf("says that %d records of %d bytes are %d bytes, want at least %d", r.HeldRecords, size, got, want)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}
