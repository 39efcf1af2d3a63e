package flow_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

// starts is a law in slow start whose calls take what latency says of their limit.
// It returns the plan with which slow start ended, the limit before it, and how
// long slots were then.
func starts(t *testing.T, latency func(limit int) time.Duration) (end flow.Plan, before int, slot time.Duration) {
	t.Helper()
	alg, now := flow.Knee(flow.KneeConfig{Seed: 1}), noon()
	p := alg.Next(now, flow.Window{Start: now, End: now})
	for range 100 {
		before, slot = p.Limit, p.End.Sub(now)
		w := answer(p, now, latency(p.Limit), 0)
		now = p.End
		if p = alg.Next(now, w); p.Reason == "calls became slower" {
			return p, before, slot
		}
	}
	t.Fatalf("slow start did not end: limit %d, %s", p.Limit, p.Reason)
	return p, before, slot
}

// The first step may have met the slow start of others. It is the quickest that
// shows what the sink can do.
func TestKneeSlowStartComparesWithItsQuickestStep(t *testing.T) {
	t.Parallel()
	_, before, _ := starts(t, func(limit int) time.Duration {
		return map[int]time.Duration{4: 300 * time.Millisecond, 8: 100 * time.Millisecond, 16: 500 * time.Millisecond}[limit]
	})
	if before != 16 {
		t.Errorf("slow start ended at %d calls, want it where calls take much longer than in the quickest steps", before)
	}
}

// A slot that is too short for the latency it met says all the same that calls
// became slower: to measure again, longer, is to wait at twice the right limit.
func TestKneeSlowStartEndsInTheSlotThatIsSlow(t *testing.T) {
	t.Parallel()
	slow := 0
	_, _, slot := starts(t, func(limit int) time.Duration {
		if limit < 64 {
			return 20 * time.Millisecond
		}
		slow++
		return 200 * time.Millisecond
	})
	if slow != 1 || slot > 200*time.Millisecond {
		t.Errorf("slow start ended after %d slots of calls that take tenfold, the last of %s, want 1 of at most 200 ms", slow, slot)
	}
}

// Calls in flight when a sink hangs fail all at about the same time, in a slot that
// has grown because there was no answer: what frees their places must not be that
// slot's to fill.
func TestKneeReplacesNoWaveOfTimeouts(t *testing.T) {
	t.Parallel()
	const hangs, ends = 20, 80
	for servers, ms := range map[int]float64{40: 5, 20: 20, 8: 100} {
		for seed := range uint64(8) {
			sink := flowtest.Phase{Servers: servers, Service: flowtest.Dist{A: ms / 1000}, Net: 0.001}
			hung := sink
			hung.Start, hung.Down = hangs+float64(seed)/5, flowtest.BlackHole
			sc := flowtest.Scenario{ID: "hang", Seed: seed, End: ends, Sink: flowtest.Sink{Phases: []flowtest.Phase{sink, hung}}}
			r := flowtest.Run(&sc, kneeWith(nil))
			served, wave := 0.0, 0
			for _, b := range r.Bins {
				served += b.Calls
			}
			for _, s := range r.Samples[20*hangs+20*2 : 20*hangs+20*4] {
				wave = max(wave, s.InFlight)
			}
			const probes = 6 // each of 10 s, and a pause
			if got := r.Started - int(served); got > wave+probes+5 {
				t.Errorf("%d servers of %.0f ms, seed %d: %d calls had no answer, want the %d in flight when it hung, and %d probes", servers, ms, seed, got, wave, probes)
			}
		}
	}
}
