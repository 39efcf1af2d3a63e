package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

func TestExplainTableSaysWhatAndWhy(t *testing.T) {
	t.Parallel()
	r := &consumer.Report{
		Name: "orders", Group: "orders-to-api", Member: "kgo-1", State: consumer.StatePaused, Reasons: []string{"sink=default limiter", "memory"},
		HeldBytes: 24 << 20, BudgetBytes: 64 << 20, HeldRecords: 12345, DuplicatesIfKilled: 42,
		Sinks: []consumer.SinkReport{
			{Name: "default", Limit: 12, InFlight: 12, Queued: 7, Reason: "latency rises"},
			{Name: "audit", Limit: 20, Shadow: 8, Reason: "queueing"},
			{Name: "dead_letter", Limit: 4, Reason: "starting"},
		},
		Partitions: []consumer.PartitionReport{
			{Topic: "orders", Partition: 0, State: consumer.StatePaused, Reasons: []string{"sink=default limiter"}, Lag: 1000, Oldest: 17, OldestAge: 1500 * time.Millisecond,
				LanesBusy: 3, HeldBytes: 12 << 20, DoneBeyond: 5, DuplicatesIfKilled: 8},
			{Topic: "orders", Partition: 11, State: consumer.StateOpen, Lag: -1, Oldest: -1, Committed: -1},
		},
	}
	var got bytes.Buffer
	if err := explainTable(&got, r); err != nil {
		t.Fatal(err)
	}
	same(t, filepath.Join("testdata", "explain.txt"), got.String())
}

func TestExplainSaysThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	addr := closedPort(t)
	code, out, errs := weir(t, "explain", "--address", addr)
	if want := "weir: nobody answers at " + addr + ": is a pipeline running, and is this its admin.listen?\n"; code != exitFailed || out != "" || errs != want {
		t.Errorf("got exit code %d, %q, %q; want %d and %q", code, out, errs, exitFailed, want)
	}
}

// The exit code is 2 for what did not run and 1 for what ran and failed.
func TestWrongCallsExitWithUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"lnt", "run", "run a b", "run --nope x", "lint", "lint --set x f.yaml", "list --output xml", "version --output xml", "explain --output xml", "explain x",
		"docs", "docs nope", "demo --for 1s", "demo --for 5", "demo --output xml", "broker --listen x", "broker --listen 127.0.0.1:99999", "broker --listen 127.0.0.1:65535 --brokers 2",
		"broker --brokers 0", "broker --topic a:b", "broker --topic a:0", "run /none.yaml", "lint /none.yaml",
	} {
		code, out, errs := weir(t, strings.Fields(args)...)
		if code != exitUsage || out != "" || errs == "" {
			t.Errorf("weir %s: got exit code %d, stdout %q, stderr %q; want %d, nothing and a reason", args, code, out, errs, exitUsage)
		}
	}
	for _, args := range []string{"", "--help", "run --help", "version", "version --output json", "list", "list --output json", "docs config", "docs metrics", "completion bash", "completion zsh", "completion fish"} {
		if code, out, errs := weir(t, strings.Fields(args)...); code != exitOK || out == "" || errs != "" {
			t.Errorf("weir %s: got exit code %d, %d bytes, stderr %q; want 0 and an answer", args, code, len(out), errs)
		}
	}
}
