package flow

import (
	"math"
	"time"
)

// GateState is what a [Gate] lets happen.
type GateState uint8

const (
	// GateOpen lets new work in.
	GateOpen GateState = iota
	// GateHold takes nothing new for a moment; what the client buffered stays
	// where it is.
	GateHold
	// GatePause stops the source, which may throw away what was fetched and not
	// taken.
	GatePause
)

// String returns "open", "hold" or "pause".
func (s GateState) String() string {
	switch s {
	case GateOpen:
		return "open"
	case GateHold:
		return "hold"
	default:
		return "pause"
	}
}

// GateInput is what one step of a [Gate] is told. Units are the caller's,
// records as a rule.
type GateInput struct {
	Queued    int           // units that were taken and are not done
	Done      int           // units done since the step before
	Full      bool          // since then the sink had as much to do as its limit allows: Done shows what it can
	Bytes     int           // held by what is queued
	Budget    int           // of bytes; zero means no bound
	HoldUntil time.Time     // before which the sink takes no call
	Fetch     time.Duration // time from a resume to its first record, if one was just measured and there was one to fetch
	Partial   bool          // only some of the source is blocked while the rest could go on
}

// Gate decides when to take no more work: not by how many calls are in flight,
// which is always the limit, but by how long the queued work would last,
// W = Queued / goodput. A goodput that falls raises W before the queue has
// grown; a limit that rises does nothing.
//
// It holds when W was above X for half a second without a break (a burst is no
// standing queue: CoDel, RFC 8289), when the sink takes no call for more than
// 50 ms, or at 80 % of the byte budget. It opens again when W is below Y, the
// sink takes calls, and bytes are below 60 %. It pauses when it has held for
// LongHold, when it can foresee that it will, or when only a part is blocked.
//
//	Y = max(4 F, 100 ms)                  F = mean + 2 deviations of Fetch: the sink must not run dry meanwhile
//	X = max(Y + gap, 2 Y)                 gap = max(1 s, 20 Waste / goodput in bytes), at most 30 s:
//	                                      pauses throw away a twentieth of the work, or more where the 30 s bind
//
// No state ends before Dwell. When it held for its queue more than 3 times in a
// minute, the gap doubles, up to 30 s, and is halved after 5 minutes without
// that.
//
// It is a step function: no lock, no clock, no goroutine. The zero value is
// open; the fields are set before the first step. One goroutine uses it.
type Gate struct {
	Waste    int           // bytes that a pause may throw away; zero means 1 MiB
	Dwell    time.Duration // zero means 1 s
	LongHold time.Duration // zero means 3 s

	state   GateState
	reason  string
	entered time.Time

	stepped  time.Time
	done     int     // of steps between which no time passed
	goodput  float64 // units a second, weighted by weight
	weight   float64 // how much of goodput is measured
	unit     float64 // bytes
	worked   bool    // something was done, ever
	wait     time.Duration
	above    time.Time // since when wait is above the upper level; zero when it is not
	fetch    float64   // mean and deviation in nanoseconds
	fetchDev float64

	stretch float64 // of the gap
	flapped time.Time
	holds   [gateHolds]time.Time // the last that were for the queue, a ring
	held    int
}

const (
	gateMemory   = 5 * time.Second // of the goodput
	gateBelieve  = time.Second     // of measuring before goodput is believed
	gateStanding = 500 * time.Millisecond
	gateRefused  = 50 * time.Millisecond
	gateGap      = time.Second
	gateGapMost  = 30 * time.Second
	gateLeast    = 100 * time.Millisecond
	gateWaste    = 20
	gateHolds    = 4 // of them within a minute are too many: 8 transitions
	gateQuiet    = 5 * time.Minute
)

// Step takes what was measured since the step before and returns the state and
// why it was entered: "queue", "refused" or "bytes" of a hold; "long",
// "forecast" or "partial" of a pause; "drained" or nothing when open. It should
// be called several times a second.
func (g *Gate) Step(now time.Time, in GateInput) (state GateState, reason string) {
	g.measure(now, in)
	g.calm(now)
	next, why := g.next(now, in)
	if next != g.state && now.Sub(g.entered) >= orDefault(g.Dwell, time.Second) {
		g.enter(now, next, why)
	}
	return g.state, g.reason
}

// Wait returns how long the queued work would last, and the levels at which the
// gate opens and holds.
func (g *Gate) Wait() (wait, low, high time.Duration) {
	low = g.low()
	return g.wait, low, max(low+g.gap(), 2*low)
}

