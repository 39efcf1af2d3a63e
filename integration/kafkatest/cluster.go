package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Image is what is run where KAFKA_IMAGE names nothing else.
const Image = "apache/kafka:4.4.0"

// ErrNoEngine says that there is no container engine on this machine.
var ErrNoEngine = errors.New("kafkatest: no container engine")

// Cluster is a Kafka of one or three nodes. Its methods are safe for concurrent use.
type Cluster struct {
	// Nodes are in the order of their ids, which begin at 1.
	Nodes []*Node

	network *testcontainers.DockerNetwork
	api     *testcontainers.DockerClient
	client  *kgo.Client
}

// Start starts a cluster and ends it with the test. It skips the test on a machine
// without a container engine, and fails it there if WEIR_CONTAINERS is must.
func Start(tb testing.TB, opts ...Option) *Cluster {
	tb.Helper()
	c, err := Open(tb.Context(), opts...)
	if errors.Is(err, ErrNoEngine) && os.Getenv("WEIR_CONTAINERS") != "must" {
		tb.Skipf("LEFT OUT: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, n := range c.Nodes {
				tb.Logf("%s:\n%s", n.Addr, n.Log(8000))
			}
		}
		c.Close()
	})
	return c
}

// Open starts a cluster that lives until Close, and waits until all of it is up.
// The error is ErrNoEngine on a machine without a container engine.
func Open(ctx context.Context, opts ...Option) (*Cluster, error) {
	o := &options{nodes: 1, env: map[string]string{}, files: map[string][]byte{}}
	for _, opt := range opts {
		opt(o)
	}
	api, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	c := &Cluster{api: api}
	if err := c.open(ctx, o); err != nil {
		c.Close()
		return nil, fmt.Errorf("kafkatest: %w", err)
	}
	return c, nil
}

func (c *Cluster) open(ctx context.Context, o *options) (err error) {
	if c.network, err = network.New(ctx); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	env := o.environment()
	for i := range o.nodes {
		n, err := c.startNode(ctx, i+1, env, o)
		if n != nil {
			c.Nodes = append(c.Nodes, n)
		}
		if err != nil {
			return err
		}
	}
	if c.client, err = kgo.NewClient(c.ClientOptions()...); err != nil {
		return err
	}
	return c.AwaitUp(ctx)
}

// Close ends the cluster and forgets its data.
func (c *Cluster) Close() {
	if c.client != nil {
		c.client.Close()
	}
	for _, n := range c.Nodes {
		_ = testcontainers.TerminateContainer(n.container, testcontainers.StopTimeout(0))
	}
	if c.network != nil {
		_ = c.network.Remove(context.Background())
	}
	_ = c.api.Close()
}

// Addrs returns the addresses of all nodes as host:port.
func (c *Cluster) Addrs() (addrs []string) {
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return addrs
}

// SecureAddrs is Addrs for the listener of [WithSecureListener].
func (c *Cluster) SecureAddrs() (addrs []string) {
	for _, n := range c.Nodes {
		addrs = append(addrs, n.SecureAddr)
	}
	return addrs
}

// ClientOptions returns options for a client of the cluster that notices within
// seconds what happens to a node: one that is paused answers nothing, and the
// client's own patience is ten seconds for each request.
func (c *Cluster) ClientOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(c.Addrs()...), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.ProduceRequestTimeout(3 * time.Second), kgo.RequestTimeoutOverhead(3 * time.Second),
		kgo.AlwaysRetryEOF(), // the engine's proxy accepts connections to a node that is down
	}
}

// Client returns a client that is closed with the test.
func (c *Cluster) Client(tb testing.TB, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	cl, err := kgo.NewClient(append(c.ClientOptions(), opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cl.Close)
	return cl
}

// Admin returns an admin client, which lives as long as the cluster.
func (c *Cluster) Admin() *kadm.Client { return kadm.NewClient(c.client) }

func image() string { return cmp.Or(os.Getenv("KAFKA_IMAGE"), Image) }

// freePort returns a port of the loopback that is free, below those that outgoing
// connections take. It is chosen here and not by the engine because a node tells its
// clients its address before it starts, and because the engine chooses another at a restart.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(10000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on the loopback")
}
