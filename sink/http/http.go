// Package http is the sink that sends messages to an HTTP service: one request
// a message, or batches as lines of JSON or as a JSON array.
package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Config names the service.
type Config struct {
	URL         string                 `yaml:"url" doc:"Where to send to: http or https."`
	Method      string                 `yaml:"method" doc:"POST, PUT or PATCH."`
	Batch       string                 `yaml:"batch" doc:"none (one request a message), ndjson (a JSON value a line) or json (a JSON array)."`
	MaxMessages int                    `yaml:"max_messages" doc:"The most messages in one batch."`
	MaxBytes    int                    `yaml:"max_bytes" doc:"The most bytes in one batch."`
	ContentType string                 `yaml:"content_type" doc:"Content-Type of a request. Defaults to what the batch is."`
	Headers     map[string]sink.Secret `yaml:"headers" doc:"Headers of every request. Give secrets as ${VAR} or ${file:/path}."`
	MaxConns    int                    `yaml:"-"` // connections to keep: the limit of calls in flight
}

// The kinds of batch.
const (
	batchNone   = "none"
	batchNDJSON = "ndjson"
	batchJSON   = "json"
)

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Method: http.MethodPost, Batch: batchNone, MaxMessages: 500, MaxBytes: 1 << 20, MaxConns: 1024}
}

// maxBody is how much of a response is read: enough for its reason and to keep
// the connection, not enough to be flooded.
const maxBody = 64 << 10

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("http: the sink is closed")

// Sink sends. Its pool has as many connections as calls may be in flight.
type Sink struct {
	cfg    Config
	client *http.Client
	closed atomic.Bool
	shown  string // the URL without what may be secret
}

// New checks cfg; the first write connects.
func New(cfg Config) (*Sink, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("http: url: it does not parse; write it as http://host:port/path")
	case cfg.URL == "":
		return nil, errors.New("http: url is empty; write it as http://host:port/path")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("http: url: %q is not an http or https address; write it as http://host:port/path", redact(u))
	}
	switch cfg.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil, fmt.Errorf("http: method: %q is not POST, PUT or PATCH", cfg.Method)
	}
	if err := cfg.setType(); err != nil {
		return nil, err
	}
	if cfg.MaxMessages < 1 || cfg.MaxBytes < 1 {
		return nil, errors.New("http: max_messages and max_bytes must be at least 1")
	}
	if cfg.MaxConns < 1 {
		cfg.MaxConns = DefaultConfig().MaxConns
	}
	tr := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxConnsPerHost:     cfg.MaxConns,
		MaxIdleConns:        cfg.MaxConns,
		MaxIdleConnsPerHost: cfg.MaxConns,
		IdleConnTimeout:     60 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	return &Sink{cfg: cfg, shown: redact(u), client: &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (c *Config) setType() error {
	types := map[string]string{batchNone: "application/octet-stream", batchNDJSON: "application/x-ndjson", batchJSON: "application/json"}
	def, ok := types[c.Batch]
	if !ok {
		return fmt.Errorf("http: batch: %q is not none, ndjson or json", c.Batch)
	}
	if c.ContentType == "" {
		c.ContentType = def
	}
	return nil
}

// redact shows a URL without user, password and query.
func redact(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}

// Limits implements sink.Limited.
func (s *Sink) Limits() sink.Limits {
	if s.cfg.Batch == batchNone {
		return sink.Limits{Messages: 1}
	}
	return sink.Limits{Messages: s.cfg.MaxMessages, Bytes: s.cfg.MaxBytes}
}

// Write sends a batch in one request, or each message in its own. What an answer
// means: 2xx done; 429, 503, 504 and 529 overload, with Retry-After; 408, every
// other 5xx and no answer at all retry; everything else reject.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if s.cfg.Batch != batchNone {
		return s.writeBatch(ctx, batch)
	}
	if len(batch) == 1 {
		return s.send(ctx, batch[0].Value, batch[0].Source.String())
	}
	var be sink.BatchError
	failed := make(map[string]bool)
	for i := range batch {
		m := &batch[i]
		if m.Key != nil && failed[string(m.Key)] {
			be.Add(i, sink.ErrBehindFailed)
			continue
		}
		if err := s.send(ctx, m.Value, m.Source.String()); err != nil {
			be.Add(i, err)
			failed[string(m.Key)] = true
		}
	}
	return be.Err()
}

