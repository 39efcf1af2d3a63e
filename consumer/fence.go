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
// got it, and on the monotonic clock, which goes on while a process is stopped. Once
// shut it opens for a member that has asked whether it is one, see askMembership, or
// has been given its share.
//
// The session of a KIP-848 group is the broker's to set. The default of both is the
// same; a shorter one there must be said to the consumer too.
type fence struct {
	now     func() time.Time
	born    time.Time
	session time.Duration
	until   atomic.Int64 // since born; calls may begin before it

	mu     sync.Mutex
	asked  time.Duration // when the latest that was answered was asked for
	synced time.Duration // the same of the latest share
	opened chan struct{}
	said   bool

	news chan struct{} // something was answered that opens nothing
}

// start begins with a session: there is nothing to hold before the first answer.
func (f *fence) start(now func() time.Time, session time.Duration) {
	f.now, f.born, f.session, f.opened, f.news = now, now(), session, make(chan struct{}), make(chan struct{}, 1)
	f.until.Store(int64(session))
}

func (f *fence) since(t time.Time) time.Duration { return t.Sub(f.born) }

// shut reports whether no call may begin.
func (f *fence) shut() bool { return int64(f.since(f.now())) >= f.until.Load() }

// answered says that the coordinator has just answered what was sent at that time, or
// a broker that was taken for it.
func (f *fence) answered(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = max(f.asked, f.since(sent))
	if !f.shut() {
		f.lengthen(f.asked)
		return
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// shared says the same of a request for the member's share. A KIP-848 group knows none.
func (f *fence) shared(sent time.Time) {
	f.answered(sent)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = f.since(sent)
}

// assigned says that the client has given up what is not in the member's share.
func (f *fence) assigned() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.synced > 0 {
		f.lengthen(f.synced)
	}
}

// confirmed says that the coordinator, asked at that time, still had this member.
func (f *fence) confirmed(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lengthen(min(f.asked, f.since(sent)))
}

// lengthen lets calls begin within a session of what was asked.
func (f *fence) lengthen(asked time.Duration) { // under mu
	until := int64(asked + f.session)
	if until <= f.until.Load() {
		return
	}
	shut := f.shut()
	f.until.Store(until)
	if shut {
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
