package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// gateWalk steps a gate and notes its transitions.
type gateWalk struct {
	t     *testing.T
	g     flow.Gate
	now   time.Time
	state flow.GateState
	why   string
	moved time.Time
	moves int
}

func newGateWalk(t *testing.T) *gateWalk { return &gateWalk{t: t, now: time.Unix(1000, 0)} }

func (w *gateWalk) step(d time.Duration, in flow.GateInput) flow.GateState {
	w.t.Helper()
	w.now = w.now.Add(d)
	state, why := w.g.Step(w.now, in)
	if state != w.state {
		if w.now.Sub(w.moved) < time.Second {
			w.t.Fatalf("%s to %s (%s) %s after the transition before", w.state, state, why, w.now.Sub(w.moved))
		}
		if why == "" {
			w.t.Fatalf("%s to %s without a reason", w.state, state)
		}
		w.moved = w.now
		w.moves++
	} else if why != w.why {
		w.t.Fatalf("the reason of %s changed from %q to %q", state, w.why, why)
	}
	w.state, w.why = state, why
	return state
}

// busy lets the sink do 1000 units a second for d, with queued units of 100 bytes.
func (w *gateWalk) busy(d time.Duration, queued int) flow.GateState {
	w.t.Helper()
	for range d / (100 * time.Millisecond) {
		w.step(100*time.Millisecond, flow.GateInput{Queued: queued, Done: 100, Full: true, Bytes: 100 * queued})
	}
	return w.state
}

func (w *gateWalk) want(state flow.GateState, why string) {
	w.t.Helper()
	if w.state != state || w.why != why {
		wait, low, high := w.g.Wait()
		w.t.Fatalf("%s (%q), want %s (%q); wait %s, levels %s and %s", w.state, w.why, state, why, wait, low, high)
	}
}

func TestGateHoldsForAStandingQueueOnly(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.g.Waste = 1 // so that the levels are 100 ms and 1.1 s
	w.busy(5*time.Second, 1000)
	w.want(flow.GateOpen, "")
	w.busy(400*time.Millisecond, 5000)
	w.busy(100*time.Millisecond, 1000) // it was a burst
	w.busy(500*time.Millisecond, 5000)
	w.want(flow.GateOpen, "")
	w.busy(100*time.Millisecond, 1200)
	w.want(flow.GateHold, "queue")
	w.busy(2*time.Second, 110)
	w.want(flow.GateHold, "queue")
	w.busy(100*time.Millisecond, 90)
	w.want(flow.GateOpen, "drained")
}

func TestGateHoldsForTheSinkAndForBytes(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.step(time.Second, flow.GateInput{HoldUntil: w.now.Add(time.Second + 50*time.Millisecond)})
	w.want(flow.GateOpen, "")
	w.step(time.Second, flow.GateInput{HoldUntil: w.now.Add(time.Second + 2*time.Second)})
	w.want(flow.GateHold, "refused")
	w.step(time.Second, flow.GateInput{HoldUntil: w.now})
	w.want(flow.GateOpen, "drained")
	w.step(time.Second, flow.GateInput{Bytes: 79, Budget: 100})
	w.want(flow.GateOpen, "drained")
	w.step(time.Second, flow.GateInput{Bytes: 80, Budget: 100})
	w.want(flow.GateHold, "bytes")
	w.step(time.Second, flow.GateInput{Bytes: 60, Budget: 100})
	w.want(flow.GateHold, "bytes")
	w.step(time.Second, flow.GateInput{Bytes: 59, Budget: 100})
	w.want(flow.GateOpen, "drained")
}

