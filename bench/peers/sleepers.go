package peers

import (
	"context"
	"sync"
)

// Sleepers is no consumer but what a consumer could do at best: InFlight goroutines
// that wait as long as a handler does, again and again.
func Sleepers(ctx context.Context, s Spec, m *Meter) error {
	var all sync.WaitGroup
	for range max(s.InFlight, 1) {
		all.Go(func() {
			for Wait(ctx, s.Handler) == nil {
				m.Add(1, 0)
			}
		})
	}
	all.Wait()
	return nil
}
