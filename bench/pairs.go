package main

import (
	"context"
	"fmt"
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
	n := float64(to.Records - from.Records) // of none, a record's share is infinite or not a number
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
	first, second, err := startBoth(ctx, a, b)
	if err != nil {
		return nil, err
	}
	defer first.close()
	defer second.close()
	return inTurn(ctx, first, second, each, budget, of...)
}

// inTurn is pairs of two subjects that are frozen.
func inTurn(ctx context.Context, first, second *child, each, budget time.Duration, of ...func(piece) float64) (all rounds, err error) {
	void := func(q func(piece) float64) bool { return all.ratio(q).void }
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
		if first.spent() || second.spent() {
			return all.enough(first.spec.Topic)
		}
		all = append(all, r)
		if len(all) < fewestRounds {
			continue
		}
		if time.Since(begun) > budget || !slices.ContainsFunc(of, void) {
			return all, nil
		}
	}
}

// spent reports whether a subject has consumed three quarters of its topic: partitions
// are not consumed at one pace, and one that is at its end makes its subject slower. What
// it did since the last look does not count.
func (c *child) spent() bool { return c.spec.Records > 0 && c.consumed > c.spec.Records/4*3 }

// enough are the rounds before a topic came near its end, if they are enough.
func (r rounds) enough(topic string) (rounds, error) {
	if len(r) < fewestRounds {
		return nil, fmt.Errorf("topic %s is too short: %d rounds before three quarters were consumed, not %d", topic, len(r), fewestRounds)
	}
	return r, nil
}

// startBoth starts two subjects and freezes them warm. The one that takes longer is
// first: a member that is frozen for long is one no more.
func startBoth(ctx context.Context, a, b peers.Spec) (first, second *child, err error) {
	if b.Warm > a.Warm {
		second, first, err = startBoth(ctx, b, a)
		return first, second, err
	}
	if first, err = startWarm(ctx, a); err != nil {
		return nil, nil, err
	}
	if second, err = startWarm(ctx, b); err != nil {
		first.close()
		return nil, nil, err
	}
	return first, second, nil
}

func startWarm(ctx context.Context, s peers.Spec) (*child, error) {
	c, err := startSubject(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := settle(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// longestWarm is how long a subject may take to warm up: one that waits uses little.
const longestWarm = 30 * time.Second

// settle lets a subject warm up, for a second at least, and freezes it.
func settle(ctx context.Context, c *child) error {
	for begun := time.Now(); ; {
		if err := peers.Wait(ctx, time.Second); err != nil {
			return err
		}
		m, err := c.look()
		if err != nil {
			return err
		}
		if m.CPU >= c.spec.Warm || time.Since(begun) > longestWarm {
			return c.freeze()
		}
	}
}

// piece lets a frozen subject run for a while.
func (c *child) piece(ctx context.Context, each time.Duration) (p piece, err error) {
	return c.latePiece(ctx, thawed+c.spec.Handler*3/2, max(each, c.spec.Piece))
}

// latePiece is a piece that is measured only after the subject has run for so long.
func (c *child) latePiece(ctx context.Context, late, each time.Duration) (p piece, err error) {
	if err := c.thaw(); err != nil {
		return p, err
	}
	if err := peers.Wait(ctx, late); err != nil {
		return p, err
	}
	from, err := c.look()
	if err != nil {
		return p, err
	}
	if err := peers.Wait(ctx, each); err != nil {
		return p, err
	}
	to, err := c.look()
	if err != nil {
		return p, err
	}
	return between(from, to), c.freeze()
}
