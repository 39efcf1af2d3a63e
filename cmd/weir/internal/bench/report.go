package bench

import (
	"math"
	"time"
)

// Report is what was measured. Its JSON keeps its shape; what is not known is 0.
type Report struct {
	Name       string   `json:"name"`
	Brokers    []string `json:"brokers"`
	Topics     []string `json:"topics"`
	From       string   `json:"from"`
	Group      string   `json:"group"` // temporary
	Sink       string   `json:"sink"`  // discarded, or written
	Partitions int      `json:"partitions"`
	// Records is how many each segment goes over, of which Warmup come before the measured
	// part. Whole says that the topics have no more.
	Records             int64 `json:"records"`
	Warmup              int64 `json:"warmup_records"`
	Whole               bool  `json:"whole_topics"`
	FetchBytes          int32 `json:"fetch_max_bytes"`
	FetchPartitionBytes int32 `json:"fetch_max_partition_bytes"`
	// Rounds is how many rounds of raw, pipeline and raw again were measured, and Coverage
	// how often an interval of so many has the median.
	Rounds      int     `json:"rounds"`
	Coverage    float64 `json:"interval_coverage"`
	Interrupted bool    `json:"interrupted"`

	Raw      Side `json:"raw"`
	Pipeline Side `json:"pipeline"`
	RawAgain Side `json:"raw_again"`
	// Throughput is records/s and CPU is CPU a record, of the pipeline over the raw loop.
	Throughput Ratio `json:"throughput_ratio"`
	CPU        Ratio `json:"cpu_ratio"`

	Cost     Cost     `json:"cost"`
	Rejected Rejected `json:"rejected"`
	Verdict  []string `json:"verdict"`
	Notes    []string `json:"notes"`
}

// Side is what one side needed; all but the first is for one record.
type Side struct {
	PerSecond Interval `json:"records_per_second"`
	CPU       Interval `json:"cpu_ns"`
	Allocs    Interval `json:"allocs"`
	Bytes     Interval `json:"alloc_bytes"`
}

// Ratio is the pipeline over the raw loop of the same rounds, and the raw loop over itself.
type Ratio struct {
	Interval
	Control Interval `json:"control"`
	// Valid is false when the measurement is void, and Why says why.
	Valid bool   `json:"valid"`
	Why   string `json:"why"`
}

// Cost is where the CPU of the pipeline goes, in nanoseconds a record: the client as in the
// raw loop, the time in calls of the handlers and of the sinks, and the rest. Where the processor is
// shared with others a call takes longer than it computes.
type Cost struct {
	Client  float64 `json:"client_ns"`
	Handler float64 `json:"handler_ns"`
	Sink    float64 `json:"sink_ns"`
	Engine  float64 `json:"engine_ns"`
	// Waits says that calls took more than twice the CPU of the process: they wait for something.
	Waits   bool   `json:"waits"`
	Largest string `json:"largest"`
}

// Rejected is what would have gone to the dead letters.
type Rejected struct {
	Records int64  `json:"records"` // of one segment
	First   string `json:"first"`
}

// round is three segments, one after the other.
type round struct{ raw, piped, again sample }

// near is within what the raw loop must agree with itself.
const (
	nearLow  = 0.97
	nearHigh = 1.03
)

// measure fills in what the rounds say.
func (r *Report) measure(rounds []round) {
	r.Rounds, r.Coverage = len(rounds), coverage(len(rounds))
	of := func(f func(*round) float64) Interval {
		vs := make([]float64, len(rounds))
		for i := range rounds {
			vs[i] = f(&rounds[i])
		}
		return medianOf(vs)
	}
	side := func(of1 func(*round) *sample) Side {
		each := func(f func(*sample) float64) Interval { return of(func(r *round) float64 { return f(of1(r)) }) }
		return Side{each((*sample).perSecond), each((*sample).cpuEach), each((*sample).allocsEach), each((*sample).bytesEach)}
	}
	if n := len(rounds); n > 0 {
		last := &rounds[n-1].piped
		r.Rejected = Rejected{last.rejected, last.reject}
	}
	r.Raw = side(func(r *round) *sample { return &r.raw })
	r.Pipeline = side(func(r *round) *sample { return &r.piped })
	r.RawAgain = side(func(r *round) *sample { return &r.again })
	// The pipeline stands between two raw loops, and is compared with their geometric mean:
	// a machine that becomes slower all the time favours neither side.
	ratio := func(f func(*sample) float64) Ratio {
		return Ratio{
			Interval: of(func(r *round) float64 { return over(f(&r.piped), math.Sqrt(f(&r.raw)*f(&r.again))) }),
			Control:  of(func(r *round) float64 { return over(f(&r.again), f(&r.raw)) }),
		}
	}
	r.Throughput, r.CPU = ratio((*sample).perSecond), ratio((*sample).cpuEach)
	r.Throughput.judge(len(rounds))
	r.CPU.judge(len(rounds))
	r.Cost = costs(r.Raw.CPU.Median, r.Pipeline.CPU.Median,
		of(func(r *round) float64 { return r.piped.handlerEach() }).Median, of(func(r *round) float64 { return r.piped.sinkEach() }).Median)
}

// over is a/b, and 0 when nothing was measured.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// costs shares the CPU of the pipeline out.
func costs(raw, piped, handler, sink float64) Cost {
	c := Cost{Client: min(raw, piped), Handler: handler, Sink: sink}
	c.Engine = max(piped-c.Client-handler-sink, 0)
	c.Waits = handler+sink > 2*piped
	c.Largest = "client"
	for _, o := range []struct {
		name string
		ns   float64
	}{{"handler", c.Handler}, {"sink", c.Sink}, {"engine", c.Engine}} {
		if o.ns > c.of(c.Largest) {
			c.Largest = o.name
		}
	}
	return c
}

func (c *Cost) of(name string) float64 {
	return map[string]float64{"client": c.Client, "handler": c.Handler, "sink": c.Sink, "engine": c.Engine}[name]
}

// nanos is a count of nanoseconds as it is read best.
func nanos(ns float64) time.Duration {
	d := time.Duration(ns)
	switch {
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond)
	}
	return d
}
