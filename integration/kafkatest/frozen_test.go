package kafkatest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

// weir builds the binary once.
var weir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weir-kafkatest-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", bin, "./cmd/weir").CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

const pipeline = `name: frozen
kafka: {brokers: [%q], group: %s, topics: [%s], protocol: %s, session_timeout: 6s}
handlers:
  - map: {expression: '{key: $key, n: .}'}
sink:
  http: {url: %s, batch: ndjson}
failure:
  dead_letter: {stdout: {}}
admin: {listen: %s}
`

// process starts weir run into the ledger, and kills it with the test.
func (l *lab) process(file string) *exec.Cmd {
	l.Helper()
	bin, err := weir()
	must(l.T, err)
	cmd := exec.Command(bin, "run", file)
	cmd.Stdout, cmd.Stderr = l.log, l.log
	must(l.T, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	l.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(40 * time.Second):
			l.Error("weir did not end")
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	return cmd
}

// service is the ledger behind HTTP.
func (l *lab) service() *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off: no effect
		}
		l.ledger.mu.Lock()
		defer l.ledger.mu.Unlock()
		for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
			var v struct {
				Key string `json:"key"`
				N   int    `json:"n"`
			}
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				l.ledger.wrong = append(l.ledger.wrong, err.Error())
			}
			l.ledger.take(v.Key, strconv.Itoa(v.N))
		}
	}))
	l.Cleanup(s.Close)
	return s
}

// A process that is frozen beyond its session and thawed commits nothing over what
// its successor committed.
func TestAProcessFrozenBeyondItsSessionRewindsNobody(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 4)
			file := filepath.Join(t.TempDir(), "frozen.yaml")
			admin := loopback(t)
			text := fmt.Appendf(nil, pipeline, l.c.Nodes[0].Addr, l.group, l.topic, protocol, l.service().URL, admin)
			must(t, os.WriteFile(file, text, 0o600))
			frozen := l.process(file)
			l.until(30*time.Second, "the process is a member", func() bool { _, ok := bound(admin); return ok })
			stop := l.flow(100)
			l.until(30*time.Second, "work done", func() bool { return l.ledger.distinct() > 4000 })
			allowed, _ := bound(admin)
			must(t, frozen.Process.Signal(syscall.SIGSTOP))
			behind := l.ledger.distinct()
			successor := l.run(l.config(protocol), l.to(nil))
			l.until(30*time.Second, "the successor has all", func() bool { return len(successor.Explain().Partitions) == l.parts })
			l.until(30*time.Second, "the successor has caught up", func() bool { return l.ledger.distinct() > l.produced()-500 })
			repeated := l.ledger.duplicates()
			must(t, frozen.Process.Signal(syscall.SIGCONT))
			l.until(60*time.Second, "the thawed process is a member again", func() bool { return len(successor.Explain().Partitions) == l.parts/2 })
			stop()
			l.delivered(time.Minute)
			t.Logf("frozen at %d; the successor repeated %d of them, the thawed process %d; at most %d allowed for each", behind, repeated, l.ledger.duplicates()-repeated, allowed)
			must(t, frozen.Process.Signal(syscall.SIGTERM))
			l.until(40*time.Second, "the thawed process has left", func() bool { return len(successor.Explain().Partitions) == l.parts })
			l.settled(2 * allowed) // the successor repeats what was not committed, the thawed process ends what it was in
		})
	}
}

// loopback returns an address that is free.
func loopback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

// bound asks a process how many duplicates a kill would cause, false before it has
// partitions.
func bound(admin string) (int, bool) {
	resp, err := http.Get("http://" + admin + "/explain")
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	var r consumer.Report
	return int(r.DuplicatesIfKilled), json.NewDecoder(resp.Body).Decode(&r) == nil && len(r.Partitions) > 0
}
