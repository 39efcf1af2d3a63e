package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	httpsink "github.com/weir-kafka/weir/sink/http"
	"github.com/weir-kafka/weir/sink/sinktest"
)

// service keeps what it is sent, and does what it is told.
type service struct {
	*httptest.Server

	mu     sync.Mutex
	values []string
	bodies []string
	down   bool
	silent chan struct{}
	answer func(w http.ResponseWriter)
}

func newService(t *testing.T) *service {
	t.Helper()
	s := new(service)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	if silent != nil {
		select {
		case <-silent:
		case <-r.Context().Done():
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case s.answer != nil:
		s.answer(w)
		return
	}
	s.bodies = append(s.bodies, string(body))
	var many []json.RawMessage
	if json.Unmarshal(body, &many) != nil {
		for line := range strings.Lines(string(body)) {
			many = append(many, json.RawMessage(strings.TrimSuffix(line, "\n")))
		}
	}
	for _, v := range many {
		s.values = append(s.values, string(v))
	}
}

func (s *service) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func open(t *testing.T, url, batch string) *httpsink.Sink {
	t.Helper()
	cfg := httpsink.DefaultConfig()
	cfg.URL, cfg.Batch = url, batch
	s, err := httpsink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	for _, kind := range []string{"none", "ndjson", "json"} {
		t.Run(kind, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) *sinktest.Subject {
				s := newService(t)
				subject := &sinktest.Subject{
					Sink: open(t, s.URL, kind),
					Values: func() (vs []string) {
						s.set(func() { vs = slices.Clone(s.values) })
						return vs
					},
					Down: func(down bool) { s.set(func() { s.down = down }) },
					Silent: func(on bool) {
						s.set(func() {
							if on {
								s.silent = make(chan struct{})
							} else {
								close(s.silent)
								s.silent = nil
							}
						})
					},
				}
				if kind != "none" {
					subject.Bad = []byte("not json")
				}
				return subject
			})
		})
	}
}

func message(value string) []sink.Message {
	return []sink.Message{{Key: []byte("k"), Value: []byte(value), Source: sink.Position{Topic: "t", Offset: 7}}}
}

func TestAStatusIsAVerdict(t *testing.T) {
	want := map[int]flow.Verdict{
		200: flow.Done, 201: flow.Done, 202: flow.Done, 204: flow.Done,
		408: flow.Retry, 500: flow.Retry, 501: flow.Retry, 502: flow.Retry,
		429: flow.Overload, 503: flow.Overload, 504: flow.Overload, 529: flow.Overload,
		400: flow.Reject, 404: flow.Reject, 405: flow.Reject, 409: flow.Reject, 410: flow.Reject, 413: flow.Reject,
		401: flow.Reject, 403: flow.Reject, 407: flow.Reject, 415: flow.Reject, 422: flow.Reject, 425: flow.Reject,
		431: flow.Reject, 499: flow.Reject,
		301: flow.Retry, 302: flow.Retry, 304: flow.Retry, 307: flow.Retry, 308: flow.Retry,
	}
	s := newService(t)
	to := open(t, s.URL, "none")
	for status, verdict := range want {
		s.set(func() { s.answer = func(w http.ResponseWriter) { w.WriteHeader(status) } })
		if err := to.Write(t.Context(), message("1")); flow.Classify(err) != verdict {
			t.Errorf("%d is %s, want %s (%v)", status, flow.Classify(err), verdict, err)
		}
	}
}

func TestRetryAfterInSecondsAndAsADate(t *testing.T) {
	s := newService(t)
	to := open(t, s.URL, "ndjson")
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "soon": 0, "-3": 0,
		time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat): 90 * time.Second,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       0,
	} {
		s.set(func() {
			s.answer = func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		err := to.Write(t.Context(), message("1"))
		if got := flow.RetryAfter(err); got > want || got < want-5*time.Second {
			t.Errorf("Retry-After %q is %s, want %s", header, got, want)
		}
	}
}

func TestABodyIsWhatTheBatchSays(t *testing.T) {
	batch := []sink.Message{{Value: []byte("{\"a\": 1,\n \"b\": 2}")}, {Value: []byte("3")}, {}}
	for kind, want := range map[string][]string{
		"none":   {"{\"a\": 1,\n \"b\": 2}", "3", ""},
		"ndjson": {"{\"a\":1,\"b\":2}\n3\nnull\n"},
		"json":   {`[{"a":1,"b":2},3,null]`},
	} {
		s := newService(t)
		if err := open(t, s.URL, kind).Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.bodies); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

func TestAServiceThatIsGoneIsRetriedAndItsAddressHidesSecrets(t *testing.T) {
	s := newService(t)
	s.Close()
	url := strings.Replace(s.URL, "http://", "http://user:hunter2@", 1) + "/in?token=hunter2"
	err := open(t, url, "none").Write(t.Context(), message("1"))
	if flow.Classify(err) != flow.Retry {
		t.Errorf("%v is %s", err, flow.Classify(err))
	}
	if strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("the error shows a secret: %v", err)
	}
}

// endless answers with a body that does not end.
func endless(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusBadRequest)
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 32<<10)); err != nil {
			return
		}
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(endless))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := open(t, s.URL, "none").Write(ctx, message("1")); flow.Classify(err) != flow.Reject {
		t.Errorf("%v is %s, want the status's reject", err, flow.Classify(err))
	}
}

func TestAWrongConfigIsRefused(t *testing.T) {
	for name, change := range map[string]func(*httpsink.Config){
		"no URL":         func(c *httpsink.Config) { c.URL = "" },
		"no host":        func(c *httpsink.Config) { c.URL = "http://" },
		"another scheme": func(c *httpsink.Config) { c.URL = "ftp://host/" },
		"a method":       func(c *httpsink.Config) { c.Method = "GET" },
		"a batch":        func(c *httpsink.Config) { c.Batch = "xml" },
		"a header name":  func(c *httpsink.Config) { c.Headers = map[string]sink.Secret{"a b": "1"} },
		"a newline":      func(c *httpsink.Config) { c.Headers = map[string]sink.Secret{"Authorization": "hunter2\n"} },
	} {
		cfg := httpsink.DefaultConfig()
		cfg.URL = "http://127.0.0.1:1/"
		change(&cfg)
		if _, err := httpsink.New(cfg); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want it refused without a secret", name, err)
		}
	}
}
