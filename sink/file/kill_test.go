package file_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/file"
)

// The test binary runs itself as the process that is killed, or whose disk is full.
const (
	childEnv = "FILE_SINK_CHILD"
	pathEnv  = "FILE_SINK_PATH"
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "writer":
		writeUntilKilled(os.Getenv(pathEnv))
	case "full":
		writeBeyondTheLimit(os.Getenv(pathEnv))
	default:
		goleak.VerifyTestMain(m)
	}
}

func child(kind, path string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+kind, pathEnv+"="+path)
	return c
}

func die(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// payload is what the value of a message must be, whole: some fit a page of the
// file system, some need several.
func payload(id string) string {
	seed, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return id + ":" + strings.Repeat(id, seed*7%3000)
}

// writeUntilKilled writes as fast as it can in four keys and says what was
// acknowledged.
func writeUntilKilled(path string) {
	s, err := file.New(file.Config{Path: path, Format: "value", Fsync: "always"})
	if err != nil {
		die(err)
	}
	var mu sync.Mutex
	var writers sync.WaitGroup
	for key := range 4 {
		writers.Go(func() {
			for n := 0; ; n += 3 {
				var batch []sink.Message
				for i := range 3 {
					batch = append(batch, sink.Message{Value: []byte(payload(fmt.Sprintf("%d-%d-%d", os.Getpid(), key, n+i)))})
				}
				if err := s.Write(context.Background(), batch); err != nil {
					die(err)
				}
				mu.Lock()
				for i := range batch {
					id, _, _ := bytes.Cut(batch[i].Value, []byte(":"))
					if _, err := os.Stdout.Write(append(id, '\n')); err != nil {
						die(err)
					}
				}
				mu.Unlock()
			}
		})
	}
	writers.Wait()
}

func TestAKillLosesNothingAcknowledgedAndTearsNoLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	acked := make(map[string]bool)
	for range 20 {
		c := child("writer", path)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said, moment := bufio.NewScanner(out), rand.IntN(200)
		for said.Scan() { // to the end: what was said before the kill was acknowledged
			acked[said.Text()] = true
			if moment--; moment < 0 {
				_ = c.Process.Kill()
			}
		}
		_ = c.Wait()
		if moment >= 0 {
			t.Fatalf("the writer ended by itself: %v", c.ProcessState)
		}
	}
	s := open(t, path, "always")
	write(t, s, payload("0-0-0")) // a restart cuts what is torn
	last := make(map[string]int)
	for _, l := range lines(t, path) {
		id, _, _ := strings.Cut(l, ":")
		if strings.Count(id, "-") != 2 || l != payload(id) {
			t.Fatalf("a torn line: %.80q", l)
		}
		key, n := id[:strings.LastIndexByte(id, '-')], 0
		if _, err := fmt.Sscan(id[len(key)+1:], &n); err != nil || n < last[key] {
			t.Fatalf("%s stands behind %d (%v)", id, last[key], err)
		}
		last[key] = n
		delete(acked, id)
	}
	if len(acked) > 0 {
		t.Errorf("%d acknowledged messages are missing", len(acked))
	}
}

// writeBeyondTheLimit gives itself a largest file size, as a disk that is nearly
// full, and writes over it.
func writeBeyondTheLimit(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		die(err)
	}
	s, err := file.New(file.Config{Path: path, Format: "value", Fsync: "always"})
	if err != nil {
		die(err)
	}
	write := func(size int) error {
		half := []byte(strings.Repeat("x", size/2-1))
		return s.Write(context.Background(), []sink.Message{{Value: half}, {Value: half}})
	}
	for i, c := range []struct {
		size int
		fits bool
	}{{600, true}, {500, false}, {390, true}, {20, false}, {10, true}} {
		if err := write(c.size); (err == nil) != c.fits {
			die(fmt.Errorf("write %d of %d bytes: %w", i, c.size, err))
		}
		if info, err := os.Stat(path); err != nil || info.Size() != []int64{600, 600, 990, 990, 1000}[i] {
			die(fmt.Errorf("after write %d the file is %v (%w)", i, info, err))
		}
	}
}

func TestAWriteThatDoesNotFitIsTakenBack(t *testing.T) {
	if out, err := child("full", filepath.Join(t.TempDir(), "out")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
