package bench

import (
	"strings"
	"testing"
	"time"
)

// rounds makes n rounds whose raw loop makes a million records a second at 500 ns, the
// second time noise times as many, and whose pipeline half as many at 1 us.
func rounds(n int, noise, handlerNS float64) []round {
	side := func(rate, cpu float64) sample {
		const records = 1_000_000
		return sample{records: records, took: time.Duration(records / rate * 1e9), cpu: time.Duration(records * cpu), allocs: records / 2, bytes: records * 100}
	}
	all := make([]round, n)
	for i := range all {
		all[i] = round{raw: side(1e6, 500), piped: side(5e5, 1000), again: side(1e6*noise, 500)}
		all[i].piped.handler = time.Duration(handlerNS)
	}
	return all
}

func TestTheVerdictHasNoNumberThatDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rounds []round
		want   []string
	}{
		"quiet": {rounds(12, 1, 100), []string{
			"the pipeline moves 0.50 (0.50, 0.50) of the records/s of a raw loop", "a record costs it 2.00 (2.00, 2.00) times the CPU",
			"most of its CPU goes to the client: 500ns of 1µs a record"}},
		"handler": {rounds(12, 1.01, 800), []string{"the pipeline moves 0.50", "a record costs it 2.00", "most of its CPU goes to the handler: 800ns of 1µs a record"}},
		"waits":   {rounds(12, 1, 5e6), []string{"the pipeline moves", "a record costs", "its calls take longer than it computes: a handler call takes 5ms a record, waits included"}},
		"noise": {rounds(12, 1.04, 100), []string{
			"records/s are void: noise on this machine or on the brokers: the raw loop against itself is 1.04 (1.04, 1.04), and must be within 0.97 and 1.03",
			"a record costs it 2.00", "most of its CPU goes to"}},
		"noise below": {rounds(12, 0.96, 100), []string{"records/s are void", "a record costs it 2.00", "most of its CPU goes to"}},
		"few":         {rounds(5, 1, 100), []string{"VOID: 5 rounds are too few, an interval of 95 % needs 6; give a longer --for, or fewer --records"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Report{}
			r.measure(tt.rounds)
			r.judge()
			if len(r.Verdict) != len(tt.want) {
				t.Fatalf("got %q, want %d sentences", r.Verdict, len(tt.want))
			}
			for i, w := range tt.want {
				if !strings.HasPrefix(r.Verdict[i], w) {
					t.Errorf("got %q, want %q", r.Verdict[i], w)
				}
			}
			var table strings.Builder
			if err := r.WriteTable(&table); err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Contains(table.String(), "void"), !r.Throughput.Valid || !r.CPU.Valid; got != want {
				t.Errorf("the table says void: %v, want %v:\n%s", got, want, table.String())
			}
		})
	}
}

// A noisy processor makes both void.
func TestNoiseOfTheProcessorMakesAllVoid(t *testing.T) {
	t.Parallel()
	rs := rounds(12, 1.1, 100)
	for i := range rs {
		rs[i].again.cpu = rs[i].again.cpu * 12 / 10
	}
	r := &Report{}
	r.measure(rs)
	r.judge()
	if len(r.Verdict) != 1 || !strings.HasPrefix(r.Verdict[0], "VOID: noise on this machine: ") || r.Throughput.Valid || r.CPU.Valid {
		t.Errorf("got %q, want VOID and no number of the pipeline", r.Verdict)
	}
}

func TestTheRestOfTheCostIsTheEngines(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw, piped, handler, sink float64
		want                      Cost
	}{
		"all four":           {300, 1000, 200, 100, Cost{300, 200, 100, 400, false, "engine"}},
		"cheaper than raw":   {300, 200, 0, 0, Cost{200, 0, 0, 0, false, "client"}},
		"the sink waits":     {300, 1000, 200, 9000, Cost{300, 200, 9000, 0, true, "sink"}},
		"a shared processor": {300, 1000, 900, 0, Cost{300, 900, 0, 0, false, "handler"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := costs(tt.raw, tt.piped, tt.handler, tt.sink); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
