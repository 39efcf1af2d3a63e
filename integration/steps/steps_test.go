//go:build synctests

package main

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/weir-kafka/weir/integration/pool"
)

// try runs a plan in virtual time.
func try(t *testing.T, pl plan) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		c, err := newCluster(t.Context(), network.Listen, &network, pl.records())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p := pool.New(pl.servers, pl.mean)
		m, err := c.start(t.Context(), "steps", direct{p})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range pl.watch(t.Context(), p, m.Explain, c.joins.Load) {
			t.Log(r)
			if len(r.wrong) > 0 {
				t.Fail()
			}
		}
		p.Behave(pool.Way{Servers: pl.servers})
		if err := m.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestGoodputFollowsAStepOfTen(t *testing.T) {
	for _, c := range []struct {
		servers int
		mean    time.Duration
	}{{80, 20 * time.Millisecond}, {20, 5 * time.Millisecond}, {160, 50 * time.Millisecond}} {
		t.Run(fmt.Sprint(c.servers, " servers of ", c.mean), func(t *testing.T) { try(t, steps(c.servers, c.mean)) })
	}
}

func TestAnOutageIsProbedAndSoonOver(t *testing.T) {
	for _, pl := range plans()[1:] {
		t.Run(pl.name, func(t *testing.T) { try(t, pl) })
	}
}
