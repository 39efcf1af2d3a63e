package flow

import (
	"context"
	"sync"
	"time"
)

// The five classes of a [Shedder], the first to be served first.
const (
	ClassCritical = iota // somebody waits, and there is no other way
	ClassHigh
	ClassNormal // what nobody said anything about
	ClassLow
	ClassBulk // nobody waits
)

type levelKey struct{}

// WithLevel notes the level of the request that ctx belongs to (see [Shedder.Level]),
// so that the calls made for it can carry it on.
func WithLevel(ctx context.Context, level int) context.Context {
	return context.WithValue(ctx, levelKey{}, level)
}

// LevelOf returns the level that [WithLevel] noted.
func LevelOf(ctx context.Context) (level int, ok bool) {
	level, ok = ctx.Value(levelKey{}).(int)
	return level, ok
}

// cutFresh is how long a server's cut is believed: a window of a [Shedder]. Who
// sheds everything at home hears nothing new, and must ask again.
const cutFresh = time.Second

// Cut is what a client knows of the level up to which a server admits requests.
// What lies beyond need not be sent. The zero value knows nothing. It is safe
// for concurrent use.
type Cut struct {
	mu    sync.Mutex
	level int
	until time.Time
}

// Learn notes a cut that the server told at now.
func (c *Cut) Learn(now time.Time, level int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.level, c.until = level, now.Add(cutFresh)
}

// Check returns nil when a request of level may be sent, and else a
// [RefusedError]. Of the level behind the cut the server admits a part: those
// are sent.
func (c *Cut) Check(now time.Time, level int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if level <= c.level+1 || !now.Before(c.until) {
		return nil
	}
	return &RefusedError{Reason: "overloaded: shed before it was sent", RetryAfter: cutFresh}
}
