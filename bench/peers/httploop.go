package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// HTTPLoop is the loop from a topic to a service that a team writes by hand: as many
// workers as connections, each of which posts one record after the other, and all that
// was polled is marked once all is answered. The order of keys is lost. Set has "url"
// and "conns".
func HTTPLoop(ctx context.Context, s Spec, m *Meter) error {
	conns, err := strconv.Atoi(s.Set["conns"])
	if err != nil {
		return fmt.Errorf("conns: %w", err)
	}
	client, err := raw(s, kgo.AutoCommitMarks())
	if err != nil {
		return err
	}
	defer client.Close()
	p := &poster{
		url: s.Set["url"], m: m, work: make(chan *kgo.Record),
		client: &http.Client{Transport: &http.Transport{MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns, DisableCompression: true}},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(p.work)
	defer cancel(nil)
	for range conns {
		workers.Go(func() { p.run(ctx, cancel) })
	}
	err = poll(ctx, client, func(fetches kgo.Fetches) error {
		records := fetches.Records()
		p.left.Add(len(records))
		for _, r := range records {
			p.work <- r
		}
		p.left.Wait()
		client.MarkCommitRecords(records...)
		return nil
	})
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// poster is the workers.
type poster struct {
	url    string
	client *http.Client
	work   chan *kgo.Record
	left   sync.WaitGroup // of a poll
	m      *Meter
}

func (p *poster) run(ctx context.Context, fail context.CancelCauseFunc) {
	for r := range p.work {
		if err := p.post(ctx, r.Value); err != nil && ctx.Err() == nil {
			fail(err)
		}
		p.left.Done()
	}
}

func (p *poster) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the service answers %s", resp.Status)
	}
	p.m.Add(1, len(body))
	return nil
}
