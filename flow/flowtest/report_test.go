package flowtest_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow/flowtest"
)

func TestPlotIsWellFormedAndStaysOnThePage(t *testing.T) {
	t.Parallel()
	sc := flowtest.Named(1)[11]
	sc.About = `a < b & "c"`
	var buf bytes.Buffer
	var j flowtest.Judge
	curves := []flowtest.Curve{
		{Name: "fixed", Result: flowtest.Run(&sc, fixed(8))},
		{Name: "<none>", Result: flowtest.Run(&sc, fixed(64))},
	}
	if err := flowtest.Plot(&buf, &sc, j.Oracle(&sc), curves); err != nil {
		t.Fatal(err)
	}
	lines, d := 0, xml.NewDecoder(&buf)
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if el, ok := tok.(xml.StartElement); ok && el.Name.Local == "polyline" {
			lines++
			checkPoints(t, el)
		}
	}
	if lines != 9 {
		t.Errorf("got %d curves, want 3 in each of 3 panels", lines)
	}
}

func checkPoints(t *testing.T, el xml.StartElement) {
	t.Helper()
	for _, a := range el.Attr {
		if a.Name.Local != "points" {
			continue
		}
		points := strings.Fields(a.Value)
		if len(points) < 50 {
			t.Errorf("got %d points, want the whole run", len(points))
		}
		for _, p := range points {
			xs, ys, _ := strings.Cut(p, ",")
			x, errX := strconv.ParseFloat(xs, 64)
			y, errY := strconv.ParseFloat(ys, 64)
			if errX != nil || errY != nil || x < 69 || x > 941 || y < 59 || y > 760 {
				t.Fatalf("got point %q, want it on the page", p)
			}
		}
	}
}

func TestTableHasALineForEachScenarioAndSet(t *testing.T) {
	t.Parallel()
	scores := []flowtest.Score{
		{Scenario: "x", Set: "named", Algorithm: "a", Score: 0.5},
		{Scenario: "x", Set: "named", Algorithm: "b", Score: 0.25},
	}
	var both, one bytes.Buffer
	if err := flowtest.NewReport(scores).WriteTable(&both); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"x  0.500  0.250", "named: worst  0.500  0.250"} {
		if !strings.Contains(both.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", &both, want)
		}
	}
	if err := flowtest.NewReport(scores[:1]).WriteTable(&one); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(one.String(), "overshoot") {
		t.Errorf("got\n%s\nwant every measure of a single algorithm", &one)
	}
}

func TestTraceErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	const good = `{"t":1,"latency":0.1,"kind":"done","work":10,"in_flight":3}` + "\n"
	for text, want := range map[string]string{
		good + "{":                     "line 2",
		good + `{"t":1,"kind":"fine"}`: `line 2: unknown kind "fine"`,
		`{"t":-1,"kind":"done"}`:       "negative",

		good + `{"t":1e9,"kind":"done"}`: "t is in seconds",
	} {
		if _, err := flowtest.ReadTrace(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
	calls, err := flowtest.ReadTrace(strings.NewReader(good + "\n" + good))
	if err != nil || len(calls) != 2 || calls[0].Work != 10 || calls[1].InFlight != 3 {
		t.Errorf("got %+v and %v, want two calls", calls, err)
	}
}

// steadyTrace is n calls at once, each a tenth of a second long, for some seconds.
func steadyTrace(n, seconds int, kind string) []flowtest.TraceCall {
	var calls []flowtest.TraceCall
	for k := 1; k <= 10*seconds; k++ {
		for i := range n {
			calls = append(calls, flowtest.TraceCall{T: float64(k)/10 + float64(i)*1e-5, Latency: 0.1 - 1e-6, Kind: kind, Work: 1})
		}
	}
	return calls
}

func TestReplayShowsOnlyWhatTheLimiterWouldHaveStarted(t *testing.T) {
	t.Parallel()
	steps := flowtest.Replay(steadyTrace(8, 5, "done"), fixed(3))
	for _, s := range steps[1:4] {
		if s.Limit != 3 || s.InFlight != 8 || s.Refused != 50 {
			t.Errorf("got %+v, want limit 3, 8 in flight, 50 of 80 refused", s)
		}
	}
}

func TestReplayFollowsTheRecordedOutcomes(t *testing.T) {
	t.Parallel()
	aimd := flowtest.Algorithms()["netflix-aimd"]
	ok, failed := flowtest.Replay(steadyTrace(30, 5, "done"), aimd), flowtest.Replay(steadyTrace(30, 5, "overload"), aimd)
	if got := ok[len(ok)-1].Limit; got <= 30 {
		t.Errorf("calls that succeed: got limit %d, want it to climb over 30", got)
	}
	if got := failed[len(failed)-1].Limit; got != 1 {
		t.Errorf("calls that are refused: got limit %d, want 1", got)
	}
}

func TestReplayBeginsWithTheTrace(t *testing.T) {
	t.Parallel()
	calls := steadyTrace(2, 3, "done")
	for i := range calls {
		calls[i].T += 1.7e9 // as a wall clock would write it
	}
	if got := len(flowtest.Replay(calls, fixed(3))); got < 3 || got > 4 {
		t.Errorf("got %d steps of a trace of 3 s", got)
	}
	if got := flowtest.Replay(nil, fixed(3)); len(got) != 1 || got[0].Limit != 3 {
		t.Errorf("got %+v of no calls, want one step", got)
	}
}
