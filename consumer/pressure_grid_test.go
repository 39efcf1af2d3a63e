package consumer

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// views runs f for every view of a grid: the values around every mark.
func views(f func(v view)) {
	gates := []flow.GateState{flow.GateOpen, flow.GateHold, flow.GatePause}
	for _, state := range []State{StateOpen, StateHold, StatePaused} {
		for _, lasted := range []time.Duration{0, time.Second, pauseAfter} {
			for _, held := range []int64{0, 599, 600, 799, 800} {
				for bits := range 1 << 6 {
					for first := range 9 {
						v := calm(state)
						v.since, v.held = v.now.Add(-lasted), held
						v.room, v.try = bits&1*10, bits>>1&1
						v.silent = bits>>2&1 == 1
						if bits>>3&1 == 1 {
							v.parts[1].pausedAt = v.now.Add(-time.Second)
						}
						v.sinks[0].used, v.sinks[0].gate = bits>>4&1 == 1, gates[first%3]
						v.sinks[1].used, v.sinks[1].gate = bits>>5&1 == 1, gates[first/3]
						f(v)
					}
				}
			}
		}
	}
}

// naiveState is what decide does, as anyone would say it.
func naiveState(v view) State {
	mark := int64(600)
	if v.state == StateOpen {
		mark = 800
	}
	stop := v.room == 0 || v.held >= mark || v.silent
	sink := v.sinks[0] // the dead letters have a say when nothing else is used
	if !sink.used {
		sink = v.sinks[1]
	}
	closed := sink.used && sink.gate != flow.GateOpen
	stop = stop || closed && v.try == 0
	lasted := v.now.Sub(v.since)
	if !stop {
		if v.state == StatePaused && lasted < time.Second {
			return StatePaused
		}
		return StateOpen
	}
	if v.state == StatePaused {
		return StatePaused
	}
	flapping := !v.parts[1].pausedAt.IsZero()
	if v.state == StateHold && !flapping && (lasted >= 3*time.Second || closed && sink.gate == flow.GatePause) {
		return StatePaused
	}
	return StateHold
}

func TestPressureOfEveryViewIsTheNaiveOne(t *testing.T) {
	t.Parallel()
	count, states := 0, map[State]int{}
	views(func(v view) {
		count++
		got := decide(v)
		states[got.state]++
		if want := naiveState(v); got.state != want {
			t.Fatalf("%+v: got %s, want %s", v, got.state, want)
		}
		for i, p := range got.parts {
			if p.paused != (got.state == StatePaused) {
				t.Fatalf("%+v: partition %d paused %t in state %s", v, i, p.paused, got.state)
			}
		}
		more := v
		more.held += 200
		if rank(decide(more).state) < rank(got.state) {
			t.Fatalf("%+v: %s, and with more held %s", v, got.state, decide(more).state)
		}
	})
	if count < 20_000 || len(states) != 3 {
		t.Errorf("%d views came to %v, want all states", count, states)
	}
}

func rank(s State) int { return slices.Index([]State{StateOpen, StateHold, StatePaused}, s) }
