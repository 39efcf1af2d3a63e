package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

func w8Stop(ctx context.Context, l *lab) ([]result, error) {
	idle, err := l.stopIdle(ctx)
	if err != nil {
		return nil, err
	}
	busy, flying, err := l.stopBusy(ctx)
	if err != nil {
		return nil, err
	}
	return []result{
		{gate: "W8c-idle", variant: "the binary", interval: medianOf(idle)},
		{gate: "W8c-busy", variant: "the library", interval: medianOf(busy), note: fmt.Sprintf("in flight %s", medianOf(flying))},
	}, nil
}

const pipelineFile = `name: bench
kafka: {brokers: ["%s"], group: stop, topics: [stop]}
sink: {stdout: {}}
admin: {listen: "127.0.0.1:0"}
log: {level: error}
`

// stopIdle stops the product's binary while it has nothing to do.
func (l *lab) stopIdle(ctx context.Context) (took []float64, err error) {
	weir, err := buildWeir(ctx)
	if err != nil {
		return nil, err
	}
	defer weir.remove()
	address, end, err := l.broker(brokerSpec{Topic: "stop", Partitions: partitions})
	if err != nil {
		return nil, err
	}
	defer end()
	file := filepath.Join(weir.dir, "pipeline.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, pipelineFile, address[0]), 0o600); err != nil {
		return nil, err
	}
	for range stopRounds {
		if err := produceOne(ctx, address, "stop"); err != nil {
			return took, err
		}
		d, err := stopOnce(ctx, exec.Command(weir.path, "run", file))
		if err != nil {
			return took, err
		}
		took = append(took, milliseconds(d))
	}
	return took, nil
}

// stopOnce starts a pipeline, lets it finish its one record, and stops it.
func stopOnce(ctx context.Context, cmd *exec.Cmd) (took time.Duration, err error) {
	c, err := startCommand("weir", cmd)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if _, err := c.out.ReadString('\n'); err != nil {
		return 0, fmt.Errorf("weir run printed no record: %w", err)
	}
	if err := peers.Wait(ctx, 1500*time.Millisecond); err != nil { // the record is committed
		return 0, err
	}
	begun := time.Now()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	if _, err := c.out.ReadString('\n'); err == nil {
		return 0, fmt.Errorf("weir run printed another record")
	}
	_, err = c.cmd.Process.Wait()
	return time.Since(begun), err
}

const (
	stopInFlight = 1000
	stopHandler  = 50 * time.Millisecond
)

// stopBusy ends the context of a library's Run while its handlers are busy.
func (l *lab) stopBusy(ctx context.Context) (took, flying []float64, err error) {
	address, end, err := l.canned(100)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	for n := range stopRounds {
		c, err := startSubject(ctx, peers.Spec{
			Peer: "weir", Brokers: address, Topic: topicOf(100), Group: fmt.Sprintf("stop-%d", n), Handler: stopHandler, InFlight: stopInFlight,
		})
		if err != nil {
			return took, flying, err
		}
		m, err := c.flying(ctx, stopInFlight)
		begun := time.Now()
		c.close()
		took, flying = append(took, milliseconds(time.Since(begun))), append(flying, m.Figures[peers.InFlight])
		if err != nil {
			return took, flying, err
		}
	}
	return took, flying, nil
}

// flying waits until a subject has so many records in its handlers.
func (c *child) flying(ctx context.Context, n float64) (m moment, err error) {
	for begun := time.Now(); m.Figures[peers.InFlight] < n; {
		if time.Since(begun) > 30*time.Second {
			return m, fmt.Errorf("%s has %v records in flight after 30 s, want %v", c.name, m.Figures[peers.InFlight], n)
		}
		if err := peers.Wait(ctx, 20*time.Millisecond); err != nil {
			return m, err
		}
		if m, err = c.look(); err != nil {
			return m, err
		}
	}
	return m, nil
}
