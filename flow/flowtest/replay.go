package flowtest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// TraceCall is a line of a recorded trace: one call of a real sink, written
// when it ended. A trace is such lines as JSON, in any order:
//
//	{"t": 12.345, "latency": 0.120, "kind": "done", "work": 100, "in_flight": 8}
//
// Time and latency are seconds, of the attempt and without any wait before it.
// Kind is one of done, retry, overload, reject, ignore.
type TraceCall struct {
	T          float64 `json:"t"`           // when the call ended, seconds from any beginning
	Latency    float64 `json:"latency"`     // how long it took
	Kind       string  `json:"kind"`        // its verdict
	Work       int     `json:"work"`        // units it carried
	InFlight   int     `json:"in_flight"`   // calls in flight just before it ended; zero is not recorded
	RetryAfter float64 `json:"retry_after"` // what the sink asked for
	Quota      bool    `json:"quota"`       // because a quota was used up
}

const longestTrace = 30 * 86400 // seconds; a replay has a step for each

// ReadTrace reads a trace. Its errors name the line.
func ReadTrace(r io.Reader) ([]TraceCall, error) {
	var out []TraceCall
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var c TraceCall
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("trace: line %d: %w", n, err)
		}
		if _, ok := verdicts()[c.Kind]; !ok {
			return nil, fmt.Errorf("trace: line %d: unknown kind %q, want done, retry, overload, reject or ignore", n, c.Kind)
		}
		if c.T < 0 || c.Latency < 0 || c.Work < 0 || c.RetryAfter < 0 {
			return nil, fmt.Errorf("trace: line %d: a negative number", n)
		}
		out = append(out, c)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("trace: reading: %w", err)
	}
	oldest, newest := math.Inf(1), 0.0
	for _, c := range out {
		oldest, newest = min(oldest, c.T), max(newest, c.T)
	}
	if newest-oldest > longestTrace {
		return nil, fmt.Errorf("trace: spans %.0f s, more than 30 days: t is in seconds", newest-oldest)
	}
	return out, nil
}

func verdicts() map[string]flow.Verdict {
	out := map[string]flow.Verdict{}
	for _, v := range []flow.Verdict{flow.Done, flow.Retry, flow.Overload, flow.Reject, flow.Ignore} {
		out[v.String()] = v
	}
	return out
}

// ReplayStep is a second of a replay.
type ReplayStep struct {
	T        float64 `json:"t"`         // its end, seconds since the first call began
	Limit    int     `json:"limit"`     // what the limiter would have set
	InFlight int     `json:"in_flight"` // most calls in flight of the trace in this second
	Refused  int     `json:"refused"`   // calls of the trace that the limiter would not have started then
}

// Replay shows a recorded trace to the limiter of m and returns what its limit
// would have been.
//
// It is one honest counterfactual and no more: the limiter decides from the
// outcomes that were recorded, so it does not see what its own limit would have
// done to the sink. A call that it would not have started is not shown to it.
// Where the limit stays below what was in flight, the latencies after that are
// those of a sink more loaded than it would have been; where it is above, the
// limiter saw calls that were fewer than it allowed, and most limiters do not
// climb on those.
func Replay(calls []TraceCall, m Maker) []ReplayStep {
	type edge struct {
		t    float64
		call int
		ends bool
	}
	edges := make([]edge, 0, 2*len(calls))
	first := math.Inf(1)
	for _, c := range calls {
		first = min(first, c.T-c.Latency)
	}
	for i, c := range calls {
		edges = append(edges, edge{c.T - c.Latency - first, i, false}, edge{c.T - first, i, true})
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Compare(a.t, b.t) })
	now, kinds := 0.0, verdicts()
	sub := m(func() time.Time { return epoch.Add(seconds(now)) }, 1)
	shown := make([]bool, len(calls))
	var out []ReplayStep
	step, running := ReplayStep{T: 1}, 0
	for _, e := range edges {
		for ; e.t >= step.T; step = (ReplayStep{T: step.T + 1, InFlight: running}) {
			step.Limit = sub.Limit()
			out = append(out, step)
		}
		now = e.t
		c := calls[e.call]
		switch {
		case !e.ends:
			running++
			if shown[e.call] = sub.TryAcquire(); !shown[e.call] {
				step.Refused++
			}
		default:
			step.InFlight = max(step.InFlight, running, c.InFlight)
			running--
			if shown[e.call] {
				sub.Done(outcome(kinds[c.Kind], c), seconds(c.Latency))
			}
		}
	}
	step.Limit = sub.Limit()
	return append(out, step)
}

func outcome(kind flow.Verdict, c TraceCall) flow.Outcome {
	o := flow.Outcome{Kind: kind, RetryAfter: seconds(c.RetryAfter), Quota: c.Quota}
	if kind == flow.Done {
		o.Work = c.Work
	}
	return o
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// WriteReplay writes replays of one trace by several limiters, with a line for
// each second and a column for each limiter.
func WriteReplay(w io.Writer, replays map[string][]ReplayStep) error {
	names := slices.Sorted(maps.Keys(replays))
	if len(names) == 0 {
		return nil
	}
	var cells bytes.Buffer
	fmt.Fprintf(&cells, "second\tin flight\t%s\t\n", strings.Join(names, "\t"))
	for i, s := range replays[names[0]] {
		fmt.Fprintf(&cells, "%.0f\t%d\t", s.T, s.InFlight)
		for _, name := range names {
			fmt.Fprintf(&cells, "%d\t", replays[name][i].Limit)
		}
		fmt.Fprintln(&cells)
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	if _, err := cells.WriteTo(tw); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return tw.Flush()
}
