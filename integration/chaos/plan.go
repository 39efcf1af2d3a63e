package main

import (
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/internal/crash"
)

// provocation is what makes a pipeline come by a point.
type provocation int

const (
	load   provocation = iota // records alone do
	outage                    // the service refuses everything for a while
	stop                      // SIGTERM
	revoke                    // another member joins; where there is to be one alone, SIGTERM
)

// way is how a point is reached: by what, and at most at which passing.
type way struct {
	by   provocation
	hits int
}

func ways() map[crash.Point]way {
	return map[crash.Point]way{
		crash.OffsetsFetched:   {load, 4},
		crash.Fetched:          {load, 5},
		crash.Dispatched:       {load, 20},
		crash.Handled:          {load, 50},
		crash.Joined:           {load, 100},
		crash.EffectSent:       {load, 100},
		crash.ProbeInFlight:    {outage, 2},
		crash.Acked:            {load, 100},
		crash.MidBatch:         {load, 20},
		crash.RetryParked:      {load, 5},
		crash.Marked:           {load, 100},
		crash.CommitSent:       {load, 3},
		crash.MapSent:          {load, 2},
		crash.ReplyNotApplied:  {load, 3},
		crash.DeadLetterSent:   {load, 5},
		crash.DeadLetterAcked:  {load, 5},
		crash.Paused:           {outage, 1},
		crash.InDrain:          {revoke, 1},
		crash.DrainCommitted:   {revoke, 1},
		crash.DrainedNotClosed: {stop, 1},
	}
}

// standIns names the points that stand where those of a transaction will be.
func standIns() string {
	var names []string
	for _, p := range []crash.Point{crash.Handled, crash.Joined, crash.RetryParked, crash.MapSent, crash.OffsetsFetched} {
		names = append(names, string(p))
	}
	return strings.Join(names, "; ")
}

// shape is one of the trials that every point has.
type shape struct {
	members int
	crashes int // in a row
	batch   string
	restart bool // the broker is killed too, after the first crash
}

func shapes() []shape {
	return []shape{
		{members: 1, crashes: 1, batch: "none"},
		{members: 1, crashes: 2, batch: "ndjson", restart: true},
		{members: 2, crashes: 3, batch: "none"},
	}
}

func (s shape) String() string { return fmt.Sprintf("members=%d crashes=%d", s.members, s.crashes) }
