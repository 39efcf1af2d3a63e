//go:build synctests

package proof

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// ends returns both ends of a connection through a link.
func ends(t *testing.T) (l *link, member, broker net.Conn) {
	t.Helper()
	w := newWire(&scenario{answers: time.Millisecond})
	ln, err := w.virtual.Listen("tcp", "localhost:19092")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		c, _ := ln.Accept()
		accepted <- c
	}()
	l = newLink(w)
	if member, err = l.DialContext(t.Context(), "tcp", "localhost:19092"); err != nil {
		t.Fatal(err)
	}
	broker = <-accepted
	t.Cleanup(func() { _, _, _ = member.Close(), broker.Close(), ln.Close() })
	return l, member, broker
}

func TestAFrozenLinkCarriesNothingAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, member, broker := ends(t)
		begun := time.Now()
		l.freeze()
		time.AfterFunc(5*time.Second, func() { l.thaw() })
		got := make(chan time.Duration, 2)
		pass := func(from, to net.Conn) {
			go func() { _, _ = from.Write([]byte("x")) }()
			if _, err := to.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			got <- time.Since(begun)
		}
		go pass(member, broker)
		go pass(broker, member)
		for range 2 {
			if d := <-got; d != 5*time.Second {
				t.Errorf("got it after %s, want 5s", d)
			}
		}
	})
}

func TestADeadlineHoldsOnAFrozenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, member, _ := ends(t)
		l.freeze()
		begun := time.Now()
		time.AfterFunc(time.Second, func() { _ = member.SetWriteDeadline(time.Now().Add(time.Second)) })
		if _, err := member.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != 2*time.Second {
			t.Errorf("got %v after %s, want the deadline after 2s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.DialContext(ctx, "tcp", "localhost:19092"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func TestWhatAMemberLeavesBehindIsCounted(t *testing.T) {
	m := &member{n: 7, s: &scenario{seed: 4711}}
	end, begun, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	m.label(t.Context(), func(context.Context) {
		go func() {
			go func() { close(begun); <-end; close(ended) }()
			<-end
		}()
	})
	<-begun
	if n := m.left(); n != 2 {
		t.Errorf("got %d goroutines, want 2", n)
	}
	if n := (&member{n: 8, s: m.s}).left(); n != 0 {
		t.Errorf("got %d goroutines of another, want none", n)
	}
	close(end)
	<-ended
}
