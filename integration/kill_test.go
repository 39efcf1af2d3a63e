// Package integration tests the binary in processes of its own.
package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// binary builds weir once for the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weir-integration-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "weir")
	out, err := exec.Command("go", "build", "-o", bin, "../cmd/weir").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// process is a running weir.
type process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan error
}

// start runs weir and kills it when the test ends.
func start(t *testing.T, stdout io.Writer, args ...string) *process {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(bin, args...), log: new(tail), done: make(chan error, 1)} //nolint:gosec // our own binary
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("weir %s:\n%s", args, p.log)
		}
	})
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	if err, ok := <-p.done; ok {
		_ = err
		close(p.done)
	}
}

// stop is SIGTERM; it returns how the process ended.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err != nil {
		t.Errorf("weir ended with %v", err)
	}
	close(p.done)
}

// broker starts weir broker and returns its address.
func broker(t *testing.T, topics ...string) string {
	t.Helper()
	r, w := io.Pipe()
	args := []string{"broker", "--listen", "127.0.0.1:0"}
	for _, topic := range topics {
		args = append(args, "--topic", topic)
	}
	start(t, w, args...)
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return strings.TrimSpace(line)
}

// ledger is an HTTP service that notes what arrived, outside of the process
// under test.
type ledger struct {
	mu      sync.Mutex
	seen    map[string]int // key/n -> times
	next    map[string]int // key -> the n that must come next
	arrived int
	wrong   []string
}

func (l *ledger) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	time.Sleep(2 * time.Millisecond)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off in the middle by a kill: no effect
	}
	s := bufio.NewScanner(bytes.NewReader(body))
	l.mu.Lock()
	defer l.mu.Unlock()
	for s.Scan() {
		var v struct {
			ID     string `json:"id"`
			Amount int    `json:"amount"`
		}
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			l.wrong = append(l.wrong, err.Error())
			return
		}
		l.arrived++
		l.seen[v.ID+"/"+strconv.Itoa(v.Amount)]++
		if v.Amount > l.next[v.ID] { // a step back is a repetition, a step over is not
			l.wrong = append(l.wrong, fmt.Sprintf("%s: %d came when %d was next", v.ID, v.Amount, l.next[v.ID]))
		}
		l.next[v.ID] = max(l.next[v.ID], v.Amount+1)
	}
}

func (l *ledger) distinct() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func (l *ledger) duplicates() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived - len(l.seen)
}

// pipeline is the file that users begin with.
const pipeline = `name: orders
kafka:
  brokers: [%s]
  group: orders-to-api
  topics: [orders]
  protocol: auto
  start: earliest
order: key
memory: 256MiB
handlers:
  - filter: {expression: '.amount >= 0'}
  - map: {expression: '{id: .id, amount: .amount}'}
sink:
  http: {url: %s/orders, batch: ndjson}
  limit: {max: 256}
  timeout: 5s
failure:
  attempts: 5
  dead_letter: {kafka: {topic: orders.dead}}
drain: 25s
admin: {listen: 127.0.0.1:0}
log: {level: info, format: text}
`

const (
	keys    = 100
	perKey  = 600
	inAll   = keys * perKey
	timeout = 2 * time.Minute
)

// produce writes every key's numbers in order, at a pace that lasts some seconds.
func produce(ctx context.Context, address string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		return err
	}
	defer cl.Close()
	for n := range perKey {
		recs := make([]*kgo.Record, keys)
		for k := range recs {
			id := fmt.Sprintf("customer-%d", k)
			recs[k] = &kgo.Record{Key: []byte(id), Value: fmt.Appendf(nil, `{"id":%q,"amount":%d,"more":true}`, id, n)}
		}
		if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// admin waits for the line in which weir says where its admin listener is.
func (p *process) admin(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, rest, ok := strings.Cut(p.log.String(), "metrics="); ok {
			if admin, whole, ok := strings.Cut(rest, "/metrics"); ok && whole != "" {
				return admin
			}
		}
	}
	t.Fatal("no admin address")
	return ""
}

// tail is a log that is read while it is written.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// bound asks /explain how many duplicates a kill would cause now, false while
// nobody answers.
func bound(admin string) (n int, ok bool) {
	resp, err := http.Get(admin + "/explain") //nolint:noctx // loopback
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	var r struct {
		Bound int `json:"duplicates_if_killed"`
	}
	return r.Bound, json.NewDecoder(resp.Body).Decode(&r) == nil
}

// TestKilledTwiceNothingIsLost kills weir run under load and restarts it: nothing
// is lost, keys stay in order, and the duplicates are within what /explain said
// before each kill.
func TestKilledTwiceNothingIsLost(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	address := broker(t, "orders:4", "orders.dead:1")
	l := &ledger{seen: map[string]int{}, next: map[string]int{}}
	service := httptest.NewServer(l)
	defer service.Close()
	file := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, pipeline, address, service.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	produced := make(chan error, 1)
	go func() { produced <- produce(ctx, address) }()
	allowed := 0
	for _, until := range []int{inAll / 5, inAll / 2} {
		p, admin := runWeir(t, file)
		last := 0
		for l.distinct() < until {
			if ctx.Err() != nil {
				t.Fatalf("%d of %d after %s", l.distinct(), until, timeout)
			}
			if n, ok := bound(admin); ok {
				last = n
			}
			time.Sleep(20 * time.Millisecond)
		}
		p.kill()
		allowed += last
		t.Logf("killed at %d records; /explain said at most %d duplicates; %d so far", l.distinct(), last, l.duplicates())
	}
	p, _ := runWeir(t, file)
	if err := <-produced; err != nil {
		t.Fatal(err)
	}
	for l.distinct() < inAll && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	p.stop(t)
	t.Logf("%d delivered of %d, %d duplicates of at most %d", l.distinct(), inAll, l.duplicates(), allowed)
	if got := l.distinct(); got != inAll {
		t.Errorf("%d records arrived, want %d", got, inAll)
	}
	if got := l.duplicates(); got > allowed {
		t.Errorf("%d duplicates, /explain said at most %d", got, allowed)
	}
	for _, w := range l.wrong {
		t.Error(w)
	}
}

func runWeir(t *testing.T, file string) (p *process, admin string) {
	t.Helper()
	p = start(t, nil, "run", file, "--set", "kafka.session_timeout=6s") // after a kill -9 the group waits for it
	return p, p.admin(t)
}
