package httpflow_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/httpflow"
)

// base is a host without a network.
type base func(*http.Request) (*http.Response, error)

func (b base) RoundTrip(req *http.Request) (*http.Response, error) { return b(req) }

func respond(code int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// closing notes whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func request(ctx context.Context, t *testing.T, tenant string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host.example/", &closing{Reader: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Tenant", tenant)
	return req
}

func tenantOf(r *http.Request) string { return r.Header.Get("Tenant") }

// newTransport returns a transport with a limiter of n, and the limiter.
func newTransport(n int, b base) (*httpflow.Transport, *flow.Limiter) {
	l := flow.NewLimiter(flow.Fixed(n))
	return &httpflow.Transport{Base: b, LimiterFunc: func(string) *flow.Limiter { return l }}, l
}

func TestHostThatAskedIsLeftAlone(t *testing.T) {
	for _, code := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		synctest.Test(t, func(t *testing.T) {
			code, calls := code, 0
			tr, _ := newTransport(4, func(*http.Request) (*http.Response, error) {
				calls++
				if calls == 1 {
					return respond(code, "", "Retry-After", "3"), nil
				}
				return respond(http.StatusOK, ""), nil
			})
			resp, err := tr.RoundTrip(request(t.Context(), t, ""))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start, req := time.Now(), request(ctx, t, "")
			_, err = tr.RoundTrip(req)
			var held *httpflow.HeldError
			if !errors.As(err, &held) || !errors.Is(err, flow.ErrRefused) || time.Since(start) != 0 {
				t.Fatalf("got %v after %s, want to be told at once that the host is held", err, time.Since(start))
			}
			if !req.Body.(*closing).closed {
				t.Error("got the body of a request that was not sent left open")
			}
			resp, err = tr.RoundTrip(request(t.Context(), t, ""))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if waited := time.Since(start); waited < 3*time.Second || waited > 3400*time.Millisecond {
				t.Errorf("got sent after %s, want after 3s and up to a tenth", waited)
			}
		})
	}
}

func TestQuotaOfOneTenantHoldsThatTenantAlone(t *testing.T) {
	for _, header := range [][]string{{"Retry-After", "1"}, nil} {
		synctest.Test(t, func(t *testing.T) {
			refuse := true
			tr, l := newTransport(4, func(r *http.Request) (*http.Response, error) {
				if refuse && tenantOf(r) == "a" {
					return respond(http.StatusTooManyRequests, "", header...), nil
				}
				return respond(http.StatusOK, ""), nil
			})
			tr.TenantFunc = tenantOf
			send := func(tenant string) time.Duration {
				start := time.Now()
				resp, err := tr.RoundTrip(request(t.Context(), t, tenant))
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				return time.Since(start)
			}
			send("a")
			refuse = false
			if waited := send("b"); waited != 0 {
				t.Errorf("got another tenant held for %s", waited)
			}
			if waited := send("a"); waited < time.Second || waited > 1200*time.Millisecond {
				t.Errorf("got the tenant held for %s, want a second and up to a tenth", waited)
			}
			if l.InFlight() != 0 {
				t.Errorf("got %d in flight, want none", l.InFlight())
			}
		})
	}
}

