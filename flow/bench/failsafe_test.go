package bench_test

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

var (
	sets       = flag.String("set", "", "sets to judge in TestTable: named, random, fleet")
	seed       = flag.Uint64("seed", 1, "fixes every draw of TestTable")
	random     = flag.Int("random", 40, "how many random scenarios")
	algorithms = flag.String("algorithm", "", "judge these of Weir's list too; all if none is given")
)

// failsafe is the adaptive limiter of failsafe-go as it is shipped, with the
// bounds of all others. It measures time by itself. What failed is dropped, as
// its documentation says.
type failsafe struct {
	limiter adaptivelimiter.AdaptiveLimiter[any]
	taken   adaptivelimiter.Permit
	permits map[int]adaptivelimiter.Permit // by call
	ending  int
}

func newFailsafe(func() time.Time, uint64) flowtest.Subject {
	return &failsafe{
		limiter: adaptivelimiter.NewBuilder[any]().WithLimits(1, 512, 20).Build(),
		permits: map[int]adaptivelimiter.Permit{},
	}
}

func (f *failsafe) Limit() int           { return f.limiter.Limit() }
func (f *failsafe) HoldUntil() time.Time { return time.Time{} }

func (f *failsafe) TryAcquire() bool {
	p, ok := f.limiter.TryAcquirePermit()
	f.taken = p
	return ok
}

func (f *failsafe) Started(call int) { f.permits[call] = f.taken }
func (f *failsafe) Ending(call int)  { f.ending = call }

func (f *failsafe) Done(o flow.Outcome, _ time.Duration) {
	p := f.permits[f.ending]
	delete(f.permits, f.ending)
	if o.Kind == flow.Done || o.Kind == flow.Reject {
		p.Record()
		return
	}
	p.Drop()
}

// judge runs one scenario in a bubble, whose clock begins where virtual time does.
func judge(t *testing.T, sc flowtest.Scenario) flowtest.Score {
	t.Helper()
	var out flowtest.Score
	o := shared.Oracle(&sc)
	synctest.Test(t, func(*testing.T) {
		r := flowtest.RunWith(&sc, newFailsafe, func(to time.Time) { time.Sleep(time.Until(to)) })
		out = flowtest.NewScore(&sc, o, r)
		out.Algorithm = "failsafe-go"
	})
	return out
}

var shared flowtest.Judge

func TestFailsafeIsJudgedInVirtualTime(t *testing.T) {
	sc := flowtest.Named(1)[0]
	a, b := judge(t, sc), judge(t, sc)
	if a != b {
		t.Errorf("got %+v and %+v, want the same twice", a, b)
	}
	if a.Goodput < 0.5 || a.Goodput > 1.1 {
		t.Errorf("got goodput %.2f of the oracle's, want it to work", a.Goodput)
	}
}

// TestTable prints the table that weir sim prints, with one column more.
func TestTable(t *testing.T) {
	if *sets == "" {
		t.Skip("no -set")
	}
	makers := flowtest.Algorithms()
	if *algorithms != "" {
		chosen := strings.Split(*algorithms, ",")
		maps.DeleteFunc(makers, func(name string, _ flowtest.Maker) bool { return !slices.Contains(chosen, name) })
	}
	var scenarios []flowtest.Scenario
	for _, set := range strings.Split(*sets, ",") {
		switch set {
		case "named":
			scenarios = append(scenarios, flowtest.Named(*seed)...)
		case "random":
			scenarios = append(scenarios, flowtest.Random(*seed, *random)...)
		case "fleet":
			scenarios = append(scenarios, flowtest.Fleets(*seed)...)
		default:
			t.Fatalf("-set %s: want named, random or fleet", set)
		}
	}
	var scores []flowtest.Score
	others := shared.Scores(scenarios, makers)
	for i, sc := range scenarios {
		scores = append(scores, judge(t, sc))
		scores = append(scores, others[i*len(makers):(i+1)*len(makers)]...)
	}
	if err := flowtest.NewReport(scores).WriteTable(t.Output()); err != nil {
		t.Fatal(err)
	}
}
