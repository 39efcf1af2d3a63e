package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/weir-kafka/weir/flow/flowtest"
)

func TestARecordedRunCanBeReplayed(t *testing.T) {
	t.Parallel()
	addr, admin := cluster(t, kfake.SeedTopics(1, "orders"), kfake.SeedTopics(1, "orders.dead")), closedPort(t)
	produce(t, addr, "orders", "a", "b", "c")
	path := pipelineFile(t, fmt.Sprintf(runPipeline, addr, "", "{discard: {}}", admin))
	file := filepath.Join(t.TempDir(), "trace.jsonl")
	r := start(t, "run", "--trace", file, path)
	until(t, "three records", func() bool {
		_, text := get(t, "http://"+admin+"/metrics")
		return strings.Contains(text, "\nweir_write_messages_total 3\n")
	})
	if code := r.end(); code != exitOK {
		t.Fatalf("got exit code %d: %s", code, r.stderr.String())
	}
	http.DefaultClient.CloseIdleConnections()
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = text.Close() }()
	calls, err := flowtest.ReadTrace(text)
	work := 0
	for _, c := range calls {
		work += c.Work
		if c.Kind != "done" || c.InFlight < 1 || c.T <= 0 || c.Latency < 0 || c.Latency > c.T {
			t.Errorf("got %+v, want a call that is done and was in flight", c)
		}
	}
	if err != nil || work != 3 {
		t.Errorf("got work of %d in %d calls, %v; want all 3 messages", work, len(calls), err)
	}
	if code, out, errText := sim(t, "--replay", file, "--algorithm", "knee"); code != exitOK || !strings.Contains(out, "knee") {
		t.Errorf("got exit code %d, %s%s, want a replay", code, out, errText)
	}
}

func TestATraceThatCannotBeWrittenIsSaidBeforeTheRun(t *testing.T) {
	t.Parallel()
	path := pipelineFile(t, fmt.Sprintf(runPipeline, "127.0.0.1:1", "", "{discard: {}}", "off"))
	code, _, errs := weir(t, "run", "--trace", filepath.Join(t.TempDir(), "none", "t"), path)
	if code != exitFailed || !strings.Contains(errs, "trace: ") {
		t.Errorf("got exit code %d, %q", code, errs)
	}
}
