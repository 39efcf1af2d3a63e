package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	plainsasl "github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/weir-kafka/weir/consumer"
)

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// stream is output that is written and read at the same time.
type stream struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// until waits for a condition; it fails the test after a long while.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// running is a command that was started.
type running struct {
	stdout, stderr stream
	stop           context.CancelFunc
	code           chan int
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{stop: cancel, code: make(chan int, 1)}
	go func() { r.code <- execute(ctx, args, &r.stdout, &r.stderr) }()
	t.Cleanup(func() { cancel() })
	return r
}

// end does what the first SIGTERM does, and waits.
func (r *running) end() int {
	r.stop()
	return <-r.code
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func produce(t *testing.T, addr, topic string, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, v := range values {
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

const runPipeline = `name: orders
kafka: {brokers: [%q], group: orders-to-x, topics: [orders]%s}
sink: %s
failure: {dead_letter: {kafka: {topic: orders.dead}}}
admin: {listen: %q}
drain: 6s
`

// The first run says what it joined, what it owns and where the metrics are;
// the listener and explain agree with it; the end is a line of what was done.
func TestRunSaysWhatItJoinedOwnsAndDid(t *testing.T) {
	t.Parallel()
	addr, admin := cluster(t, kfake.SeedTopics(2, "orders"), kfake.SeedTopics(1, "orders.dead")), closedPort(t)
	produce(t, addr, "orders", "a", "b", "c")
	path := pipelineFile(t, fmt.Sprintf(runPipeline, addr, "", "{discard: {}}", admin))
	r := start(t, "run", path)
	until(t, "readyz", func() bool { code, _ := get(t, "http://"+admin+"/readyz"); return code == http.StatusOK })
	until(t, "three records", func() bool {
		_, body := get(t, "http://"+admin+"/explain")
		return strings.Contains(body, `"written": 3`)
	})
	until(t, "joined", func() bool { return strings.Contains(r.stderr.String(), "msg=joined") })
	for _, want := range []string{"metrics=http://" + admin + "/metrics", "group=orders-to-x", "partitions=\"[orders/0 orders/1]\"", "partitions=2"} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("%s is not said:\n%s", want, &r.stderr)
		}
	}
	code, table, errs := weir(t, "explain", "--address", admin)
	if code != exitOK || !strings.Contains(table, "orders/1") || !strings.Contains(table, "group orders-to-x") {
		t.Errorf("explain: got exit code %d: %s%s", code, table, errs)
	}
	var report consumer.Report
	if code, out, _ := weir(t, "explain", "--address", "http://"+admin+"/", "--output", "json"); code != exitOK || json.Unmarshal([]byte(out), &report) != nil {
		t.Errorf("explain: got exit code %d and no report: %s", code, out)
	}
	lint(t, admin)
	if got := r.end(); got != exitOK {
		t.Errorf("got exit code %d, want 0: %s", got, &r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	last := lines[len(lines)-1]
	for _, want := range []string{"msg=stopped", "polled=3", "done=3", "written=3", "dead_letters=0"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last line does not say %s: %s", want, last)
		}
	}
}

// lint checks what a scrape of a running pipeline gives.
func lint(t *testing.T, admin string) {
	t.Helper()
	code, body := get(t, "http://"+admin+"/metrics")
	if code != http.StatusOK || !strings.Contains(body, "weir_poll_records_total 3") {
		t.Errorf("metrics: got %d: %s", code, body)
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "weir_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	reference := string(repository(t, "docs", "metrics.md"))
	for line := range strings.Lines(body) {
		name, isType := strings.CutPrefix(line, "# TYPE weir_")
		name, _, _ = strings.Cut(name, " ")
		if isType && !strings.Contains(reference, "`weir_"+name+"`") {
			t.Errorf("docs/metrics.md does not know weir_%s", name)
		}
	}
}

func TestRunIsNotReadyWithoutABrokerAndStillEndsAtOnce(t *testing.T) {
	t.Parallel()
	admin := closedPort(t)
	r := start(t, "run", pipelineFile(t, fmt.Sprintf(runPipeline, closedPort(t), "", "{discard: {}}", admin)))
	until(t, "livez", func() bool { code, _ := get(t, "http://"+admin+"/livez"); return code == http.StatusOK })
	if code, body := get(t, "http://"+admin+"/readyz"); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "not ready: ") {
		t.Errorf("readyz: got %d %q, want 503 with the reason", code, body)
	}
	if _, table, _ := weir(t, "explain", "--address", admin); !strings.Contains(table, "not yet a member") {
		t.Errorf("explain does not say that it has not joined:\n%s", table)
	}
	if got := r.end(); got != exitOK || !strings.Contains(r.stderr.String(), "msg=stopped") {
		t.Errorf("got exit code %d, want 0 and a summary: %s", got, &r.stderr)
	}
}

// While it drains a pipeline is alive and not ready.
func TestDrainingIsNotReady(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 8), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	service := "http://" + serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			entered <- struct{}{}
			<-release
		}
	})
	t.Cleanup(free)
	addr, admin := cluster(t, kfake.SeedTopics(1, "orders", "orders.dead")), closedPort(t)
	produce(t, addr, "orders", "a")
	r := start(t, "run", pipelineFile(t, fmt.Sprintf(runPipeline, addr, "", "{http: {url: '"+service+"'}}", admin)))
	<-entered
	r.stop()
	until(t, "draining", func() bool {
		code, body := get(t, "http://"+admin+"/readyz")
		return code == http.StatusServiceUnavailable && body == "not ready: draining\n"
	})
	if code, _ := get(t, "http://"+admin+"/livez"); code != http.StatusOK {
		t.Errorf("livez while draining: got %d, want 200", code)
	}
	free()
	if got := <-r.code; got != exitOK || !strings.Contains(r.stderr.String(), "done=1") {
		t.Errorf("got exit code %d: %s; want 0 and the record done", got, &r.stderr)
	}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return ln.Addr().String()
}

