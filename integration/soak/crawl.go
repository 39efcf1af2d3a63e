package main

import (
	"context"
	"fmt"
	"time"
)

// crawl finds a pipeline that does next to nothing although records wait and the
// service is fine. How fast a machine is that has other work too nobody knows, so
// the bound is a small share of what was taken at first.
type crawl struct {
	capacity float64 // records a second at first
	open     []moment
	slowest  float64 // records a second over a stretch
	known    bool
}

// moment is a while in which the service was fine and records waited.
type moment struct {
	at, lasts time.Duration
	taken     int64
}

const (
	look = 250 * time.Millisecond
	// A fault of the group or the broker, and the back-off after a bad mood, are over
	// within a stretch, and it has so much else in it.
	stretch = 30 * time.Second
	least   = 10 * time.Second
	share   = 1.0 / 20
)

// add takes a moment, and returns whether what was taken in the stretch it ends is
// too little. After that it begins anew.
func (c *crawl) add(m moment) (rate float64, bad bool) {
	c.open = append(c.open, m)
	for m.at-c.open[0].at > stretch {
		c.open = c.open[1:]
	}
	var lasts time.Duration
	var taken int64
	for _, m := range c.open {
		lasts += m.lasts
		taken += m.taken
	}
	if lasts < least {
		return 0, false
	}
	rate = float64(taken) / lasts.Seconds()
	if !c.known || rate < c.slowest {
		c.known, c.slowest = true, rate
	}
	if bad = rate < share*c.capacity; bad {
		c.open = nil
	}
	return rate, bad
}

// watching runs watch until end is called, or parent ends.
func (s *soak) watching(parent context.Context) (end func()) {
	ctx, cancel := context.WithCancel(parent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// watch keeps up with how far the group is behind, and looks for a crawl.
func (s *soak) watch(ctx context.Context) {
	begun := time.Now()
	asked, fine := time.Time{}, false
	at, taken := begun, s.lab.Taken()
	for pause(ctx, look) {
		if now := time.Now(); now.Sub(asked) >= time.Second {
			s.load.behind.Store(s.lab.Lag(ctx))
			asked = now
		}
		now, has, was := time.Now(), s.lab.Taken(), fine
		waits := float64(s.load.behind.Load()) > 2*float64(s.load.rate.Load())
		fine = waits && !s.side.moody.Load()
		if fine && was {
			m := moment{now.Sub(begun), now.Sub(at), has - taken}
			if rate, bad := s.crawl.add(m); bad {
				s.miss(fmt.Sprintf("crawls: at %s it took %.0f records a second, of %.0f at first, while the service was fine and %d waited",
					m.at.Round(time.Second), rate, s.crawl.capacity, s.load.behind.Load()))
			}
		}
		at, taken = now, has
	}
}
