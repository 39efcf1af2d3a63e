//go:build synctests

package consumer_test

import (
	"context"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// handled writes records of these keys and returns when the first of them was begun and
// when each had been handled, by a handler that waits.
func (l *lab) handled(keys []int, takes time.Duration, opts ...consumer.Option) (begun time.Time, ends []time.Time) {
	l.Helper()
	var mu sync.Mutex
	h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		from := time.Now()
		wait(ctx, takes)
		mu.Lock()
		defer mu.Unlock()
		if begun.IsZero() || from.Before(begun) {
			begun = from
		}
		ends = append(ends, time.Now())
		emit(rec.Message())
		return nil
	})
	recs := make([]*kgo.Record, len(keys))
	for i, k := range keys {
		name := []byte("k" + strconv.Itoa(k))
		recs[i] = &kgo.Record{Topic: topic, Partition: int32(crc32.ChecksumIEEE(name) % 8), Key: name, Value: []byte(strconv.Itoa(i))}
	}
	l.write(recs...)
	m := l.run(l.config(), l.to(h), opts...)
	l.until(time.Hour, "all handled", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ends) == len(keys)
	})
	m.mustEnd()
	return begun, ends
}

func TestAsManyHandlersWaitAsMayInKeyOrder(t *testing.T) {
	inLab(t, 8, func(l *lab) {
		const n, inFlight, takes = 20_000, 200, 10 * time.Millisecond
		rng := rand.New(rand.NewPCG(1, 2))
		keys := make([]int, n)
		for i := range keys {
			keys[i] = rng.IntN(100_000)
		}
		_, ends := l.handled(keys, takes, consumer.WithHandlers(inFlight))
		slices.SortFunc(ends, time.Time.Compare)
		took := ends[n*3/4].Sub(ends[n/4]) // between the beginning and the end
		if got, want := took, n/2*takes/inFlight*101/100; got > want {
			t.Errorf("half of the records took %s, want %s", got, want)
		}
	})
}

// A tenth of the records are one key, so the time for them one after the other is what
// there is to wait for.
func TestAHotKeyIsNotKeptWaitingByOthers(t *testing.T) {
	inLab(t, 8, func(l *lab) {
		const n, takes = 10_000, 2 * time.Millisecond
		rng := rand.New(rand.NewPCG(1, 2))
		keys, hot := make([]int, n), 0
		for i := range keys {
			if keys[i] = rng.IntN(100_000); rng.IntN(10) == 0 {
				keys[i] = -1
				hot++
			}
		}
		begun, ends := l.handled(keys, takes)
		slices.SortFunc(ends, time.Time.Compare)
		if got, want := ends[n-1].Sub(begun), time.Duration(hot)*takes*105/100; got > want {
			t.Errorf("all took %s, want %s", got, want)
		}
	})
}
