// Package demo shows a pipeline at work, makes its sink slow and broken, and
// judges what arrived.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/weir-kafka/weir/config"
)

// Options say how long and how it is shown.
type Options struct {
	Parts    config.Parts
	For      time.Duration // of producing
	Output   string        // text or json
	Out, Err io.Writer
}

// Check refuses options that make no sense.
func (o Options) Check() error {
	if o.For < 2*time.Second {
		return fmt.Errorf("--for %s is too short to show anything; give at least 2s", o.For)
	}
	if o.Output != "text" && o.Output != "json" {
		return fmt.Errorf("--output %q is not text or json", o.Output)
	}
	return nil
}

const (
	topic      = "orders"
	deadTopic  = "orders.dead"
	partitions = 6
	// joinWithin and drainWithin bound what comes before and after the phases.
	joinWithin  = 20 * time.Second
	drainWithin = 30 * time.Second
)

// ErrVerdict is returned when records were lost or out of order.
var ErrVerdict = errors.New("demo: records were lost or out of order")

// pipelineFile is the ordinary file of the pipeline.
const pipelineFile = `name: demo
kafka:
  brokers: [%s]
  group: orders-to-api
  topics: [orders]
memory: 64MiB
handlers:
  - filter: {expression: '.n >= 0'}
  - map: {expression: '{key: .key, n: .n, total: (.price * .count)}'}
sink:
  http: {url: %s}
  limit: {max: 64}
  timeout: 5s
failure:
  dead_letter: {kafka: {topic: orders.dead}}
drain: 10s
admin: {listen: 127.0.0.1:0}
log: {level: warn}
`

// Run runs the demo. It returns [ErrVerdict] when the ledger does not balance.
func Run(ctx context.Context, o Options) error {
	progress := o.Out
	if o.Output == "json" {
		progress = o.Err
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic), kfake.SeedTopics(1, deadTopic))
	if err != nil {
		return fmt.Errorf("demo: embedded Kafka: %w", err)
	}
	defer cluster.Close()
	l := newLedger()
	service, err := startService(l)
	if err != nil {
		return err
	}
	defer func() { _ = service.stop() }() // a client that is cut off then has had its answer
	text := fmt.Sprintf(pipelineFile, strings.Join(cluster.ListenAddrs(), ","), service.url)
	f, err := config.Parse("demo.yaml", []byte(text), o.Parts, config.WithEnviron(nil))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(progress, "weir demo: an embedded Kafka at %s (any client can use it) and a service at %s.\nThe pipeline between them, as weir run takes it:\n\n%s\n",
		strings.Join(cluster.ListenAddrs(), ","), service.url, indent(text))
	s := &show{o: o, file: f, ledger: l, service: service, screen: newScreen(progress), log: o.Err}
	return s.run(ctx, cluster.ListenAddrs())
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}
