package main

import (
	"context"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// trio is A, B and A again as the control, all three at the same time: for subjects that
// wait more than they compute. What disturbs one disturbs all, and none is frozen, which
// would end all that waits in it at once.
type trio [3]*child

func startTrio(ctx context.Context, specs ...peers.Spec) (t trio, err error) {
	for i, s := range specs {
		if t[i], err = startSubject(ctx, s); err != nil {
			t.close()
			return t, err
		}
	}
	return t, nil
}

func (t trio) close() {
	for _, c := range t {
		if c != nil {
			c.close()
		}
	}
}

// watch looks at all of them n times, beginning at from.
func (t trio) watch(ctx context.Context, from time.Time, each time.Duration, n int) (rounds, error) {
	var rs rounds
	var last [3]moment
	for i := range n + 1 {
		if err := peers.Wait(ctx, time.Until(from.Add(time.Duration(i)*each))); err != nil {
			return rs, err
		}
		var ps [3]piece
		for k, c := range t {
			m, err := c.look()
			if err != nil {
				return rs, err
			}
			ps[k], last[k] = between(last[k], m), m
		}
		if i > 0 {
			rs = append(rs, round{a: ps[0], b: ps[1], control: ps[2]})
		}
	}
	return rs, nil
}

const (
	trioWarm  = 500 * time.Millisecond
	trioFirst = 10 // pieces; as many again until the control is good or the time is up
)

// trio compares two subjects at the same time.
func (l *lab) trio(ctx context.Context, a, b peers.Spec, each time.Duration) (rounds, error) {
	t, err := startTrio(ctx, a, b, a)
	if err != nil {
		return nil, err
	}
	defer t.close()
	var all rounds
	for begun := time.Now(); ; {
		rs, err := t.watch(ctx, time.Now().Add(trioWarm), each, trioFirst)
		if err != nil {
			return all, err
		}
		if all = append(all, rs...); !all.ratio(perSecond).void || time.Since(begun) > min(l.budget, 4*time.Second) {
			return all, nil
		}
	}
}