func TestTakenAdminPortIsSaid(t *testing.T) {
	t.Parallel()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	code, _, errs := weir(t, "run", pipelineFile(t, fmt.Sprintf(runPipeline, closedPort(t), "", "{discard: {}}", ln.Addr())))
	if code != exitFailed || !strings.Contains(errs, "choose another admin.listen") {
		t.Errorf("got exit code %d: %s; want %d and the mend", code, errs, exitFailed)
	}
}

// Sentinels stand wherever a secret can: nothing that a user sees has one.
func TestNoOutputShowsASecret(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(1, "orders", "orders.dead"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "weir", "S3NTINEL-1"))
	wrong := cluster(t, kfake.SeedTopics(1, "orders", "orders.dead"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "weir", "other"))
	service := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	for name, broker := range map[string]string{"password taken": addr, "password refused": wrong} {
		admin := closedPort(t)
		sink := "{http: {url: 'http://user:S3NTINEL-2@" + service + "/x?key=S3NTINEL-3', headers: {Authorization: S3NTINEL-4}}}"
		path := pipelineFile(t, "log: {level: debug}\n"+fmt.Sprintf(runPipeline, broker, ", sasl: {mechanism: plain, username: weir, password: S3NTINEL-1}", sink, admin))
		out := []string{}
		say := func(_ int, stdout, stderr string) { out = append(out, stdout, stderr) }
		say(weir(t, "lint", path))
		say(weir(t, "lint", "--print", path))
		say(weir(t, "lint", "--live", "--wait", "2s", path))
		r := start(t, "run", path)
		if broker == addr {
			cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.SASL(plainsasl.Auth{User: "weir", Pass: "S3NTINEL-1"}.AsMechanism()), kgo.DefaultProduceTopic("orders"))
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			cl.Close()
			until(t, "dead letter", func() bool {
				_, body := get(t, "http://"+admin+"/explain")
				return strings.Contains(body, `"dead_letters": 1`)
			})
		} else {
			until(t, "what it waits for", func() bool { return strings.Contains(r.stderr.String(), "waiting to join") })
		}
		say(weir(t, "explain", "--address", admin))
		say(weir(t, "explain", "--address", admin, "--output", "json"))
		_, metrics := get(t, "http://"+admin+"/metrics")
		r.end()
		out = append(out, metrics, r.stdout.String(), r.stderr.String())
		for _, o := range out {
			if i := strings.Index(o, "S3NTINEL"); i >= 0 {
				t.Errorf("%s: a secret is shown: ...%s...", name, o[max(0, i-200):min(len(o), i+20)])
			}
		}
	}
}
