package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
)

// windowBytes is the size of values: of small ones a fetch brings more.
const windowBytes = 100

// w2Window lets one record hang, of a partition whose keys come at random, and sees how
// many others become done until the partition is paused or ends.
func w2Window(ctx context.Context, l *lab) ([]result, error) {
	const topic, group = "bench-window", "window"
	n := 2_500_000
	if l.brief() {
		n = 500_000
	}
	ranks := keySpec{Count: keys}.draw(n)
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: 1})
	if err != nil {
		return nil, err
	}
	defer end()
	if err := produce(ctx, address, topic, 1, windowBytes, ranks); err != nil {
		return nil, err
	}
	weir, err := startSubject(ctx, peers.Spec{
		Peer: "weir", Brokers: address, Topic: topic, Group: group,
		Stuck: &peers.Stuck{Key: keyName(ranks[0]), Until: time.Now().Add(time.Hour)},
		Set:   map[string]string{"figures": peers.Window},
	})
	if err != nil {
		return nil, err
	}
	defer weir.close()
	w, err := watchWindow(ctx, weir, address, group)
	if err != nil {
		return nil, err
	}
	form, note := fmt.Sprintf("key order, %s", keySpec{Count: keys}), "paused for its completion map"
	if !w.paused {
		note = "it was not paused: the topic ended"
	}
	one := func(v float64) interval { return interval{v, v, v, 1} }
	return []result{
		{gate: "W2e", variant: form, interval: one(w.done), note: note},
		{gate: "W2e-bytes", variant: form, interval: one(w.bytes / w.told), note: fmt.Sprintf("%.0f B for %.0f", w.bytes, w.told)},
	}, nil
}

// beyond is how far work went on beyond the record that hangs.
type beyond struct {
	done        float64 // before the pause, or at the end
	told, bytes float64 // of the last commit that told all: how many were done, and its metadata
	paused      bool
}

// quiet is how long nothing becomes done at the end.
const quiet = 2 * time.Second

func watchWindow(ctx context.Context, weir *child, address []string, group string) (b beyond, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address...))
	if err != nil {
		return b, err
	}
	defer client.Close()
	for since := time.Now(); time.Since(since) < quiet; {
		offsets, err := kadm.NewClient(client).FetchOffsets(ctx, group)
		if err != nil {
			return b, fmt.Errorf("what the group committed: %w", err)
		}
		m, err := weir.look()
		if err != nil {
			return b, err
		}
		if m.Figures[peers.MapPaused] > 0 {
			b.done, b.paused = m.Figures[peers.Window], true
			return b, nil
		}
		if done := m.Figures[peers.Window]; done > b.done {
			since, b.done = time.Now(), done
		}
		for _, o := range offsets.Sorted() {
			b.told, b.bytes = m.Figures[peers.Beyond], float64(len(o.Metadata))
		}
		if err := peers.Wait(ctx, 50*time.Millisecond); err != nil {
			return b, err
		}
	}
	return b, nil
}