var errNotJSON = errors.New("the value is not JSON, which a batch needs; use batch none")

func (s *Sink) writeBatch(ctx context.Context, batch []sink.Message) error {
	var be sink.BatchError
	var buf bytes.Buffer
	failed := make(map[string]bool)
	open, between, end := "", "\n", "\n"
	if s.cfg.Batch == batchJSON {
		open, between, end = "[", ",", "]"
	}
	sent := make([]int, 0, len(batch))
	for i := range batch {
		m := &batch[i]
		if m.Key != nil && failed[string(m.Key)] {
			be.Add(i, sink.ErrBehindFailed)
			continue
		}
		if !json.Valid(m.Value) {
			be.Add(i, flow.Permanent(errNotJSON))
			failed[string(m.Key)] = true
			continue
		}
		if len(sent) == 0 {
			buf.WriteString(open)
		} else {
			buf.WriteString(between)
		}
		if err := json.Compact(&buf, m.Value); err != nil { // one line, whatever it was
			return flow.Permanent(err)
		}
		sent = append(sent, i)
	}
	if len(sent) == 0 {
		return be.Err()
	}
	buf.WriteString(end)
	if err := s.send(ctx, buf.Bytes(), ""); err != nil {
		return err // of the whole batch: who is to blame is found by sending less of it
	}
	return be.Err()
}

// send makes one request.
func (s *Sink) send(ctx context.Context, body []byte, id string) error {
	req, err := http.NewRequestWithContext(ctx, s.cfg.Method, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return flow.Permanent(fmt.Errorf("http: %s: the request can not be made", s.shown))
	}
	req.Header.Set("Content-Type", s.cfg.ContentType)
	if id != "" {
		req.Header.Set("Idempotency-Key", id)
	}
	for k, v := range s.cfg.Headers {
		req.Header.Set(k, v.Reveal())
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return s.unreached(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode/100 == 2 {
		return nil // it took effect, whatever became of the rest of the answer
	}
	if err != nil {
		return fmt.Errorf("http: %s: reading the answer: %w", s.shown, bare(err))
	}
	return s.verdict(resp, text)
}

// unreached says what a request without an answer means.
func (s *Sink) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("http: %s: %w", s.shown, ctx.Err())
	}
	return fmt.Errorf("http: %s: %w", s.shown, bare(err))
}

// bare takes the URL, which may hold secrets, out of an error.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

func (s *Sink) verdict(resp *http.Response, body []byte) error {
	err := fmt.Errorf("http: %s: %s%s", s.shown, resp.Status, excerpt(body))
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout, code == 529:
		return flow.Overloaded(err, retryAfter(resp.Header))
	case code == http.StatusRequestTimeout, code >= 500:
		return err
	}
	return flow.Permanent(err)
}

// retryAfter reads the header; a date is relative to the service's own clock.
func retryAfter(h http.Header) time.Duration {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	after, _ := flow.ParseRetryAfter(h.Get("Retry-After"), now)
	return after
}

// excerpt is the beginning of a body as one printable line.
func excerpt(body []byte) string {
	if len(body) > 200 {
		body = body[:200]
	}
	s := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(body), " "))
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return ""
	}
	return ": " + s
}

// Close closes idle connections; requests in flight finish. It may be called
// twice.
func (s *Sink) Close() error {
	s.closed.Store(true)
	s.client.CloseIdleConnections()
	return nil
}
