package peers

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
	sinkhttp "github.com/weir-kafka/weir/sink/http"
	sinkkafka "github.com/weir-kafka/weir/sink/kafka"
)

// output is where Weir writes to: a sink that looks at every message, or with "into" a
// topic (of "into_brokers" if that is set), or with "url" a service, or with "pulse" a sink
// that hangs at times. With "limit" it has that many writes in flight at most, as in
// max:64 and fixed:64.
func output(s Spec, m *Meter, w *watched) (o consumer.Output, end func() error, err error) {
	o.Sink, end = looks(m, s.latencies(m), w), func() error { return nil }
	switch {
	case s.Set["into"] != "":
		cfg := sinkkafka.DefaultConfig()
		cfg.Brokers, cfg.Topic = s.Brokers, s.Set["into"]
		if other := s.Set["into_brokers"]; other != "" {
			cfg.Brokers = strings.Split(other, ",")
		}
		to, err := sinkkafka.New(cfg)
		if err != nil {
			return o, nil, err
		}
		o.Sink, end = counted{to, m}, to.Close
	case s.Set["pulse"] != "":
		if o.Sink, err = pulsing(s.Set["pulse"], o.Sink); err != nil {
			return o, nil, err
		}
	case s.Set["url"] != "":
		cfg := sinkhttp.DefaultConfig()
		cfg.URL = s.Set["url"]
		to, err := sinkhttp.New(cfg)
		if err != nil {
			return o, nil, err
		}
		o.Sink, end = counted{to, m}, to.Close
	}
	o.Limit, err = limitOf(s.Set["limit"])
	return o, end, err
}

func limitOf(text string) (l consumer.LimitConfig, err error) {
	kind, number, _ := strings.Cut(text, ":")
	switch kind {
	case "":
	case "max":
		l.Max, err = strconv.Atoi(number)
	case "fixed":
		l.Fixed, err = strconv.Atoi(number)
	default:
		err = fmt.Errorf("limit: %q is neither max nor fixed", text)
	}
	return l, err
}

// looks is the sink that looks at every message, and at the time where old wants that.
func looks(m *Meter, old *Latencies, w *watched) sink.Sink {
	return sink.Func(func(_ context.Context, batch []sink.Message) error {
		if old != nil {
			for i := range batch {
				if string(batch[i].Key) != w.stuck {
					old.Done(batch[i].Value, time.Now())
				}
			}
		}
		w.wrote()
		m.Add(len(batch), valueBytes(batch))
		return nil
	})
}

func valueBytes(batch []sink.Message) (n int) {
	for i := range batch {
		n += len(batch[i].Value)
	}
	return n
}

// counted counts what a sink of the product has delivered.
type counted struct {
	to interface {
		sink.Sink
		sink.Limited
	}
	m *Meter
}

func (c counted) Limits() sink.Limits { return c.to.Limits() }

func (c counted) Write(ctx context.Context, batch []sink.Message) error {
	err := c.to.Write(ctx, batch)
	if err == nil {
		c.m.Add(len(batch), valueBytes(batch))
	} else if be, ok := sink.AsBatchError(err); ok {
		c.m.Add(len(batch)-len(be.Failed()), 0)
	}
	return err
}