func TestGatePausesForWhatLasts(t *testing.T) {
	t.Parallel()
	full := flow.GateInput{Bytes: 90, Budget: 100}
	for name, c := range map[string]struct {
		in    flow.GateInput
		steps int // of a second after the hold began
		why   string
	}{
		"long":     {full, 3, "long"},
		"partial":  {flow.GateInput{Bytes: 90, Budget: 100, Partial: true}, 1, "partial"},
		"forecast": {flow.GateInput{HoldUntil: time.Unix(2000, 0)}, 1, "forecast"},
	} {
		w := newGateWalk(t)
		w.step(time.Second, c.in)
		for range c.steps {
			if w.state != flow.GateHold {
				t.Errorf("%s: %s too early", name, w.state)
			}
			w.step(time.Second, c.in)
		}
		w.want(flow.GatePause, c.why)
		w.step(time.Second, flow.GateInput{})
		w.want(flow.GateOpen, "drained")
	}
}

func TestGateForeseesALongDrain(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.g.Waste = 1
	w.busy(5*time.Second, 0)
	w.busy(700*time.Millisecond, 10000)
	w.want(flow.GateHold, "queue")
	w.busy(time.Second, 10000)
	w.want(flow.GatePause, "forecast")
}

// A sink that does not answer any more has no goodput, so what is queued lasts for
// ever, long before the queue grows.
func TestFallingGoodputShutsTheGateBeforeTheQueueGrows(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.g.Waste = 1
	w.busy(20*time.Second, 500)
	w.want(flow.GateOpen, "")
	for range 100 {
		w.step(100*time.Millisecond, flow.GateInput{Queued: 500, Full: true})
	}
	if w.state == flow.GateOpen {
		wait, _, _ := w.g.Wait()
		t.Errorf("open after 10 s without an answer, wait %s", wait)
	}
}

// One record is retried for an hour and there is nothing else to do: that is no
// reason to shut the gate for all others.
func TestStuckRecordDoesNotShutTheGate(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.busy(20*time.Second, 500)
	for range 3600 {
		w.step(time.Second, flow.GateInput{Queued: 1, Bytes: 100})
	}
	w.want(flow.GateOpen, "")
}

func TestGateDoesNotBelieveTheFirstSecond(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.step(100*time.Millisecond, flow.GateInput{Full: true})
	for i := range 8 { // one answer came by luck, the others of a slow sink come late
		w.step(100*time.Millisecond, flow.GateInput{Queued: 1000, Done: 1 - min(i, 1), Full: true})
	}
	w.want(flow.GateOpen, "")
	w.busy(time.Second, 100)
	w.want(flow.GateOpen, "")
}

func TestGateLevelsFollowFetchAndWaste(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	if _, low, high := w.g.Wait(); low != 100*time.Millisecond || high != 1100*time.Millisecond {
		t.Errorf("levels %s and %s, want 100ms and 1.1s", low, high)
	}
	w.busy(20*time.Second, 100) // 100 kB a second; a pause throws 1 MiB away
	if _, _, high := w.g.Wait(); high != 100*time.Millisecond+30*time.Second {
		t.Errorf("upper level %s, want the most, 30.1s", high)
	}
	w.g.Waste = 10_000
	if _, _, high := w.g.Wait(); high < 2*time.Second || high > 2200*time.Millisecond {
		t.Errorf("upper level %s, want 20 times 10 kB at 100 kB a second and 100ms", high)
	}
	for range 100 {
		w.step(time.Millisecond, flow.GateInput{Fetch: time.Second})
	}
	if _, low, high := w.g.Wait(); low < 4*time.Second || low > 4100*time.Millisecond || high != 2*low {
		t.Errorf("levels %s and %s, want 4 times a second and twice that", low, high)
	}
}

// gateSource is a topic without end, a queue, and a sink whose rate hovers.
type gateSource struct {
	queued, done, idle float64
	refetch            time.Time
}

