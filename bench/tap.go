package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// tap sits where a broker receives requests.
type tap struct {
	commits atomic.Int64

	mu   sync.Mutex
	held chan struct{} // closed when fetches go on; nil while they do
}

func newTap(c *kfake.Cluster, s brokerSpec) *tap {
	t := &tap{}
	c.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the broker's signature
		c.KeepControl()
		t.commits.Add(1)
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the broker's signature
		c.KeepControl()
		if s.PartitionBytes > 0 {
			bound(req.(*kmsg.FetchRequest), s.PartitionBytes)
		}
		t.mu.Lock()
		held := t.held
		t.mu.Unlock()
		if held != nil {
			c.SleepControl(func() { <-held })
		}
		return nil, nil, false
	})
	return t
}

func bound(req *kmsg.FetchRequest, most int32) {
	for i := range req.Topics {
		for k := range req.Topics[i].Partitions {
			req.Topics[i].Partitions[k].PartitionMaxBytes = most
		}
	}
}

// do does what a line says: hold lets fetches wait, go lets them go on, and each
// returns how many commits the broker has received.
func (t *tap) do(line string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case line == "hold" && t.held == nil:
		t.held = make(chan struct{})
	case line == "go" && t.held != nil:
		close(t.held)
		t.held = nil
	}
	return strconv.FormatInt(t.commits.Load(), 10)
}

// tell says a line to a broker, and returns how many commits it has received.
func (c *child) tell(line string) (commits float64, err error) {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	said, err := c.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(said), 64)
}
