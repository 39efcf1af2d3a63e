package flow

import (
	"hash/fnv"
	"strconv"
	"sync"
	"time"
)

const (
	shedLevels = 100  // of users within a class
	shedRecent = 1000 // offered requests by which the cut is chosen
)

// Shedder turns requests away before they cost anything, the least important
// first. A request has a level: its class, 0 being the most important, and
// within it one of 100 levels of its user, which change every hour so that
// nobody is always the one who is turned away. While requests wait long in the
// queue behind it, the share that is admitted falls by a twentieth a window,
// otherwise it grows by a hundredth; the cut is the level up to which that
// share of the last 1000 offered requests lies. (DAGOR: Zhou et al., "Overload
// Control for Scaling WeChat Microservices", SoCC 2018, with its numbers.)
//
// The level can be sent along with the request and the answer, so that those
// who call know the cut and shed at home. The zero value is ready; the fields
// are set before the first use. It is safe for concurrent use.
type Shedder struct {
	Classes int           // zero means 5
	Delay   time.Duration // mean wait in the queue that is too long; zero means 20 ms
	Window  time.Duration // zero means 1 s
	Offered int           // requests that end a window early; zero means 2000

	mu      sync.Mutex
	lost    float64 // share that is not admitted
	cut     int     // the last level that is admitted in full
	edge    float64 // share of the level behind it that is
	credit  float64 // of the edge: a request passes for each 1
	busy    bool
	classes int // that are admitted at all, when limited
	limited bool
	until   time.Time // end of the window
	offered int       // in the window
	delays  time.Duration
	waited  int // requests whose delay is in delays
	recent  ring[int]
	counts  []int // of recent, by level
}

// Level returns the level of a request: lower is more important. Users of one
// class are ordered anew every hour. Classes beyond the last count as the last.
func (s *Shedder) Level(now time.Time, class int, user string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strconv.FormatInt(now.Unix()/3600, 36) + " " + user))
	sum := h.Sum32()
	sum ^= sum >> 16 // FNV mixes its last bytes badly into the high bits, and % into the low
	return min(max(class, 0), s.classCount()-1)*shedLevels + int(sum*2654435769>>16)%shedLevels
}

// Admit reports whether a request of level goes on, and counts it as offered.
func (s *Shedder) Admit(now time.Time, level int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	level = min(max(level, 0), s.classCount()*shedLevels-1)
	s.note(level)
	if !now.Before(s.until) || s.offered >= orDefault(s.Offered, 2000) {
		s.advance(now)
	}
	s.offered++
	if s.limited && level >= s.classes*shedLevels {
		return false
	}
	return level <= s.cut || level == s.cut+1 && s.across()
}

// Observe tells how long an admitted request waited in the queue.
func (s *Shedder) Observe(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays += delay
	s.waited++
}

// Press brings in what is known from elsewhere: busy counts as a long wait, as from
// [CPULoad], and only the first classes are admitted at all, as [MemoryLoad]
// demands. Press(false, n) with n of Classes or more lifts both.
func (s *Shedder) Press(busy bool, classes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.classes = busy, max(classes, 0)
	s.limited = classes < s.classCount()
}

// Cut returns the last level that is admitted in full, -1 when none is.
func (s *Shedder) Cut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.cut = s.classCount()*shedLevels - 1
	}
	if s.limited {
		return min(s.cut, s.classes*shedLevels-1)
	}
	return s.cut
}

// note remembers the level among the recent ones.
func (s *Shedder) note(level int) {
	if s.counts == nil {
		s.counts = make([]int, s.classCount()*shedLevels)
		s.cut = len(s.counts) - 1
	}
	if s.recent.n == shedRecent {
		s.counts[s.recent.popFront()]--
	}
	s.recent.pushBack(level)
	s.counts[level]++
}

// advance ends the window.
func (s *Shedder) advance(now time.Time) {
	if !s.until.IsZero() {
		late := s.waited > 0 && s.delays/time.Duration(s.waited) > orDefault(s.Delay, 20*time.Millisecond)
		if late || s.busy {
			s.lost = 1 - (1-s.lost)*0.95
		} else {
			s.lost = max(s.lost-0.01, 0)
		}
		s.choose()
	}
	s.until = now.Add(orDefault(s.Window, time.Second))
	s.offered, s.delays, s.waited = 0, 0, 0
}

// choose sets the cut where the admitted share of the recent requests ends. Of the
// level across that end a share is admitted: where few users make most requests,
// whole levels are too coarse, and the cut would swing.
func (s *Shedder) choose() {
	keep := (1 - s.lost) * float64(s.recent.n)
	for level, n := range s.counts {
		if float64(n) > keep {
			s.cut, s.edge = level-1, keep/float64(n)
			return
		}
		keep -= float64(n)
	}
	s.cut, s.edge = len(s.counts)-1, 0
}

// across spreads the edge's share evenly over its requests.
func (s *Shedder) across() bool {
	s.credit += s.edge
	if s.credit < 1 {
		return false
	}
	s.credit--
	return true
}

func (s *Shedder) classCount() int { return orDefault(s.Classes, 5) }
