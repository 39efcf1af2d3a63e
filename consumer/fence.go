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
// first heartbeat answered after a session may be the one that says that the member is
// out: the client sends another only if it is not, or has given the partitions up. So
// the second opens. That the answer to a join says so the client tells nobody: it
// joins as another member, and keeps what it holds until it is told its share. So joins
// open nothing, and the share does.
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
	synced time.Duration // when the last share that came was asked for
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

// answered says that the coordinator has just answered a heartbeat that was sent at
// that time.
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
		f.open(until)
	}
}

// joins says the same of a request to join: what was heard before is of another
// membership.
func (f *fence) joins(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lengthen(sent)
	f.heard = 0
}

// syncs says the same of a request for the member's share.
func (f *fence) syncs(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lengthen(sent)
	f.heard, f.synced = f.since(f.now()), f.since(sent)
}

// lengthen counts an answer while calls may begin, not when they may no more.
func (f *fence) lengthen(sent time.Time) { // under mu
	if until := int64(f.since(sent) + f.session); !f.shut() && until > f.until.Load() {
		f.until.Store(until)
	}
}

// assigned says that the client has given up what is not in the member's share. In a
// KIP-848 group there are heartbeats only, and nothing to do here.
func (f *fence) assigned() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until := f.synced + f.session; f.synced > 0 && int64(until) > f.until.Load() {
		f.open(until)
	}
}

func (f *fence) open(until time.Duration) { // under mu
	f.heard = 0
	f.until.Store(int64(until))
	close(f.opened)
	f.opened = make(chan struct{})
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
