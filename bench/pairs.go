package main

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// piece is what a subject did in one short while.
type piece struct {
	perSecond  float64 // records
	cpu        float64 // ns a record
	allocs     float64 // objects a record
	allocBytes float64 // a record
	figures    map[string]float64
}

func between(from, to moment) piece {
	n := float64(max(to.Records-from.Records, 1))
	p := piece{
		perSecond:  n / to.At.Sub(from.At).Seconds(),
		cpu:        float64(to.CPU-from.CPU) / n,
		allocs:     float64(to.Allocs-from.Allocs) / n,
		allocBytes: float64(to.AllocBytes-from.AllocBytes) / n,
		figures:    map[string]float64{},
	}
	for k, v := range to.Figures {
		p.figures[k] = v - from.Figures[k]
	}
	return p
}

// round is A B A, in turn with B's place changing: the second A is the control.
type round struct{ a, b, control piece }

// rounds are all of a comparison. A is what is compared with.
type rounds []round

// compared is a quantity of B over A.
type compared struct {
	median, low, high float64 // with its 95 % interval
	rounds            int
	control           interval // A over A
	void              bool     // the control is not within 3 % of one
}

// ratio compares a quantity. What A was in a round is the mean of its two pieces.
func (r rounds) ratio(of func(piece) float64) compared {
	over, control := make([]float64, len(r)), make([]float64, len(r))
	for i, x := range r {
		a, again := of(x.a), of(x.control)
		over[i] = of(x.b) / ((a + again) / 2)
		control[i] = again / a
		if i%2 == 1 { // so that what drifts within a round cancels out
			control[i] = a / again
		}
	}
	m, c := medianOf(over), medianOf(control)
	return compared{median: m.median, low: m.low, high: m.high, rounds: len(r), control: c, void: !c.within(controlBand)}
}

// added is what B has more of than A.
func (r rounds) added(of func(piece) float64) interval {
	more := make([]float64, len(r))
	for i, x := range r {
		more[i] = of(x.b) - (of(x.a)+of(x.control))/2
	}
	return medianOf(more)
}

// of is the median of a quantity on one side.
func (r rounds) side(b bool, of func(piece) float64) interval {
	var all []float64
	for _, x := range r {
		if b {
			all = append(all, of(x.b))
		} else {
			all = append(all, of(x.a), of(x.control))
		}
	}
	return medianOf(all)
}

func perSecond(p piece) float64  { return p.perSecond }
func cpu(p piece) float64        { return p.cpu }
func allocs(p piece) float64     { return p.allocs }
func allocBytes(p piece) float64 { return p.allocBytes }

// controlBand is how near to one A over A must be.
const controlBand = 0.03

const (
	fewestRounds = 9
	// thawed is how long a subject runs after it was frozen before it is measured: what
	// waited for it in the sockets is gone by then. Handlers that waited meanwhile end
	// all at once, so it is given the time of one and a half more.
	thawed = 50 * time.Millisecond
)

// pairs measures two subjects in turn, until the control is good enough or the time
// is up.
func pairs(ctx context.Context, a, b peers.Spec, each, budget time.Duration) (rounds, error) {
	return pairsOf(ctx, a, b, each, budget, perSecond, cpu)
}

// pairsOf is pairs with the quantities whose control must be good enough.
func pairsOf(ctx context.Context, a, b peers.Spec, each, budget time.Duration, of ...func(piece) float64) (rounds, error) {
	first, err := startSubject(ctx, a)
	if err != nil {
		return nil, err
	}
	defer first.close()
	if err := settle(ctx, first); err != nil {
		return nil, err
	}
	second, err := startSubject(ctx, b)
	if err != nil {
		return nil, err
	}
	defer second.close()
	if err := settle(ctx, second); err != nil {
		return nil, err
	}
	var all rounds
	for begun := time.Now(); ; {
		var r round
		for _, turn := range []struct {
			c    *child
			into *piece
		}{{first, &r.a}, {second, &r.b}, {first, &r.control}} {
			if *turn.into, err = turn.c.piece(ctx, each); err != nil {
				return all, err
			}
		}
		all = append(all, r)
		if len(all) < fewestRounds {
			continue
		}
		void := func(q func(piece) float64) bool { return all.ratio(q).void }
		if time.Since(begun) > budget || !slices.ContainsFunc(of, void) {
			return all, nil
		}
	}
}

// settle lets a subject warm up, and freezes it.
func settle(ctx context.Context, c *child) error {
	if err := wait(ctx, time.Second); err != nil {
		return err
	}
	return c.freeze()
}

// piece lets a frozen subject run for a while.
func (c *child) piece(ctx context.Context, each time.Duration) (p piece, err error) {
	if err := c.thaw(); err != nil {
		return p, err
	}
	if err := wait(ctx, c.thawed); err != nil {
		return p, err
	}
	from, err := c.look()
	if err != nil {
		return p, err
	}
	if err := wait(ctx, each); err != nil {
		return p, err
	}
	to, err := c.look()
	if err != nil {
		return p, err
	}
	p = between(from, to)
	if math.IsNaN(p.perSecond) {
		p.perSecond = 0
	}
	return p, c.freeze()
}