func (s *gateSource) run(w *gateWalk, d time.Duration, rate func(at float64) float64) (holds []time.Time) {
	const dt = 20 * time.Millisecond
	for at := time.Duration(0); at < d; at += dt {
		can := rate(at.Seconds()) * dt.Seconds()
		did := min(can, s.queued)
		s.idle += can - did
		s.done += did
		s.queued -= did
		before := w.state
		w.step(dt, flow.GateInput{Queued: int(s.queued), Done: int(did), Full: did == can, Bytes: int(1000 * s.queued)})
		switch {
		case w.state == flow.GateHold && before == flow.GateOpen:
			holds = append(holds, w.now)
		case w.state == flow.GateOpen && before != flow.GateOpen:
			s.refetch = w.now.Add(20 * time.Millisecond)
		}
		if w.state == flow.GateOpen && w.now.After(s.refetch) {
			s.queued += 3 * can // Kafka is faster than any sink
		}
	}
	return holds
}

func TestGateDoesNotFlapAtASinkThatHovers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 11))
		hover := func(at float64) float64 {
			return 20000 * (1 + 0.4*math.Sin(at*float64(1+seed)) + 0.4*(rng.Float64()-0.5))
		}
		w := newGateWalk(t)
		var s gateSource
		s.run(w, 5*time.Minute, hover)
		s.idle, s.done = 0, 0
		holds := s.run(w, 10*time.Minute, hover)
		most := 0
		for i, h := range holds {
			n := 0
			for _, o := range holds[i:] {
				if o.Sub(h) < time.Minute {
					n++
				}
			}
			most = max(most, n)
		}
		if most > 5 {
			t.Errorf("seed %d: %d holds within a minute", seed, most)
		}
		if len(holds) == 0 {
			t.Errorf("seed %d: it never held at a source that is three times as fast", seed)
		}
		if s.idle > 0.01*s.done {
			t.Errorf("seed %d: the sink was idle for %.1f %% of its work", seed, 100*s.idle/s.done)
		}
		if wait, _, high := w.g.Wait(); wait > 2*high+time.Second {
			t.Errorf("seed %d: %s queued, with an upper level of %s", seed, wait, high)
		}
	}
}

func TestGateGapNarrowsAgainWhenItIsCalm(t *testing.T) {
	t.Parallel()
	w := newGateWalk(t)
	w.g.Waste = 1
	var s gateSource
	s.run(w, 5*time.Minute, func(float64) float64 { return 20000 })
	if _, _, high := w.g.Wait(); high < 5*time.Second {
		t.Errorf("upper level %s after five minutes at its own pace, want it wider", high)
	}
	for range 3600 {
		w.busy(time.Second, 0)
	}
	if _, _, high := w.g.Wait(); high != 1100*time.Millisecond {
		t.Errorf("upper level %s after a calm hour, want 1.1s again", high)
	}
}

// Whatever came before: when the wait is below the lower level and nothing else
// blocks, the gate is open within its dwell.
func playGate(t *testing.T, moves []byte) {
	t.Helper()
	w := newGateWalk(t)
	for i := 0; i+1 < len(moves); i += 2 {
		m, n := moves[i], int(moves[i+1])
		in := flow.GateInput{Queued: n * 20, Done: int(m & 15), Full: m&16 != 0, Bytes: n * 20, Budget: 5000, Partial: m&32 != 0}
		if m&64 != 0 {
			in.HoldUntil = w.now.Add(time.Duration(n*n) * time.Millisecond)
		}
		if m&128 != 0 {
			in.Fetch = time.Duration(n) * time.Millisecond
		}
		w.step(time.Duration(m)*5*time.Millisecond, in)
	}
	for range 11 {
		w.step(100*time.Millisecond, flow.GateInput{Budget: 5000})
	}
	if w.state != flow.GateOpen {
		t.Fatalf("%s (%s) a second after everything was gone", w.state, w.why)
	}
}

func TestGateAlwaysReturnsToOpen(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 12))
		moves := make([]byte, 400)
		for i := range moves {
			moves[i] = byte(rng.Uint32())
		}
		playGate(t, moves)
	}
}

func FuzzGate(f *testing.F) {
	f.Add([]byte{16 + 9, 200, 16 + 9, 255, 64, 255, 64, 255, 128, 9})
	f.Fuzz(func(t *testing.T, moves []byte) { playGate(t, moves) })
}
