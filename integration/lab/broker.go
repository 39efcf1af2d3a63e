package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
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

// restart is kill -9, and another broker with the same data and address.
func (b *broker) restart(ctx context.Context, bin string) error {
	b.kill()
	n, err := startBroker(ctx, bin, b.Dir, b.address)
	if err != nil {
		return err
	}
	*b = *n
	return nil
}
