package consumer

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/flow"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// calm is a consumer with room for everything, long in its state.
func calm(s State) view {
	return view{
		now: noon, state: s, since: noon.Add(-time.Minute), budget: 1000, room: 100,
		sinks: []sinkView{{name: "default", used: true, why: "retry-after"}, {name: "dead_letter", final: true, why: "retry-after"}},
		parts: []partView{{mapWhole: true}, {mapWhole: true}},
	}
}

func TestPressureFollowsMemoryAndTheGates(t *testing.T) {
	t.Parallel()
	refused := noon.Add(time.Second)
	tests := map[string]struct {
		from    State
		change  func(v *view)
		want    State
		reasons []string
	}{
		"nothing":                 {StateOpen, func(*view) {}, StateOpen, nil},
		"below the high mark":     {StateOpen, func(v *view) { v.held = 799 }, StateOpen, nil},
		"at the high mark":        {StateOpen, func(v *view) { v.held = 800 }, StateHold, []string{"memory"}},
		"not yet below the low":   {StateHold, func(v *view) { v.held, v.since = 600, noon }, StateHold, []string{"memory"}},
		"below the low mark":      {StateHold, func(v *view) { v.held = 599 }, StateOpen, nil},
		"no room for a record":    {StateOpen, func(v *view) { v.held, v.room = 100, 0 }, StateHold, []string{"memory"}},
		"a hold that lasts":       {StateHold, func(v *view) { v.held, v.since = 700, noon.Add(-3*time.Second) }, StatePaused, []string{"memory"}},
		"a pause that just began": {StatePaused, func(v *view) { v.since = noon.Add(-time.Second / 2) }, StatePaused, nil},
		"a pause that is over":    {StatePaused, func(v *view) { v.since = noon.Add(-time.Second) }, StateOpen, nil},
		"the queue is long": {StateOpen, func(v *view) {
			v.sinks[0].gate, v.sinks[0].wait = flow.GateHold, time.Minute
		}, StateHold, []string{"sink=default queue"}},
		"the queue will be long": {StateHold, func(v *view) {
			v.sinks[0].gate, v.sinks[0].wait, v.since = flow.GatePause, time.Minute, noon
		}, StatePaused, []string{"sink=default queue"}},
		"never paused without a hold": {StateOpen, func(v *view) { v.sinks[0].gate, v.sinks[0].wait = flow.GatePause, time.Minute }, StateHold, []string{"sink=default queue"}},
		"paused a moment ago": {StateHold, func(v *view) {
			v.held, v.parts[1].pausedAt = 700, noon.Add(-9*time.Second)
		}, StateHold, []string{"memory"}},
		"one of two sinks": {StateOpen, func(v *view) {
			v.sinks[0].gate, v.sinks[0].until = flow.GateHold, refused
			v.sinks = append(v.sinks, sinkView{name: "b", used: true})
		}, StateOpen, []string{"sink=default retry-after"}},
		"the other is not in use": {StateOpen, func(v *view) {
			v.sinks[0].gate, v.sinks[0].until = flow.GateHold, refused
			v.sinks = append(v.sinks, sinkView{name: "b"})
		}, StateHold, []string{"sink=default retry-after"}},
		"an empty retry budget": {StateOpen, func(v *view) {
			v.sinks[0].gate, v.sinks[0].until, v.sinks[0].why = flow.GateHold, refused, "retry budget"
		}, StateHold, []string{"sink=default retry budget"}},
		"the dead letters": {StateOpen, func(v *view) {
			v.sinks[1].gate, v.sinks[1].used, v.sinks[1].until = flow.GateHold, true, refused
		}, StateOpen, []string{"sink=dead_letter retry-after"}},
		"nothing but dead letters": {StateOpen, func(v *view) {
			v.sinks[0].used = false
			v.sinks[1].gate, v.sinks[1].used, v.sinks[1].until = flow.GateHold, true, refused
		}, StateHold, []string{"sink=dead_letter retry-after"}},
		"a sink at its limit":  {StateOpen, func(v *view) { v.sinks[0].full = true }, StateOpen, []string{"sink=default limiter"}},
		"a sink at its rate":   {StateOpen, func(v *view) { v.sinks[0].full, v.sinks[0].rated = true, true }, StateOpen, []string{"sink=default rate"}},
		"calls that never end": {StateOpen, func(v *view) { v.sinks[0].deaf = 2 }, StateOpen, []string{"sink=default calls do not end"}},
		"a search for what is taken": {StatePaused, func(v *view) {
			v.sinks[0].gate, v.sinks[0].until, v.try = flow.GatePause, refused, 16
		}, StateOpen, []string{"sink=default retry-after"}},
		"a silent coordinator": {StateOpen, func(v *view) { v.silent = true }, StateHold, []string{"coordinator silent"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := calm(tt.from)
			tt.change(&v)
			got := decide(v)
			if got.state != tt.want {
				t.Errorf("got %s, want %s", got.state, tt.want)
			}
			if diff := cmp.Diff(tt.reasons, got.reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			for i, p := range got.parts {
				if p.paused != (got.state == StatePaused) {
					t.Errorf("partition %d: paused %t in state %s", i, p.paused, got.state)
				}
			}
		})
	}
}

func TestAPartitionIsPausedForItsOwnReasons(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		part    partView
		paused  bool
		reasons []string
	}{
		"within its share":         {partView{held: 400, mapWhole: true}, false, nil},
		"over its share":           {partView{held: 401, mapWhole: true}, true, []string{"share"}},
		"over it just after":       {partView{held: 401, mapWhole: true, pausedAt: noon.Add(-9 * time.Second)}, false, nil},
		"not yet below half":       {partView{held: 201, mapWhole: true, paused: true, over: true, pausedAt: noon}, true, []string{"share"}},
		"below half":               {partView{held: 200, mapWhole: true, paused: true, over: true, pausedAt: noon}, false, nil},
		"paused with all, within":  {partView{held: 400, mapWhole: true, paused: true, pausedAt: noon}, false, nil},
		"paused with all, over":    {partView{held: 401, mapWhole: true, paused: true, pausedAt: noon}, true, []string{"share"}},
		"the map does not fit":     {partView{}, true, []string{"completion map"}},
		"failed":                   {partView{mapWhole: true, failure: errors.New("too large")}, true, []string{"failed: too large"}},
		"retries alone do nothing": {partView{mapWhole: true, retries: 1}, false, []string{"retry"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := calm(StateOpen)
			v.parts[0] = tt.part
			got := decide(v)
			if got.parts[0].paused != tt.paused || got.parts[1].paused || got.state != StateOpen {
				t.Errorf("got %+v, want paused %t, the other and all open", got, tt.paused)
			}
			if diff := cmp.Diff(tt.reasons, got.parts[0].reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever memory, gates and partitions do, no partition is paused twice within
// ten seconds, unless it failed, and no pause of all is shorter than a second.
func TestNothingMakesPartitionsFlap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that can be repeated
		v := calm(StateOpen)
		v.since = v.now
		hurry := rnd.IntN(20) + 1
		for range 20_000 {
			v.now = v.now.Add(100 * time.Millisecond)
			if rnd.IntN(hurry) == 0 {
				v.held, v.room = rnd.Int64N(1000), rnd.IntN(3)
				v.sinks[0].gate = flow.GateState(rnd.IntN(3)) //nolint:gosec // three states
				for i := range v.parts {
					v.parts[i].held = rnd.Int64N(600)
				}
			}
			r := decide(v)
			if v.state == StatePaused && r.state != StatePaused && v.now.Sub(v.since) < time.Second {
				t.Fatalf("seed %d: a pause ended after %s", seed, v.now.Sub(v.since))
			}
			for i := range v.parts {
				p := &v.parts[i]
				if r.parts[i].paused && !p.paused {
					if !p.pausedAt.IsZero() && v.now.Sub(p.pausedAt) < 10*time.Second {
						t.Fatalf("seed %d: partition %d paused again after %s", seed, i, v.now.Sub(p.pausedAt))
					}
					p.pausedAt = v.now
				}
				p.paused, p.over = r.parts[i].paused, r.parts[i].over
			}
			if r.state != v.state {
				v.state, v.since = r.state, v.now
			}
		}
	}
}

// A record may be taken as soon as there is room for a part of what it becomes, and
// not many more of those that become many.
func TestWhatMayBeTakenCountsWhatARecordBecomes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pace, ratio      float64
		idle             time.Duration // since the sink was what bounds the work
		waiting, handled int
		wait             time.Duration
		want             int
	}{
		"a message each":                  {pace: 100, ratio: 1, want: 1100},
		"filtered":                        {pace: 100, ratio: 0.1, want: 1100},
		"ten each":                        {pace: 100, ratio: 10, want: 110},
		"more than the sink does in time": {pace: 10, ratio: 1000, want: 1},
		"the queue is full":               {pace: 10, ratio: 1000, wait: 11 * time.Second, want: 0},
		"nothing is known":                {ratio: 1000, want: 10},
		"nothing is known, and enough":    {ratio: 1, waiting: 10_000, want: 0},
		"idle":                            {pace: 100, ratio: 1, idle: time.Minute, want: startRecords},
		"idle, ten each":                  {pace: 100, ratio: 10, idle: time.Minute, want: startRecords / 10},
		"idle, and much was handled":      {pace: 100, ratio: 10, idle: time.Minute, handled: 5000, want: 5000},
		"idle until a moment ago":         {pace: 100, ratio: 10, idle: time.Minute, handled: 5000, waiting: 9000, want: 4100},
	}
	for name, tt := range tests {
		g := sinkGate{pace: tt.pace, stepped: noon, filled: noon.Add(-tt.idle)}
		v := sinkView{high: 10 * time.Second, wait: tt.wait}
		if got := g.takes(&v, int64(tt.waiting), tt.ratio, tt.handled); got != tt.want {
			t.Errorf("%s: %d records, want %d", name, got, tt.want)
		}
	}
}

// Calls that fail one after the other close the gate though the limiter has seen too
// few of them to call it an outage, and until one succeeds.
func TestASinkThatIsStuckRefusesUntilACallSucceeds(t *testing.T) {
	g, s := sinkGate{}, &writeStage{}
	look := func(after time.Duration, stuck bool) bool {
		v := sinkView{}
		g.refuse(&v, s, noon.Add(after), startRecords, stuck)
		return v.until.After(noon.Add(after))
	}
	if look(0, false) {
		t.Error("a sink that fails but is not stuck refuses")
	}
	if !look(time.Second, true) || !look(2*time.Second, false) {
		t.Error("a sink that is stuck does not refuse until a call succeeds")
	}
	s.wins.Add(1)
	if look(3*time.Second, false) {
		t.Error("it refuses after a call has succeeded")
	}
}
