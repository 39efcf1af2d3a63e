package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/weir-kafka/weir/integration/lab"
)

// churn stops members gracefully and starts others, under load: nothing is
// killed, so nothing may be repeated.
func churn(ctx context.Context, bin, dir string, cycles int, seed uint64) bool {
	t := &trial{
		shape: shape{members: 2, batch: "none"}, bin: bin, dir: dir,
		rng: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // chance, not a secret
	}
	v, err := t.run(ctx, func(ctx context.Context) error { return t.churn(ctx, cycles) })
	fmt.Printf("%d graceful stops with two and three members: %d records, %d lost, %d out of order, %d duplicates, %d other anomalies\n",
		cycles, v.records, v.lost, v.disorder, v.duplicates, v.other)
	for _, w := range v.witnesses {
		fmt.Println("  " + w)
	}
	if err != nil {
		fmt.Println("  " + err.Error())
	}
	return err == nil && v.ok()
}

// churn keeps two members, and a third while one of them is about to leave.
func (t *trial) churn(ctx context.Context, cycles int) error {
	var ms []*lab.Member
	for range t.members {
		m, err := t.member(ctx)
		if err != nil {
			return err
		}
		ms = append(ms, m)
	}
	for i := range cycles {
		m, err := t.member(ctx)
		if err != nil {
			return err
		}
		if err := m.Busy(ctx); err != nil {
			return fmt.Errorf("cycle %d: %w", i+1, err)
		}
		k := t.rng.IntN(len(ms))
		if err := ms[k].Stop(); err != nil {
			return fmt.Errorf("cycle %d: %w", i+1, err)
		}
		ms[k] = m
	}
	for _, m := range ms {
		if err := m.Stop(); err != nil {
			return err
		}
	}
	return nil
}
