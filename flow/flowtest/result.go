package flowtest

import (
	"hash/fnv"
	"math"

	"github.com/weir-kafka/weir/flow"
)

const (
	warmUp     = 10.0 // seconds that goodput and latency leave out
	binSeconds = 0.5
	sampleTick = 10 // ticks between samples: 50 ms
)

// Result is what a run measured. Work counts only if its call succeeded.
type Result struct {
	Started, Ended, InFlight int     // calls; started = ended + in flight
	Attempted, Succeeded     float64 // work of the calls that ended
	Goodput                  float64 // work per second after the first 10 s
	Mean, P99                float64 // latency of calls that succeeded after the first 10 s, seconds
	Jain                     float64 // fairness of work between instances, since all have joined; 1 is equal
	Bins                     []Bin   // by half seconds
	Samples                  []Sample
	Hash                     uint64 // of everything above
}

// Bin is half a second of a run.
type Bin struct {
	Work, Latency, Calls float64 // latency is summed over the calls that succeeded
}

// Sample is a moment of a run, every 50 ms.
type Sample struct{ Limit, InFlight int }

// recorder measures a run while it goes on.
type recorder struct {
	started, endedCalls  int
	calls                int // that succeeded since
	attempted, succeeded float64
	bins                 []Bin
	samples              []Sample
	ticks                int
	since, work, latency float64 // since is when measuring begins
	latencies            histogram
	joined               float64 // when the last instance has joined and settled
}

func (r *recorder) init(sc *Scenario) {
	r.bins = make([]Bin, int(math.Ceil(sc.End/binSeconds)))
	r.since = min(warmUp, sc.End/4)
	if r.joined = r.since; sc.Fleet.Late > 0 {
		r.joined = sc.Fleet.LateAt + warmUp
	}
}

func (r *recorder) ended(s *sim, c *call) {
	r.endedCalls++
	r.attempted += float64(c.work)
	if c.verdict != flow.Done {
		return
	}
	work := float64(c.work)
	r.succeeded += work
	if b := int(s.now / binSeconds); b < len(r.bins) {
		bin := &r.bins[b]
		bin.Work += work
		bin.Latency += c.took
		bin.Calls++
	}
	if s.now >= r.joined {
		s.clients[c.instance].work += work
	}
	if s.now >= r.since {
		r.work += work
		r.latency += c.took
		r.calls++
		if s.most == 0 { // the grid asks for no quantile
			r.latencies.add(c.took)
		}
	}
}

func (r *recorder) tick(s *sim) {
	if r.ticks++; r.ticks%sampleTick != 1 {
		return
	}
	var sm Sample
	for i := range s.clients {
		if c := &s.clients[i]; c.sub != nil {
			sm.Limit += c.sub.Limit()
			sm.InFlight += c.inFlight
		}
	}
	r.samples = append(r.samples, sm)
}

func (s *sim) result() *Result {
	r, end := &s.rec, s.sc.End
	if s.most > 0 && r.endedCalls >= s.most {
		end = s.now
	}
	out := &Result{
		Started: r.started, Ended: r.endedCalls,
		Attempted: r.attempted, Succeeded: r.succeeded,
		Goodput: r.work / (end - r.since),
		P99:     r.latencies.quantile(0.99),
		Bins:    r.bins, Samples: r.samples,
	}
	if r.calls > 0 {
		out.Mean = r.latency / float64(r.calls)
	}
	var sum, squares float64
	for i := range s.clients {
		w := s.clients[i].work
		sum, squares = sum+w, squares+w*w
	}
	if squares > 0 {
		out.Jain = sum * sum / (float64(len(s.clients)) * squares)
	}
	for id := range s.calls {
		if c := &s.calls[id]; c.instance >= 0 && !c.ended {
			out.InFlight++
		}
	}
	out.Hash = out.hash()
	return out
}

func (r *Result) hash() uint64 {
	h := fnv.New64a()
	var b [8]byte
	put := func(f float64) {
		u := math.Float64bits(f)
		for i := range b {
			b[i] = byte(u >> (8 * i))
		}
		_, _ = h.Write(b[:]) // a hash does not fail
	}
	for _, f := range []float64{float64(r.Started), float64(r.Ended), r.Attempted, r.Succeeded, r.Goodput, r.Mean, r.P99, r.Jain} {
		put(f)
	}
	for _, b := range r.Bins {
		put(b.Work)
		put(b.Latency)
	}
	for _, s := range r.Samples {
		put(float64(s.Limit))
		put(float64(s.InFlight))
	}
	return h.Sum64()
}

// histogram counts latencies in buckets 2 % wide.
type histogram struct {
	counts [720]int
	n      int
}

const (
	histogramLowest = 1e-4
	histogramStep   = 0.0198026272961797 // ln 1.02
)

func (h *histogram) add(v float64) {
	i := int(math.Log(v/histogramLowest) / histogramStep)
	h.counts[min(max(i, 0), len(h.counts)-1)]++
	h.n++
}

// quantile interpolates within a bucket; zero when nothing was added.
func (h *histogram) quantile(q float64) float64 {
	if h.n == 0 {
		return 0
	}
	rank, seen := q*float64(h.n), 0.0
	for i, c := range h.counts {
		if seen+float64(c) >= rank && c > 0 {
			return histogramLowest * math.Exp(histogramStep*(float64(i)+(rank-seen)/float64(c)))
		}
		seen += float64(c)
	}
	return histogramLowest * math.Exp(histogramStep*float64(len(h.counts)))
}