func TestCallLastsUntilItsBodyEnds(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		end  func(*http.Response)
		body io.Reader
		want flow.Verdict
	}{
		"read":     {func(r *http.Response) { _, _ = io.Copy(io.Discard, r.Body) }, strings.NewReader("abc"), flow.Done},
		"closed":   {func(r *http.Response) { _ = r.Body.Close() }, strings.NewReader("abc"), flow.Done},
		"both":     {func(r *http.Response) { _, _ = io.ReadAll(r.Body); _ = r.Body.Close(); _ = r.Body.Close() }, strings.NewReader("abc"), flow.Done},
		"broken":   {func(r *http.Response) { _, _ = io.ReadAll(r.Body) }, errReader{broken}, flow.Retry},
		"given up": {func(r *http.Response) { _, _ = io.ReadAll(r.Body) }, errReader{context.Canceled}, flow.Ignore},
	} {
		synctest.Test(t, func(t *testing.T) {
			seen := new(recorder)
			l := flow.NewLimiter(seen)
			tr := &httpflow.Transport{
				Base: base(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Body: io.NopCloser(c.body)}, nil
				}),
				LimiterFunc: func(string) *flow.Limiter { return l },
			}
			if !l.TryAcquire() { // a second one: a permit given back twice would be this one's
				t.Fatal("no permit")
			}
			resp, err := tr.RoundTrip(request(t.Context(), t, ""))
			if err != nil {
				t.Fatal(err)
			}
			if n := l.InFlight(); n != 2 {
				t.Fatalf("%s: got %d in flight before the body is read, want 2", name, n)
			}
			c.end(resp)
			if n := l.InFlight(); n != 1 {
				t.Fatalf("%s: got %d in flight after the body, want 1", name, n)
			}
			time.Sleep(time.Second)
			l.Done(flow.Outcome{Kind: flow.Ignore})
			l.Snapshot()
			_ = l.TryAcquire() // ends the slot
			if seen.last.Calls[c.want] == 0 {
				t.Errorf("%s: got %v calls by verdict, want one %s", name, seen.last.Calls, c.want)
			}
		})
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// recorder is an algorithm that notes what a slot measured.
type recorder struct{ last flow.Window }

func (r *recorder) Next(now time.Time, w flow.Window) flow.Plan {
	r.last = w
	return flow.Plan{Limit: 8, End: now.Add(time.Second)}
}

func TestPermitIsGivenBackWithoutABody(t *testing.T) {
	for name, b := range map[string]base{
		"error": func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		"empty": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
		},
		"switched": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 101, Body: struct{ io.ReadWriteCloser }{}}, nil
		},
		"panic": func(*http.Request) (*http.Response, error) { panic("broken") },
	} {
		tr, l := newTransport(1, b)
		func() {
			defer func() { _ = recover() }()
			resp, err := tr.RoundTrip(request(t.Context(), t, ""))
			if err != nil {
				return
			}
			if _, ok := resp.Body.(io.Writer); name == "switched" && !ok {
				t.Error("got a switched connection that cannot be written to")
			}
		}()
		if n := l.InFlight(); n != 0 {
			t.Errorf("%s: got %d in flight, want none", name, n)
		}
	}
}

func TestWaitForRoomEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, l := newTransport(1, func(*http.Request) (*http.Response, error) { return respond(200, ""), nil })
		if !l.TryAcquire() {
			t.Fatal("no permit")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		req := request(ctx, t, "")
		if _, err := tr.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the error of the context", err)
		}
		if !req.Body.(*closing).closed {
			t.Error("got the body left open")
		}
		l.Done(flow.Outcome{})
		if l.InFlight() != 0 {
			t.Errorf("got %d in flight, want none", l.InFlight())
		}
	})
}

func TestHostsWithoutACallAreForgotten(t *testing.T) {
	made := map[string]int{}
	tr := &httpflow.Transport{
		Base: base(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}),
		LimiterFunc: func(host string) *flow.Limiter {
			made[host]++
			return flow.NewLimiter(flow.Fixed(1))
		},
	}
	for range 2 {
		for i := range 3000 {
			req, _ := http.NewRequest(http.MethodGet, "http://h"+strconv.Itoa(i)+".example/", nil)
			if _, err := tr.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := 0
	for _, n := range made {
		if n > 1 {
			again++
		}
	}
	if again < 3000-1024 {
		t.Errorf("got %d of 3000 hosts forgotten, want all but 1024", again)
	}
}

func TestVerdictOfAnAnswer(t *testing.T) {
	for code, want := range map[int]flow.Verdict{
		200: flow.Done, 204: flow.Done, 304: flow.Done, 429: flow.Overload, 503: flow.Overload, 504: flow.Overload, 529: flow.Overload,
		408: flow.Retry, 500: flow.Retry, 502: flow.Retry, 400: flow.Reject, 404: flow.Reject, 409: flow.Reject,
	} {
		if got := httpflow.Verdict(code); got != want {
			t.Errorf("%d: got %s, want %s", code, got, want)
		}
	}
}
