package consumer

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// clock is a time that a test moves.
type fenceClock struct{ at time.Time }

func (c *fenceClock) now() time.Time { return c.at }

func newTestFence(session time.Duration) (*fence, *fenceClock) {
	c := &fenceClock{time.Now()}
	f := &fence{}
	f.start(c.now, session)
	return f, c
}

func TestAFenceShutsASessionAfterTheLastAnsweredRequestWasSent(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	c.at = c.at.Add(4 * time.Second)
	f.answered(c.at.Add(-time.Second)) // sent after 3 s
	c.at = c.at.Add(9*time.Second - 1)
	if f.shut() {
		t.Error("shut before a session has passed")
	}
	c.at = c.at.Add(1)
	if !f.shut() {
		t.Error("open a session after the request was sent")
	}
}

// Whoever answers may be no coordinator, or say that the member is out.
func TestNoAnswerOpensAFenceThatIsShut(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	c.at = c.at.Add(11 * time.Second)
	for range 3 {
		sent := c.at
		c.at = c.at.Add(time.Second)
		f.answered(sent)
		f.shared(sent)
		if !f.shut() {
			t.Fatal("open with an answer")
		}
		select {
		case <-f.news:
		default:
			t.Fatal("nobody is told that there was an answer")
		}
	}
}

func TestAFenceOpensForASessionOnceTheMembershipIsConfirmed(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	c.at = c.at.Add(11 * time.Second)
	heard := c.at
	f.answered(heard)
	c.at = c.at.Add(2 * time.Second)
	f.confirmed(c.at)
	if f.shut() {
		t.Fatal("shut although it is a member")
	}
	c.at = heard.Add(10 * time.Second) // the question may be one by which no session is counted
	if !f.shut() {
		t.Fatal("open a session after the last answered request was sent")
	}
}

// Joining again the client keeps what it holds, whatever has become of the member,
// until it has its share.
func TestAFenceOpensWithTheShareOfAMemberThatJoinsAgain(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	c.at = c.at.Add(11 * time.Second)
	sent := c.at
	c.at = c.at.Add(time.Second)
	f.shared(sent)
	if !f.shut() {
		t.Fatal("open before the client has given up what is not in the share")
	}
	f.assigned()
	if f.shut() {
		t.Fatal("shut with the share")
	}
	c.at = sent.Add(10 * time.Second)
	if !f.shut() {
		t.Fatal("open a session after the share was asked for")
	}
}

func TestAFenceStaysOpenWhileItsMemberJoins(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	for range 5 {
		c.at = c.at.Add(6 * time.Second)
		f.answered(c.at)
		c.at = c.at.Add(6 * time.Second)
		f.shared(c.at)
		if f.shut() {
			t.Fatal("shut although the coordinator has answered within the session")
		}
	}
}

// Whatever is answered when, calls begin only within a session of an answered request.
func TestAFenceIsNeverOpenWithoutAnAnswerOfTheSession(t *testing.T) {
	const session = 10 * time.Second
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		f, c := newTestFence(session)
		last := c.at
		for range 200 {
			c.at = c.at.Add(time.Duration(r.Int64N(int64(6 * time.Second))))
			if r.IntN(3) > 0 {
				sent := c.at.Add(-time.Duration(r.Int64N(int64(12 * time.Second))))
				[]func(time.Time){f.answered, f.shared}[r.IntN(2)](sent)
				if sent.After(last) {
					last = sent
				}
			}
			switch r.IntN(8) {
			case 0:
				f.assigned()
			case 1:
				f.confirmed(c.at.Add(-time.Duration(r.Int64N(int64(3 * time.Second)))))
			}
			if !f.shut() && c.at.Sub(last) >= session {
				t.Fatalf("seed %d: open %s after the last answered request was sent", seed, c.at.Sub(last))
			}
		}
	}
}

func TestAFenceLetsThoseGoWhoWait(t *testing.T) {
	f, c := newTestFence(10 * time.Second)
	c.at = c.at.Add(11 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f.await(ctx) {
		t.Error("a wait that was cancelled says open")
	}
	opened := make(chan bool)
	go func() { opened <- f.await(t.Context()) }()
	f.answered(c.at)
	f.confirmed(c.at)
	if !<-opened {
		t.Error("a wait ended without the fence being open")
	}
}
