package kafkatest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strconv"

	"github.com/moby/moby/api/types/container"
	mobynet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/network"
)

// Node is one broker, which is a controller too.
type Node struct {
	ID         int32
	Addr       string // host:port
	SecureAddr string // of the listener of WithSecureListener, or empty

	container *testcontainers.DockerContainer
	api       *testcontainers.DockerClient
}

func (c *Cluster) startNode(ctx context.Context, id int, env map[string]string, o *options) (*Node, error) {
	n := &Node{ID: int32(id), api: c.api}
	ports := mobynet.PortMap{}
	advertised := fmt.Sprintf("BROKER://%s:19092", hostname(id))
	listen := func(listener string, inside int) (string, error) {
		port, err := freePort()
		if err != nil {
			return "", err
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		advertised += "," + listener + "://" + addr
		ports[mobynet.MustParsePort(fmt.Sprintf("%d/tcp", inside))] = []mobynet.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: strconv.Itoa(port)}}
		return addr, nil
	}
	var err error
	if n.Addr, err = listen("HOST", 9092); err != nil {
		return nil, err
	}
	if o.secure != "" {
		if n.SecureAddr, err = listen("SECURE", 9094); err != nil {
			return nil, err
		}
	}
	env = maps.Clone(env)
	env["KAFKA_NODE_ID"], env["KAFKA_ADVERTISED_LISTENERS"] = strconv.Itoa(id), advertised
	custom := []testcontainers.ContainerCustomizer{
		testcontainers.WithLogger(quiet{}), testcontainers.WithEnv(env), network.WithNetwork([]string{hostname(id)}, c.network),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.PortBindings = ports }),
	}
	for port := range ports {
		custom = append(custom, testcontainers.WithExposedPorts(port.String()))
	}
	for path, content := range o.files {
		custom = append(custom, testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: bytes.NewReader(content), ContainerFilePath: path, FileMode: 0o644,
		}))
	}
	if n.container, err = testcontainers.Run(ctx, image(), custom...); err != nil {
		err = fmt.Errorf("node %d: %w", id, err)
	}
	return n, err
}

// Kill ends the node as kill -9 does. Its data stays for Start.
func (n *Node) Kill(ctx context.Context) error {
	_, err := n.api.ContainerKill(ctx, n.container.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return n.wrap("kill", err)
}

// Stop ends the node in good order: it hands its leaderships over first.
func (n *Node) Stop(ctx context.Context) error {
	seconds := 30
	_, err := n.api.ContainerStop(ctx, n.container.GetContainerID(), client.ContainerStopOptions{Timeout: &seconds})
	return n.wrap("stop", err)
}

// Start starts a node that was killed or stopped. [Cluster.AwaitUp] waits for it.
func (n *Node) Start(ctx context.Context) error {
	_, err := n.api.ContainerStart(ctx, n.container.GetContainerID(), client.ContainerStartOptions{})
	return n.wrap("start", err)
}

// Pause freezes the node: it answers nothing, and its connections stay open.
func (n *Node) Pause(ctx context.Context) error {
	_, err := n.api.ContainerPause(ctx, n.container.GetContainerID(), client.ContainerPauseOptions{})
	return n.wrap("pause", err)
}

// Unpause lets a paused node go on.
func (n *Node) Unpause(ctx context.Context) error {
	_, err := n.api.ContainerUnpause(ctx, n.container.GetContainerID(), client.ContainerUnpauseOptions{})
	return n.wrap("unpause", err)
}

// Exec runs a command in the node and returns what it printed.
func (n *Node) Exec(ctx context.Context, command ...string) (string, error) {
	code, r, err := n.container.Exec(ctx, command, exec.Multiplexed())
	if err != nil {
		return "", n.wrap("exec", err)
	}
	b, err := io.ReadAll(r)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, b)
	}
	return string(b), n.wrap("exec", err)
}

// state is what the engine says of the node: running, paused, exited ...
func (n *Node) state(ctx context.Context) (string, error) {
	s, err := n.container.State(ctx)
	if err != nil {
		return "", n.wrap("state", err)
	}
	return string(s.Status), nil
}

// Log returns at most the last bytes of what the node has printed.
func (n *Node) Log(last int) string {
	r, err := n.container.Logs(context.Background())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-last):])
}

func (n *Node) wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("kafkatest: %s node %d: %w", what, n.ID, err)
	}
	return nil
}

// quiet is a logger that prints nothing: what matters is returned.
type quiet struct{}

// Printf implements the logger of testcontainers.
func (quiet) Printf(string, ...any) {}
