package main

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// broker starts weir broker and waits for its address.
func broker(t *testing.T, args ...string) (*running, string) {
	t.Helper()
	r := start(t, append([]string{"broker", "--listen", "127.0.0.1:0"}, args...)...)
	until(t, "an address", func() bool { return strings.HasSuffix(r.stdout.String(), "\n") })
	return r, strings.TrimSpace(r.stdout.String())
}

func TestBrokerKeepsItsDataOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, addr := broker(t, "--data", dir, "--topic", "orders:3")
	produce(t, addr, "orders", "one", "two")
	if got := first.end(); got != exitOK {
		t.Fatalf("got exit code %d, want 0: %s", got, &first.stderr)
	}
	second, addr := broker(t, "--data", dir, "--topic", "orders:3")
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for len(got) < 2 {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got[string(r.Value)] = true })
	}
	cl.Close()
	if !got["one"] || !got["two"] {
		t.Errorf("got %v, want one and two", got)
	}
	if got := second.end(); got != exitOK {
		t.Errorf("got exit code %d, want 0: %s", got, &second.stderr)
	}
}

func TestBrokerSaysWhatItIsOnEveryStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{{nil, "gone with the process"}, {[]string{"--data", dir}, "kept in " + dir}, {[]string{"--data", dir}, "kept in " + dir}} {
		r, _ := broker(t, tt.args...)
		r.end()
		for _, want := range []string{"simulated Kafka", "Never run it in production", tt.want} {
			if !strings.Contains(r.stderr.String(), want) {
				t.Errorf("%v: %q is not said: %s", tt.args, want, &r.stderr)
			}
		}
	}
}

func TestBrokersListenOnLoopback(t *testing.T) {
	t.Parallel()
	r, addrs := broker(t, "--brokers", "3")
	defer r.end()
	all := strings.Split(addrs, ",")
	if len(all) != 3 {
		t.Errorf("got %v, want 3 brokers", all)
	}
	for _, a := range all {
		if !strings.HasPrefix(a, "127.0.0.1:") {
			t.Errorf("%s is not on loopback", a)
		}
	}
}

func TestTakenPortOfTheBrokerIsSaid(t *testing.T) {
	t.Parallel()
	r, addr := broker(t)
	defer r.end()
	code, _, errs := weir(t, "broker", "--listen", addr)
	if code != exitFailed || !strings.Contains(errs, "choose another --listen") {
		t.Errorf("got exit code %d: %s; want %d and the mend", code, errs, exitFailed)
	}
}
