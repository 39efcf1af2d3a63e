// Command quickstart does what the README says, with the file that stands there,
// against the broker that the file names: it lints the pipeline, runs it, asks it to
// explain itself and stops it. It is the service that the file names, and checks that
// every paid order arrived there once, its customer's in order, that the rest was
// filtered, and that what is no order is a dead letter.
//
//	go run ./quickstart ../../README.md
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	broker  = "127.0.0.1:9092"
	group   = "orders-to-api"
	paid    = 9000
	unpaid  = 3000
	broken  = 3
	keys    = 100
	patient = 2 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: quickstart README.md")
		os.Exit(2)
	}
	n, err := run(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
	fmt.Printf("%d of %d\n", n, paid)
}

func run(ctx context.Context, readme string) (arrived int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patient)
	defer cancel()
	dir, err := os.MkdirTemp("", "weir-quickstart-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := pipeline(readme, filepath.Join(dir, "orders.yaml")); err != nil {
		return 0, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Dir(readme), "-o", filepath.Join(dir, "weir"), "./cmd/weir")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w: %s", err, out)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	s, err := listen()
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Close() }()
	t := &trial{dir: dir, cl: cl, service: s}
	if err := t.run(ctx); err != nil {
		return 0, err
	}
	return s.arrived()
}

// pipeline writes the file that stands in the README.
func pipeline(readme, to string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	m := regexp.MustCompile("(?s)\n```yaml\n(name: orders\n.*?)```\n").FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("no pipeline in %s", readme)
	}
	return os.WriteFile(to, m[1], 0o600)
}

type trial struct {
	dir     string // of the binary and its file
	cl      *kgo.Client
	service *service
}

func (t *trial) run(ctx context.Context) error {
	adm := kadm.NewClient(t.cl)
	for topic, partitions := range map[string]int32{"orders": 6, "orders.dead": 1} {
		if _, err := adm.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	if err := t.produce(ctx); err != nil {
		return err
	}
	if err := t.weir(ctx, "lint", "orders.yaml").Run(); err != nil {
		return fmt.Errorf("weir lint: %w", err)
	}
	pipeline := t.weir(ctx, "run", "orders.yaml")
	if err := pipeline.Start(); err != nil {
		return err
	}
	worked := t.work(ctx, adm)
	_ = pipeline.Process.Signal(syscall.SIGTERM)
	if err := pipeline.Wait(); err != nil {
		worked = errors.Join(worked, fmt.Errorf("weir run: %w", err))
	}
	if worked != nil {
		return worked
	}
	return committed(ctx, adm)
}

// weir is the binary, and what it prints is for the reader of the log.
func (t *trial) weir(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(t.dir, "weir"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, os.Stderr, os.Stderr
	return cmd
}

// produce writes paid orders, unpaid ones among them, and a few that are none.
func (t *trial) produce(ctx context.Context) error {
	var recs []*kgo.Record
	add := func(key int, value string) {
		recs = append(recs, &kgo.Record{Topic: "orders", Key: []byte("customer-" + strconv.Itoa(key)), Value: []byte(value)})
	}
	for i := range paid {
		add(i%keys, fmt.Sprintf(`{"id": %d, "amount": %d}`, i, 1+i%50))
		if i%(paid/unpaid) == 0 {
			add(i%keys, fmt.Sprintf(`{"id": %d, "amount": 0}`, paid+i))
		}
		if i%(paid/broken) == 0 {
			add(i%keys, "no order")
		}
	}
	if err := t.cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	return nil
}

// work waits until all is delivered, and asks the pipeline what it does and the cluster
// whether it fits.
func (t *trial) work(ctx context.Context, adm *kadm.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	for {
		n, err := t.service.arrived()
		if err != nil {
			return err
		}
		dead, err := adm.ListEndOffsets(ctx, "orders.dead")
		if err != nil {
			return fmt.Errorf("%d of %d orders arrived: %w", n, paid, err)
		}
		if end, _ := dead.Lookup("orders.dead", 0); n == paid && end.Offset == broken {
			return errors.Join(t.weir(ctx, "explain").Run(), t.weir(ctx, "lint", "--live", "orders.yaml").Run())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// committed checks that nothing is left to do.
func committed(ctx context.Context, adm *kadm.Client) error {
	lags, err := adm.Lag(ctx, group)
	if err != nil {
		return fmt.Errorf("lag: %w", err)
	}
	l := lags[group]
	if err := l.Error(); err != nil {
		return fmt.Errorf("lag: %w", err)
	}
	if lag := l.Lag.Total(); lag != 0 {
		return fmt.Errorf("the group lags by %d records after a stop in good order, want 0", lag)
	}
	return nil
}
