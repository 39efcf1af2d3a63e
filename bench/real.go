package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// The same work against a real Kafka, whose topics are filled before, and beside the
// peers that need one: those of the JVM and of librdkafka.

const suffix = "-real" // of the rows that are measured on canned batches too

func realChapter() chapter {
	c := chapter{
		title: "Real Kafka",
		workloads: []workload{
			onReal("real-W1-partition", w1Partition),
			onReal("real-W1-key", w1Key),
			onReal("real-W1-metrics", w1Metrics),
			onReal("real-W1-peers", beside(peers.Spec{Peer: "sarama"}, peers.Spec{Peer: "kafka-go"}, peers.Spec{Peer: "watermill"}, peers.Spec{Peer: "confluent-kafka-go"})),
			onReal("real-W1-jvm", beside(peers.Spec{Peer: "java"}, peers.Spec{Peer: "parallel-consumer"},
				peers.Spec{Peer: "parallel-consumer", InFlight: 100}, peers.Spec{Peer: "parallel-consumer", InFlight: 1000})),
			onReal("real-W2c-defaults", keyOrder(0)),
			onReal("real-W2c-set", keyOrder(100, 1000)),
			onReal("real-W3-copy", w3Copy),
			onReal("real-W6-slow", w6Slow),
			onReal("real-W6-half", w6Half),
			onReal("real-W6-hang", w6Hang),
		},
		gates: []gate{
			{id: "left-out", what: "could not be measured"},
			{id: "W2c-real", what: "key order, 10 ms handler, both with their defaults: throughput over parallel-consumer", unit: "x", atLeast: 8, aim: 40},
			{id: "W2c-set-real", what: "the same, parallel-consumer with a concurrency that was set", unit: "x"},
			{id: "W2c-rate-real", what: "key order, 10 ms handler: throughput", unit: "records/s"},
			{id: "W2c-ns-real", what: "key order, 10 ms handler: CPU a record", unit: "ns"},
		},
	}
	for _, twice := range []chapter{w1Chapter(), w3Chapter(), w6Chapter()} {
		for _, g := range twice.gates {
			g.id += suffix
			c.gates = append(c.gates, g)
		}
	}
	return c
}

// onReal is a workload that runs against a real Kafka. Without one its rows are left out.
func onReal(name string, run func(context.Context, *lab) ([]result, error)) workload {
	return workload{name, func(ctx context.Context, l *lab) ([]result, error) {
		if len(l.brokers) == 0 {
			return []result{leftOut(name, l.noBrokers)}, nil
		}
		on := *l
		on.onReal = true
		results, err := run(ctx, &on)
		for i := range results {
			if results[i].gate != "left-out" {
				results[i].gate += suffix
			}
			results[i].variant = "real, " + results[i].variant
		}
		return results, err
	}}
}

// leftOut is a row that could not be measured, loudly.
func leftOut(form, why string) result {
	fmt.Fprintf(os.Stderr, "  LEFT OUT: %s: %s\n", form, why)
	return result{gate: "left-out", variant: form, interval: medianOf(nil), note: why}
}

// strangers are the peers that are programs of their own: what builds each, what runs
// it, and how much processor time it needs until it is as fast as it gets: measured, a
// record costs the Java loop eight times as much after 2.5 s as after 4, and
// parallel-consumer three times as much after 5 s as after 13.
func strangers() map[string]stranger {
	maven := []string{"mvn", "-q", "-B", "-ntp", "-f", "jvm/pom.xml", "package"}
	java := []string{"java", "-cp", "jvm/target/classes:jvm/target/lib/*", "Subject"}
	const librdkafka = "confluent/target/confluent"
	return map[string]stranger{
		"confluent-kafka-go": {build: []string{"go", "build", "-C", "confluent", "-o", "target/confluent", "."}, run: []string{librdkafka}},
		"java":               {build: maven, run: java, warm: 4 * time.Second},
		"parallel-consumer":  {build: maven, run: java, warm: 13 * time.Second, piece: 2 * time.Second},
	}
}

type stranger struct {
	build, run  []string // in the folder of this program's sources
	warm, piece time.Duration
}

// built builds what the peer of a specification needs, if it is a stranger, and says how
// to run it and which version it is.
func built(ctx context.Context, s peers.Spec) (_ peers.Spec, version string, err error) {
	x, is := strangers()[s.Peer]
	if !is {
		return s, "", nil
	}
	out, err := exec.CommandContext(ctx, x.build[0], x.build[1:]...).CombinedOutput()
	if err != nil {
		return s, "", fmt.Errorf("build of %s: %w: %s", s.Peer, err, bytes.TrimSpace(out))
	}
	s.Command, s.Warm, s.Piece = x.run, x.warm, x.piece
	return s, x.version(), nil
}

