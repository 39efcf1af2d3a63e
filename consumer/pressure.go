package consumer

import (
	"slices"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// view is what pressure is decided from: the whole consumer at one moment.
type view struct {
	now     time.Time
	state   State // as decided last
	since   time.Time
	held    int64 // bytes taken and not finished
	budget  int64
	records int64
	room    int // records that still fit
	try     int // records that may be taken though the sinks are blocked
	free    int // records that may be taken while no sink bounds the work
	sinks   []sinkView
	parts   []partView
	deaf    int  // handler calls that do not heed that their time is up
	silent  bool // the group's coordinator is, for a session
	tenant  bool // one is over its share
}

// sinkView is one sink's queue, as its gate sees it, and what holds its calls.
type sinkView struct {
	name  string
	final bool // the dead letters
	used  bool // it has something to write, or had lately
	gate  flow.GateState
	until time.Time // no call before
	why   string    // and the reason
	rated bool      // its rate is used up
	full  bool      // its limit is reached and more waits
	deaf  int       // calls that do not heed that their time is up

	takes int // records that may be taken for it beside what it has

	wait, low, high time.Duration // how long the queue would last, and where the gate opens and holds
}

// partView is one partition.
type partView struct {
	paused   bool      // as decided last
	pausedAt time.Time // when it was paused last
	held     int64
	over     bool // it was paused for its share, and has not worked off half of that
	behind   bool // the broker has records that were not taken
	mapWhole bool
	failure  error
	retries  int
}

// ruling is what pressure decides.
type ruling struct {
	state   State
	reasons []string
	parts   []partRuling
}

type partRuling struct {
	paused  bool
	over    bool
	reasons []string
}

// The marks between which pressure moves, as shares of the budget. Up to high
// records are taken from the client; below low they are again. What lies between
// high and the whole budget is room for what the client fetches ahead.
const (
	highMark = 0.8
	lowMark  = 0.6
	// pauseAfter is how long a hold lasts before fetching is paused: a short hold
	// costs nothing, a pause throws away what the client has fetched ahead.
	pauseAfter = 3 * time.Second
	// minDwell is the least that a pause lasts, and pauseEvery the least between
	// two of one partition: under a sink that hovers at its limit the answer is a
	// hold, not partitions that flap.
	minDwell   = time.Second
	pauseEvery = 10 * time.Second
)

// decide is pressure as one pure function: from what is held and what the gates
// of the sinks say to open, hold or paused, for all and for each partition, with
// the reasons.
func decide(v view) ruling {
	full := v.full()
	r := ruling{state: v.next(full), reasons: v.reasons(full), parts: make([]partRuling, len(v.parts))}
	share := shareOf(v.budget, len(v.parts))
	for i := range v.parts {
		p := &v.parts[i]
		r.parts[i] = decidePart(p, share, p.mayPause(v.now))
		if r.state == StatePaused {
			r.parts[i].paused = true
			r.parts[i].reasons = append(slices.Clone(r.reasons), r.parts[i].reasons...)
		}
	}
	return r
}

// next is the state for all partitions.
func (v *view) next(full bool) State {
	blocked, long := v.blocked()
	lasted := v.now.Sub(v.since)
	switch {
	case full || blocked && v.try == 0 || v.silent:
		long = v.state == StateHold && (long || lasted >= pauseAfter)
		if v.state == StatePaused || long && v.mayPause() {
			return StatePaused
		}
		return StateHold
	case v.state == StatePaused && lasted < minDwell:
		return StatePaused
	}
	return StateOpen
}

// full reports whether memory is what there is too little of. A record that
// costs more than the room that is left holds too, and until there is room for
// it: else the poll loop would close again at once what was opened for it.
func (v *view) full() bool {
	mark := highMark
	if v.state != StateOpen {
		mark = lowMark
	}
	return v.room == 0 || float64(v.held) >= mark*float64(v.budget)
}

// blocked reports whether the gates of all sinks in use are closed, and whether
// they expect it to last. While one of several takes, its records must keep
// coming. The dead letters count only while nothing else is in use: they come the
// same way as the others.
func (v *view) blocked() (blocked, long bool) {
	closed := func(final bool) (used, all, long bool) {
		all, long = true, true
		for _, s := range v.sinks {
			if s.used && s.final == final {
				used = true
				all = all && s.gate != flow.GateOpen
				long = long && s.gate == flow.GatePause
			}
		}
		return used, all, long
	}
	used, all, long := closed(false)
	if !used {
		used, all, long = closed(true)
	}
	return used && all, used && long
}

// most returns how many records may be taken beside those that are held: as many as
// the sink takes that takes most.
func (v *view) most() int {
	if blocked, _ := v.blocked(); blocked {
		return v.try
	}
	most, used := 0, false
	for _, s := range v.sinks {
		if s.used && !s.final {
			most, used = max(most, s.takes), true
		}
	}
	if !used {
		return v.free
	}
	return most
}

// mayPause reports whether no partition was paused just now.
func (v *view) mayPause() bool {
	for i := range v.parts {
		if p := &v.parts[i]; !p.paused && !p.mayPause(v.now) {
			return false
		}
	}
	return true
}

func (p *partView) mayPause(now time.Time) bool {
	return p.pausedAt.IsZero() || now.Sub(p.pausedAt) >= pauseEvery
}

func (v *view) reasons(full bool) []string {
	var rs []string
	if full {
		rs = append(rs, "memory")
	}
	if full && v.tenant {
		rs = append(rs, "tenant over its share")
	}
	for _, s := range v.sinks {
		for _, why := range s.reasons(v.now) {
			rs = append(rs, "sink="+s.name+" "+why)
		}
	}
	if v.deaf > 0 {
		rs = append(rs, "handler calls do not end")
	}
	if v.silent {
		rs = append(rs, "coordinator silent")
	}
	return rs
}

// reasons are why the sink takes less than there is, the strongest first.
func (s *sinkView) reasons(now time.Time) (rs []string) {
	switch {
	case s.until.After(now):
		rs = append(rs, s.why)
	case s.rated:
		rs = append(rs, "rate")
	case s.full:
		rs = append(rs, "limiter")
	}
	if s.gate != flow.GateOpen && s.wait > 0 && s.wait >= s.low {
		rs = append(rs, "queue")
	}
	if s.deaf > 0 {
		rs = append(rs, "calls do not end")
	}
	return rs
}

// shareOf is what one partition may hold, so that one that is stuck leaves room
// for the others; but never less than a few fetches.
func shareOf(budget int64, parts int) int64 {
	if parts < 2 {
		return budget
	}
	return max(int64(highMark*float64(budget))/int64(parts), budget/16)
}

func decidePart(p *partView, share int64, mayPause bool) (r partRuling) {
	// One that was paused with all others is held to its share, and not to half of it:
	// what it has may be stuck, and the rest of it must go on.
	if r.over = p.held > share && (mayPause || p.paused) || p.over && p.held > share/2; r.over {
		r.reasons = append(r.reasons, "share")
	}
	if !p.mapWhole {
		r.reasons = append(r.reasons, "completion map")
	}
	if p.failure != nil {
		r.reasons = append(r.reasons, "failed: "+p.failure.Error())
	}
	r.paused = len(r.reasons) > 0
	if p.retries > 0 {
		r.reasons = append(r.reasons, "retry")
	}
	return r
}
