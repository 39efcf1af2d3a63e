package consumer

import "context"

// turn is a mutex that is held while others are waited for: a commit waits for as
// long as the group joins. So whoever waits for its turn may give up, and in
// virtual time the clock goes on, which it does not for those who wait for a
// sync.Mutex. It is made with room for one.
type turn chan struct{}

// Lock waits for as long as it takes.
func (t turn) Lock() { t <- struct{}{} }

// Unlock gives the turn to another.
func (t turn) Unlock() { <-t }

// await is Lock, until ctx ends.
func (t turn) await(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
