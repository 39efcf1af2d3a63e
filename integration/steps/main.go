// Command steps shows what a pipeline does when its sink becomes ten times slower
// and quicker again, hangs, or refuses with Retry-After: over real sockets, in
// real time, with an HTTP service of a known capacity behind it and a broker in
// front of it. It fails when goodput is not nine tenths of that capacity three
// seconds after a change, when more than probes go out in an outage, when a
// Retry-After is not kept, when the group rebalances or when partitions flap.
//
// The tests of this directory run the same trials in virtual time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/integration/pool"
	"github.com/weir-kafka/weir/sink"
	sinkhttp "github.com/weir-kafka/weir/sink/http"
)

var errMissed = errors.New("not all is as it must be")

func main() {
	only := flag.String("only", "", "run the plan of this name alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "steps:", err)
		os.Exit(1)
	}
}

// plans are what is tried. The outages last a minute.
func plans() []plan {
	const servers, mean = 40, 20 * time.Millisecond
	return []plan{
		steps(servers, mean),
		outage("hang", servers, mean, time.Minute, pool.Way{Frozen: true}),
		outage("no answer", servers, mean, time.Minute, pool.Way{Lost: true}),
		outage("503", servers, mean, time.Minute, pool.Way{Refuse: 2 * time.Second}),
	}
}

func run(ctx context.Context, only string) error {
	bad := false
	for _, pl := range plans() {
		if only != "" && only != pl.name {
			continue
		}
		rs, err := overSockets(ctx, pl)
		if err != nil {
			return err
		}
		for _, r := range rs {
			fmt.Println(r)
		}
		bad = bad || failed(rs)
	}
	if only == "" || only == "neighbour" {
		ok, err := neighbour(ctx)
		if err != nil {
			return err
		}
		bad = bad || !ok
	}
	if bad {
		return errMissed
	}
	return nil
}

// overSockets runs a plan against an HTTP service on the loopback.
func overSockets(ctx context.Context, pl plan) ([]result, error) {
	c, err := newCluster(ctx, net.Listen, &net.Dialer{}, pl.records())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p := pool.New(pl.servers, pl.mean)
	s, end, err := service(ctx, p)
	if err != nil {
		return nil, err
	}
	defer end()
	m, err := c.start(ctx, "steps", s)
	if err != nil {
		return nil, err
	}
	rs := pl.watch(ctx, p, m.Explain, c.joins.Load)
	return rs, m.end()
}

// service puts p behind HTTP, and returns a sink that calls it.
func service(ctx context.Context, p *pool.Pool) (s sink.Sink, end func(), err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: p}
	go func() { _ = srv.Serve(ln) }()
	cfg := sinkhttp.DefaultConfig()
	cfg.URL = "http://" + ln.Addr().String()
	s, err = sinkhttp.New(cfg)
	return s, func() { _ = srv.Close() }, err
}

// direct is a sink that calls p without a network.
type direct struct{ *pool.Pool }

func (direct) Limits() sink.Limits { return sink.Limits{Messages: 1} }

func (d direct) Write(ctx context.Context, _ []sink.Message) error {
	after, err := d.Call(ctx)
	if after > 0 {
		return flow.Overloaded(errBusy, after)
	}
	return err
}

var errBusy = errors.New("busy")

// cluster is a broker with a topic of records.
type cluster struct {
	*kfake.Cluster
	dialer dialer
	joins  atomic.Int64
}

type dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

const topic = "in"

func newCluster(ctx context.Context, listen func(network, address string) (net.Listener, error), d dialer, records int) (*cluster, error) {
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(listen), kfake.SeedTopics(partitions, topic))
	if err != nil {
		return nil, err
	}
	c := &cluster{Cluster: k, dialer: d}
	k.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		c.joins.Add(1)
		return nil, nil, false
	})
	return c, c.fill(ctx, records)
}

func (c *cluster) fill(ctx context.Context, records int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.Dialer(c.dialer.DialContext), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	const atOnce = 10_000
	for from := 0; from < records; from += atOnce {
		recs := make([]*kgo.Record, min(atOnce, records-from))
		for i := range recs {
			recs[i] = &kgo.Record{Topic: topic, Partition: int32(i % partitions), Key: []byte(strconv.Itoa(i / partitions % 1000)), Value: []byte("value")}
		}
		if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// member is a running pipeline.
type member struct {
	*consumer.Consumer
	cancel context.CancelFunc
	done   chan error
}

func (c *cluster) start(ctx context.Context, group string, s sink.Sink) (*member, error) {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = c.ListenAddrs(), group, []string{topic}
	cfg.Drain = 2 * time.Second
	cons, err := consumer.New(cfg, consumer.Pipeline{Sink: consumer.Output{Sink: s}}, consumer.WithClientOptions(kgo.Dialer(c.dialer.DialContext)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &member{Consumer: cons, cancel: cancel, done: make(chan error, 1)}
	go func() { m.done <- cons.Run(ctx) }()
	return m, nil
}

func (m *member) end() error {
	m.cancel()
	return <-m.done
}
