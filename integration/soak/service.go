package main

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
)

// side is the service behind the pipeline: some servers, each with one call at a
// time. What it is given beyond waits its turn.
type side struct {
	slots chan struct{}
	moody atomic.Bool // it is not fine
}

const (
	servers  = 4
	workTime = 4 * time.Millisecond
)

func newSide() *side { return &side{slots: make(chan struct{}, servers)} }

// work has a server work at a call for d before it takes effect.
func (s *side) work(c *lab.Call, d time.Duration) {
	s.slots <- struct{}{}
	c.Wait(d)
	<-s.slots
	c.Take(c.Messages)
}

func (s *side) fine(c *lab.Call) { s.work(c, workTime) }

// moods are how it may treat calls for a while, until the end of it.
func (s *side) moods() map[string]func(end time.Time) lab.Mood {
	some := func(share float64) bool { return rand.Float64() < share } //nolint:gosec // chance, not a secret
	return map[string]func(time.Time) lab.Mood{
		"slow": func(time.Time) lab.Mood {
			return func(c *lab.Call) { s.work(c, 5*workTime) }
		},
		"refusing": func(time.Time) lab.Mood {
			return func(c *lab.Call) { c.Refuse(http.StatusServiceUnavailable, time.Second) }
		},
		"hanging": func(end time.Time) lab.Mood {
			return func(c *lab.Call) { // without effect, or with one that nobody is told of
				if some(0.5) && !c.Take(c.Messages) {
					return
				}
				c.Wait(time.Until(end))
				c.Cut()
			}
		},
		"resetting": func(time.Time) lab.Mood {
			return func(c *lab.Call) {
				switch {
				case some(0.7):
					s.fine(c)
				case some(0.5) && !c.Take(c.Messages):
				default:
					c.Cut()
				}
			}
		},
		"taking parts": func(time.Time) lab.Mood {
			return func(c *lab.Call) {
				if some(0.7) {
					s.fine(c)
				} else if c.Take((c.Messages + 1) / 2) {
					c.Cut()
				}
			}
		},
	}
}