// beside measures peers beside the raw client.
func beside(all ...peers.Spec) func(context.Context, *lab) ([]result, error) {
	return func(ctx context.Context, l *lab) ([]result, error) {
		var results []result
		for _, s := range all {
			rs, err := l.peer(ctx, s)
			if err != nil {
				return results, err
			}
			results = append(results, rs...)
		}
		return results, nil
	}
}

func (l *lab) peer(ctx context.Context, s peers.Spec) ([]result, error) {
	form := nameOf(s) + ", 100 B"
	s, version, err := built(ctx, s)
	if err != nil {
		return []result{leftOut(form, err.Error())}, nil
	}
	r, err := l.compare(ctx, 100, peers.Spec{Peer: "kgo"}, s)
	if err != nil {
		return nil, err
	}
	return []result{
		r.ratioRow("W1-peer", form, perSecond), r.ratioRow("W1-peer-cpu", form, cpu),
		{gate: "W1-peer-ns", variant: form, interval: r.side(true, cpu), note: version},
		{gate: "W1-peer-ns", variant: "kgo beside " + form, interval: r.side(false, cpu)},
	}, nil
}

func nameOf(s peers.Spec) string {
	if s.InFlight == 0 {
		return s.Peer
	}
	return fmt.Sprintf("%s with %d", s.Peer, s.InFlight)
}

// version says which a stranger is, once it is built.
func (x stranger) version() string {
	var said []string
	if info, err := buildinfo.ReadFile(x.run[0]); err == nil {
		for _, d := range info.Deps {
			said = append(said, path.Base(path.Dir(d.Path))+" "+d.Version)
		}
		return strings.Join(said, ", ")
	}
	for _, name := range []string{"kafka-clients", "parallel-consumer-core"} {
		jars, _ := filepath.Glob("jvm/target/lib/" + name + "-*.jar")
		for _, jar := range jars {
			said = append(said, strings.TrimSuffix(filepath.Base(jar), ".jar"))
		}
	}
	return strings.Join(said, ", ")
}

// keyOrder is parallel-consumer with each concurrency, of which 0 is its default, beside
// Weir with its defaults.
func keyOrder(concurrency ...int) func(context.Context, *lab) ([]result, error) {
	return func(ctx context.Context, l *lab) ([]result, error) {
		var all []result
		for _, n := range concurrency {
			rs, err := l.keyOrder(ctx, peers.Spec{Peer: "parallel-consumer", Handler: 10 * time.Millisecond, InFlight: n})
			if err != nil {
				return all, err
			}
			all = append(all, rs...)
		}
		return all, nil
	}
}

func (l *lab) keyOrder(ctx context.Context, s peers.Spec) ([]result, error) {
	form, id := nameOf(s), "W2c"
	if s.InFlight > 0 {
		id = "W2c-set"
	}
	s, version, err := built(ctx, s)
	if err != nil {
		return []result{leftOut(form, err.Error())}, nil
	}
	r, err := l.compare(ctx, 100, s, peers.Spec{Peer: "weir", Handler: s.Handler, Piece: s.Piece})
	if err != nil {
		return nil, err
	}
	return []result{
		r.ratioRow(id, "weir over "+form, perSecond),
		{gate: "W2c-rate", variant: form, interval: r.side(false, perSecond), note: version},
		{gate: "W2c-rate", variant: "weir beside " + form, interval: r.side(true, perSecond)},
		{gate: "W2c-ns", variant: form, interval: r.side(false, cpu)},
		{gate: "W2c-ns", variant: "weir beside " + form, interval: r.side(true, cpu)},
	}, nil
}

// compare compares two subjects on values of so many bytes.
func (l *lab) compare(ctx context.Context, size int, a, b peers.Spec) (rounds, error) {
	topic, records, err := l.filled(ctx, size)
	if err != nil {
		return nil, err
	}
	run := fmt.Sprintf("bench-%x-", rand.Uint64())
	for _, s := range []*peers.Spec{&a, &b} {
		s.Brokers, s.Topic, s.Records, s.Group = l.brokers, topic, records, run+s.Peer
	}
	b.Group += "-b" // a peer may be compared with itself
	r, err := pairs(ctx, a, b, l.each, l.budget)
	if err != nil {
		return nil, err
	}
	return r, l.unfinished(ctx, topic, a.Group, b.Group)
}
