// Package http is the sink that sends messages to an HTTP service: one request
// a message, or batches as lines of JSON or as a JSON array.
//
// A status is the answer for all that a request carried: a service that takes
// only part of a batch must refuse it. Redirects are not followed.
package http

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

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
	// MaxConns bounds the connections, in use and idle; it should be the most calls
	// that may be in flight, which is the default of 1024 for less than 1. What a
	// lower limit leaves idle is closed after a minute.
	MaxConns int `yaml:"-"`
}

// The kinds of batch.
const (
	batchNone   = "none"
	batchNDJSON = "ndjson"
	batchJSON   = "json"
)

// DefaultConfig returns the defaults; only URL must be set.
func DefaultConfig() Config {
	return Config{Method: http.MethodPost, Batch: batchNone, MaxMessages: 500, MaxBytes: 1 << 20, MaxConns: 1024}
}

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("http: the sink is closed")

// Sink sends. Each connection carries a call or waits idle for the next one, so
// there are as many as calls were in flight lately.
type Sink struct {
	cfg    Config
	client *http.Client
	closed atomic.Bool
	shown  string            // the URL without what may be secret
	mask   *strings.Replacer // takes secrets out of what a service answers
}

// New checks cfg; the first write connects.
func New(cfg Config) (*Sink, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return nil, errors.New("http: url: it does not parse; write it as http://host:port/path")
	case cfg.URL == "":
		return nil, errors.New("http: url is empty; write it as http://host:port/path")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
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
	if err := checkHeaders(cfg.Headers); err != nil {
		return nil, err
	}
	if cfg.MaxMessages < 1 || cfg.MaxBytes < 1 {
		return nil, errors.New("http: max_messages and max_bytes must be at least 1")
	}
	if cfg.MaxConns < 1 {
		cfg.MaxConns = DefaultConfig().MaxConns
	}
	return &Sink{cfg: cfg, shown: redact(u), mask: masks(u, cfg.Headers), client: &http.Client{
		Transport:     transport(cfg.MaxConns),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// transport never waits on a dead HTTP/2 connection: without the pings all calls
// would share it until TCP gives up, a quarter of an hour later.
func transport(conns int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxConnsPerHost:        conns,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxBody,
		DisableCompression:     true, // an answer is a few words, and no bomb
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
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

// checkHeaders refuses at the start what would fail every request.
func checkHeaders(headers map[string]sink.Secret) error {
	for k, v := range headers {
		if k == "" || strings.ContainsFunc(k, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r) }) {
			return fmt.Errorf("http: headers: %q is not the name of a header", k)
		}
		if strings.ContainsFunc(v.Reveal(), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("http: headers: the value of %q holds a control character, a newline at its end perhaps", k)
		}
	}
	return nil
}

// Limits implements sink.Limited.
func (s *Sink) Limits() sink.Limits {
	if s.cfg.Batch == batchNone {
		return sink.Limits{Messages: 1}
	}
	return sink.Limits{Messages: s.cfg.MaxMessages, Bytes: s.cfg.MaxBytes}
}

// Close closes idle connections; requests in flight finish. It may be called
// twice.
func (s *Sink) Close() error {
	s.closed.Store(true)
	s.client.CloseIdleConnections()
	return nil
}