// next returns the state that the input asks for.
func (g *Gate) next(now time.Time, in GateInput) (GateState, string) {
	if g.state == GateOpen {
		if why := g.blocked(now, in); why != "" {
			return GateHold, why
		}
		return GateOpen, ""
	}
	refused := in.HoldUntil.Sub(now)
	low := g.low()
	if g.wait < low && refused <= gateRefused && !over(in, 0.6) {
		return GateOpen, "drained"
	}
	if g.state == GatePause {
		return GatePause, ""
	}
	long := orDefault(g.LongHold, 3*time.Second)
	switch {
	case in.Partial:
		return GatePause, "partial"
	case refused > long || g.wait-low > long:
		return GatePause, "forecast"
	case now.Sub(g.entered) >= long:
		return GatePause, "long"
	}
	return GateHold, ""
}

// blocked returns why an open gate should hold, nothing when it should not.
func (g *Gate) blocked(now time.Time, in GateInput) string {
	switch {
	case !g.above.IsZero() && now.Sub(g.above) >= gateStanding:
		return "queue"
	case in.HoldUntil.Sub(now) > gateRefused:
		return "refused"
	case over(in, 0.8):
		return "bytes"
	}
	return ""
}

// over reports whether the bytes are at share of the budget.
func over(in GateInput, share float64) bool {
	return in.Budget > 0 && float64(in.Bytes) >= share*float64(in.Budget)
}

func (g *Gate) enter(now time.Time, state GateState, why string) {
	g.state, g.reason, g.entered = state, why, now
	if state != GateHold || why != "queue" {
		return // a wider gap would not help against the other reasons
	}
	g.holds[g.held%gateHolds] = now
	g.held++
	oldest := g.holds[g.held%gateHolds]
	if g.held < gateHolds || now.Sub(oldest) >= time.Minute {
		return
	}
	if g.gap() < gateGapMost {
		g.stretch = max(g.stretch, 1) * 2
	}
	g.held, g.flapped = 0, now
}

// calm narrows the gap again.
func (g *Gate) calm(now time.Time) {
	if g.stretch > 1 && now.Sub(g.flapped) >= gateQuiet {
		g.stretch /= 2
		g.flapped = now
	}
}

// measure brings goodput, fetch time and wait up to now.
func (g *Gate) measure(now time.Time, in GateInput) {
	g.done += in.Done
	if dt := now.Sub(g.stepped); dt > 0 {
		// What was done while the sink had little to do says nothing of what it
		// can: it counts for nothing, and the last that is known stays.
		if in.Full && !g.stepped.IsZero() {
			share := 1 - math.Exp(-float64(dt)/float64(gateMemory))
			g.goodput += share * (float64(g.done)/dt.Seconds() - g.goodput)
			g.weight += share * (1 - g.weight)
			g.worked = g.worked || g.done > 0
		}
		g.stepped, g.done = now, 0
	}
	if in.Queued > 0 && in.Bytes > 0 {
		g.unit = float64(in.Bytes) / float64(in.Queued)
	}
	if f := float64(in.Fetch); f > 0 {
		g.fetched(f)
	}
	g.wait = g.lasts(in.Queued)
	if _, _, high := g.Wait(); g.wait <= high {
		g.above = time.Time{}
	} else if g.above.IsZero() {
		g.above = now
	}
}

// fetched smooths as TCP does its round trips (RFC 6298).
func (g *Gate) fetched(f float64) {
	if g.fetch == 0 {
		g.fetch, g.fetchDev = f, f/2
		return
	}
	g.fetchDev += (math.Abs(f-g.fetch) - g.fetchDev) / 4
	g.fetch += (f - g.fetch) / 8
}

// rate returns the goodput in units a second, zero while it is not known.
func (g *Gate) rate() float64 {
	if !g.worked || g.weight < 1-math.Exp(-float64(gateBelieve)/float64(gateMemory))-1e-9 {
		return 0
	}
	return g.goodput / g.weight
}

// lasts returns how long the queued work would last, an hour at most.
func (g *Gate) lasts(queued int) time.Duration {
	rate := g.rate()
	if queued <= 0 || rate == 0 {
		return 0
	}
	return time.Duration(min(float64(queued)/rate, 3600) * float64(time.Second))
}

func (g *Gate) low() time.Duration {
	return max(time.Duration(4*(g.fetch+2*g.fetchDev)), gateLeast)
}

func (g *Gate) gap() time.Duration {
	gap := gateGap.Seconds()
	if bytes := g.rate() * g.unit; bytes > 0 {
		gap = max(gap, gateWaste*float64(orDefault(g.Waste, 1<<20))/bytes)
	}
	gap = min(gap*max(g.stretch, 1), gateGapMost.Seconds())
	return time.Duration(gap * float64(time.Second))
}
