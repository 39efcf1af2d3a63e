package peers

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/handlers"
)

// Stuck is one record whose handling takes long: the first of Key that is handled from
// From on is not done before Until.
type Stuck struct {
	Key         string
	From, Until time.Time
}

// before returns h with that record in front of it.
func (s *Stuck) before(h handlers.Handler) handlers.Handler {
	if s == nil {
		return h
	}
	var met atomic.Bool
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if string(rec.Key) == s.Key && !time.Now().Before(s.From) && met.CompareAndSwap(false, true) {
			if err := Wait(ctx, time.Until(s.Until)); err != nil {
				return err
			}
		}
		return h.Handle(ctx, rec, emit)
	})
}
