package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weir-kafka/weir/integration/ledger"
)

// The topics of a lab, and the group that reads.
const (
	Topic      = "orders"
	DeadTopic  = "orders.dead"
	Group      = "orders-to-api"
	Partitions = 12
)

// broker is weir broker with a data directory.
type broker struct {
	*Process
	address string
}

// startBroker runs a broker on address; port 0 takes a free one.
func startBroker(ctx context.Context, bin, dir, address string) (*broker, error) {
	r, w := io.Pipe()
	p, err := start(ctx, bin, dir, w, nil, "broker", "--listen", address, "--data", filepath.Join(dir, "data"),
		"--topic", Topic+":"+strconv.Itoa(Partitions), "--topic", DeadTopic+":2")
	if err != nil {
		return nil, err
	}
	go func() { // what reads would wait for ever for a broker that can not start
		<-p.Done
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("broker: no address: %w", err)
	}
	return &broker{p, strings.TrimSpace(line)}, nil
}

// restart ends it, and starts another with the same data and address.
func (b *broker) restart(ctx context.Context, bin string, how End) error {
	switch how {
	case Kill:
		b.kill()
	case Stop:
		if err := b.stop(); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
	}
	n, err := startBroker(ctx, bin, b.Dir, b.address)
	if err != nil {
		return err
	}
	b.Process = n.Process
	return nil
}

// End is how a broker ends.
type End int

// The ends of a broker.
const (
	Kill End = iota // kill -9: the group has no members any more
	Stop            // SIGTERM: the group is as it was
)

// fault is what a restart is in the ledger.
func (e End) fault() (note, scope string) {
	if e == Kill {
		return "broker killed", ledger.ScopeForget
	}
	return "broker restarted", "group"
}
