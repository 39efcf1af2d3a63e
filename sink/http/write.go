package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Write sends a batch in one request, or each message in its own until one
// fails. What an answer means:
//
//   - 2xx: done.
//   - 429, a quota, and 503, 504 and 529: overload, with Retry-After.
//   - Every other 4xx: reject. Of a batch that says only that somebody in it is
//     at fault, or that it is too large.
//   - Retried: no answer, 5xx, 408 and 3xx.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if s.cfg.Batch != batchNone {
		return s.writeBatch(ctx, batch)
	}
	for i := range batch {
		err := s.send(ctx, batch[i].Value, batch[i].Source)
		if err == nil {
			continue
		}
		if len(batch) == 1 {
			return err
		}
		var be sink.BatchError
		be.Add(i, err)
		for i++; i < len(batch); i++ {
			be.Add(i, sink.ErrBehindFailed)
		}
		return be.Err()
	}
	return nil
}

var errNotJSON = errors.New("http: the value is not JSON, which a batch needs; use batch none")

// writeBatch sends nothing when a value is not JSON: who is at fault is found by
// sending less, and what stands behind it is not sent before it is decided.
func (s *Sink) writeBatch(ctx context.Context, batch []sink.Message) error {
	var buf bytes.Buffer
	open, between, end := "", "\n", "\n"
	if s.cfg.Batch == batchJSON {
		open, between, end = "[", ",", "]"
	}
	buf.WriteString(open)
	for i := range batch {
		if i > 0 {
			buf.WriteString(between)
		}
		value := batch[i].Value
		if value == nil { // a tombstone
			value = []byte("null")
		}
		if err := json.Compact(&buf, value); err != nil { // one line, whatever it was
			return flow.Permanent(errNotJSON)
		}
	}
	buf.WriteString(end)
	return s.send(ctx, buf.Bytes(), sink.Position{})
}

// send makes one request. The position of its one message is its idempotency key
// (draft-ietf-httpapi-idempotency-key-header); a batch has none, since it is not
// the same batch when it is sent again.
func (s *Sink) send(ctx context.Context, body []byte, from sink.Position) error {
	req, err := http.NewRequestWithContext(ctx, s.cfg.Method, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("http: %s: the request can not be made", s.shown)
	}
	req.Header.Set("Content-Type", s.cfg.ContentType)
	if from.Topic != "" {
		req.Header.Set("Idempotency-Key", from.String())
	}
	for k, v := range s.cfg.Headers {
		if strings.EqualFold(k, "Host") {
			req.Host = v.Reveal()
			continue
		}
		req.Header.Set(k, v.Reveal())
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return s.unanswered(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text []byte
	if resp.StatusCode != http.StatusSwitchingProtocols { // no body but the connection itself
		// The status has been said, whatever becomes of the rest of the answer.
		text, _ = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	}
	return s.verdict(resp, text)
}

// unanswered says what a request without an answer means.
func (s *Sink) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("http: %s: outcome unknown: %w", s.shown, ctx.Err())
	}
	var ue *url.Error
	if errors.As(err, &ue) { // it shows the URL, which may hold secrets
		err = ue.Err
	}
	return fmt.Errorf("http: %s: %w", s.shown, err)
}
