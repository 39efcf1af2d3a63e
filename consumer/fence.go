package consumer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// fence holds new calls of handlers and sinks while the group may have given this
// member up: when the coordinator has answered nothing that was asked less than a
// session ago. A member that is cut off from the brokers, or was frozen, but whose
// sinks it can reach would else go on with all it holds beside the next owner.
//
// It counts from when a request was sent, because the coordinator counts from when it
// got it, and on the monotonic clock, which goes on while a process is stopped. The
// first answer after a session may be the one that says that the member is out: the
// client asks again only if it is not, or has given the partitions up and joins anew.
// So the second answer opens.
//
// The session of a KIP-848 group is the broker's to set. The default of both is the
// same; a shorter one there must be said to the consumer too.
type fence struct {
	now     func() time.Time
	born    time.Time
	session time.Duration
	until   atomic.Int64 // since born; calls may begin before it

	mu     sync.Mutex
	heard  time.Duration // when the first answer after a session came; 0 is none
	opened chan struct{}
	said   bool
}

// start begins with a session: there is nothing to hold before the first answer.
func (f *fence) start(now func() time.Time, session time.Duration) {
	f.now, f.born, f.session, f.opened = now, now(), session, make(chan struct{})
	f.until.Store(int64(session))
}

func (f *fence) since(t time.Time) time.Duration { return t.Sub(f.born) }

// shut reports whether no call may begin.
func (f *fence) shut() bool { return int64(f.since(f.now())) >= f.until.Load() }

// answered says that the coordinator has just answered what was sent at that time.
func (f *fence) answered(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked, until := f.since(sent), f.since(sent)+f.session
	switch {
	case int64(until) <= f.until.Load():
	case !f.shut():
		f.until.Store(int64(until))
	case f.heard == 0 || asked < f.heard:
		if f.heard == 0 {
			f.heard = f.since(f.now())
		}
	default:
		f.heard = 0
		f.until.Store(int64(until))
		close(f.opened)
		f.opened = make(chan struct{})
	}
}

// await waits until calls may begin, and returns false if ctx ended first.
func (f *fence) await(ctx context.Context) bool {
	for f.shut() {
		f.mu.Lock()
		opened, shut := f.opened, f.shut()
		f.mu.Unlock()
		if !shut {
			break
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// say logs that the fence has shut, or opened again.
func (f *fence) say(log *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shut := f.shut()
	switch {
	case shut && !f.said:
		log.Warn("the group's coordinator has not answered for a session; no handler or sink call is begun until it does", "session", f.session)
	case !shut && f.said:
		log.Info("the group's coordinator answers again")
	}
	f.said = shut
}
