package peers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// pulse is a sink that takes for a while, hangs for a while, and so on.
type pulse struct {
	to          sink.Sink
	takes, each time.Duration
	begun       time.Time
}

// pulsing reads "4s/10s": it takes for 4 s of every 10 s.
func pulsing(text string, to sink.Sink) (sink.Sink, error) {
	takes, each, _ := strings.Cut(text, "/")
	t, err := time.ParseDuration(takes)
	if err != nil {
		return nil, fmt.Errorf("pulse: %w", err)
	}
	e, err := time.ParseDuration(each)
	if err != nil {
		return nil, fmt.Errorf("pulse: %w", err)
	}
	return &pulse{to: to, takes: t, each: e, begun: time.Now()}, nil
}

// Write implements [sink.Sink].
func (p *pulse) Write(ctx context.Context, batch []sink.Message) error {
	if at := time.Since(p.begun) % p.each; at >= p.takes {
		if err := Wait(ctx, p.each-at); err != nil {
			return err
		}
	}
	return p.to.Write(ctx, batch)
}
