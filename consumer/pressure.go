package consumer

import (
	"slices"
	"time"
)

// view is what pressure is decided from: the whole consumer at one moment.
type view struct {
	now      time.Time
	state    State // as decided last
	since    time.Time
	held     int64 // bytes taken and not finished
	budget   int64
	records  int64
	sinks    []sinkView
	parts    []partView
	operator bool
	tenant   bool // one is over its share
}

// sinkView is one sink's room.
type sinkView struct {
	name  string
	full  bool      // its limit is reached and more waits
	until time.Time // no call before
}

// partView is one partition.
type partView struct {
	paused   bool // as decided last
	held     int64
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
	reasons []string
}

// The marks between which pressure moves, as shares of the budget. Up to high
// records are taken from the client; at low they are again. What lies between
// high and the whole budget is room for what the client fetches ahead.
const (
	highMark = 0.75
	lowMark  = 0.5
	// pauseAfter is how long a hold lasts before fetching is paused: a short hold
	// costs nothing, a pause throws away what the client has fetched ahead.
	pauseAfter = 3 * time.Second
	// minDwell keeps a state for a while, so that a sink that hovers at its limit
	// does not make the partitions flap.
	minDwell = time.Second
)

// maxRecordsHeld is the budget in records: a record costs at least its overhead.
func maxRecordsHeld(budget int64) int64 { return budget / recordOverhead }

// decide is pressure as one pure function: from what is held and what the sinks
// say to open, hold or paused, for all and for each partition, with the reasons.
func decide(v view) ruling {
	r := ruling{state: StateOpen, parts: make([]partRuling, len(v.parts))}
	full := overMark(v)
	blocked := sinksBlocked(v)
	if full || blocked || v.operator {
		r.state = StateHold
		if v.state == StatePaused || v.state == StateHold && v.now.Sub(v.since) >= pauseAfter {
			r.state = StatePaused
		}
	} else if v.state == StatePaused && v.now.Sub(v.since) < minDwell {
		r.state = StatePaused
	}
	r.reasons = reasonsOf(v, full)
	share := shareOf(v.budget, len(v.parts))
	for i := range v.parts {
		r.parts[i] = decidePart(&v.parts[i], share)
		if r.state == StatePaused {
			r.parts[i].paused = true
			r.parts[i].reasons = append(slices.Clone(r.reasons), r.parts[i].reasons...)
		}
	}
	return r
}

func overMark(v view) bool {
	mark := highMark
	if v.state != StateOpen {
		mark = lowMark
	}
	limit := int64(mark * float64(v.budget))
	return v.held > limit || v.records > maxRecordsHeld(limit)
}

// sinksBlocked reports whether no sink takes anything for now: a Retry-After or
// an outage. While one of several takes, its records must keep coming.
func sinksBlocked(v view) bool {
	for _, s := range v.sinks {
		if s.until.Sub(v.now) < 50*time.Millisecond {
			return false
		}
	}
	return len(v.sinks) > 0
}

func reasonsOf(v view, full bool) []string {
	var rs []string
	if full {
		rs = append(rs, "memory")
	}
	if full && v.tenant {
		rs = append(rs, "tenant over its share")
	}
	for _, s := range v.sinks {
		switch {
		case s.until.After(v.now):
			rs = append(rs, "sink="+s.name+" retry-after")
		case s.full:
			rs = append(rs, "sink="+s.name+" limiter")
		}
	}
	if v.operator {
		rs = append(rs, "operator")
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

func decidePart(p *partView, share int64) (r partRuling) {
	if p.held > share || p.paused && p.held > share/2 {
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
