package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	plainsasl "github.com/twmb/franz-go/pkg/sasl/plain"
)

// admin asks a cluster.
func admin(t *testing.T, addr string, opts ...kgo.Opt) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// benchPipeline writes to a file, so that a write is seen.
func benchPipeline(t *testing.T, addr, more string) (path, sink string) {
	t.Helper()
	sink = filepath.Join(t.TempDir(), "out")
	return pipelineFile(t, fmt.Sprintf(`name: shop
kafka: {brokers: [%q], group: g, topics: [orders]}
handlers: [{filter: {expression: '.n >= 0'}}]
sink: {file: {path: %s}}
%s`, addr, sink, more)), sink
}

// orders produces n records.
func orders(t *testing.T, addr string, n int) {
	t.Helper()
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(`{"n": %d}`, i)
	}
	produce(t, addr, "orders", values...)
}

// groups returns the groups of a cluster.
func groups(t *testing.T, addr string, opts ...kgo.Opt) []string {
	t.Helper()
	all, err := admin(t, addr, opts...).ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all.Groups()
}

// enough is how long a bench may take so that a segment holds all of a small topic on a
// machine that has much else to do.
const enough = "10s"

func TestBenchMeasuresAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(3, "orders"))
	orders(t, addr, 200)
	adm := admin(t, addr)
	var mine kadm.Offsets
	mine.AddOffset("orders", 1, 7, -1)
	if err := adm.CommitAllOffsets(t.Context(), "g", mine); err != nil {
		t.Fatal(err)
	}
	path, sink := benchPipeline(t, addr, "")
	code, out, errs := weir(t, "bench", "--for", enough, path)
	if code != exitOK {
		t.Fatalf("got exit code %d, want %d: %s%s", code, exitOK, out, errs)
	}
	for _, want := range []string{
		"shop: topics orders, 3 partitions, from earliest, sink discarded", "200 records a segment, the same in each",
		"raw loop ", "pipeline ", "raw again ", "raw again / raw ", "verdict: ",
		"note: the topics have only 200 records: every segment goes over all of them again",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if got := groups(t, addr); len(got) != 1 || got[0] != "g" {
		t.Errorf("got the groups %v, want g alone", got)
	}
	offsets, err := adm.FetchOffsets(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	if got := offsets.Offsets().Sorted(); len(got) != 1 || got[0].Partition != 1 || got[0].At != 7 {
		t.Errorf("the group of the pipeline has committed %v, want orders/1 at 7 alone", got)
	}
	if _, err := os.Stat(sink); !os.IsNotExist(err) {
		t.Errorf("the sink was written to without --sink: %v", err)
	}
}

func TestBenchWritesToTheSinkOnlyWhenToldTo(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(2, "orders"))
	orders(t, addr, 50)
	path, sink := benchPipeline(t, addr, "")
	code, out, errs := weir(t, "bench", "--for", enough, "--sink", path)
	if code != exitOK || !strings.Contains(errs, "--sink: WRITES the records") || !strings.Contains(out, "sink written") {
		t.Errorf("got exit code %d, want %d and that it writes: %s%s", code, exitOK, out, errs)
	}
	text, err := os.ReadFile(sink)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n < 100 || n%50 != 0 {
		t.Errorf("the sink has %d lines, want 50 for each segment of the pipeline, the first that is not measured included", n)
	}
}

// shapeOf puts the kind of a value in its place; of a list the first is what counts.
func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = shapeOf(e)
		}
		return m
	case []any:
		if len(v) == 0 {
			return []any{}
		}
		return []any{shapeOf(v[0])}
	case float64:
		return "number"
	case string:
		return "string"
	case bool:
		return "bool"
	}
	return "null"
}

func TestBenchJSONKeepsItsShape(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(2, "orders"))
	orders(t, addr, 50)
	path, _ := benchPipeline(t, addr, "")
	code, out, errs := weir(t, "bench", "--for", "2s", "--output", "json", path)
	var got any
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil {
		t.Fatalf("got exit code %d, %v: %s%s", code, err, out, errs)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, shapeOf(got)); diff != "" {
		is, _ := json.MarshalIndent(shapeOf(got), "", "  ")
		t.Errorf("the shape has changed (-want +got):\n%s\nit is\n%s", diff, is)
	}
}

func TestBenchSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(2, "orders", "empty"))
	orders(t, addr, 20)
	var mine kadm.Offsets
	mine.AddOffset("orders", 0, 0, -1)
	if err := admin(t, addr).CommitAllOffsets(t.Context(), "theirs", mine); err != nil {
		t.Fatal(err)
	}
	closed := closedPort(t)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown topic":     {[]string{"--set", "kafka.topics=ordrs"}, exitFailed, `pipeline.yaml: kafka.topics: topic "ordrs" does not exist; did you mean orders?`},
		"empty topic":       {[]string{"--set", "kafka.topics=empty"}, exitFailed, "pipeline.yaml: kafka.topics: empty: no record in 2 partitions from earliest on; produce some first"},
		"nothing since":     {[]string{"--set", "kafka.topics=empty", "--from", "1h"}, exitFailed, "no record in 2 partitions from 1h on; begin earlier, with --from earliest"},
		"no broker":         {[]string{"--wait", "2s", "--set", "kafka.brokers=" + closed}, exitFailed, "pipeline.yaml: kafka.brokers: no broker of " + closed + " answers within 2s"},
		"group of the file": {[]string{"--group", "g"}, exitFailed, `--group "g" is the group of the pipeline`},
		"somebody's group":  {[]string{"--group", "theirs"}, exitFailed, `--group "theirs" exists, and it would be deleted`},
		"from":              {[]string{"--from", "yesterday"}, exitUsage, `--from "yesterday": write earliest, latest, or how long ago, such as 1h`},
		"for":               {[]string{"--for", "1s"}, exitUsage, "--for 1s is too short to measure anything; give at least 2s"},
		"records":           {[]string{"--records", "-1"}, exitUsage, "--records -1: give how many"},
		"output":            {[]string{"--output", "xml"}, exitUsage, `--output "xml" is not table or json`},
		"set":               {[]string{"--set", "kafka.grup=x"}, exitUsage, "--set: kafka.grup: is not a known key; did you mean kafka.group?"},
		"stuck": {[]string{"--sink", "--wait", "2s", "--set", "sink.file.path=/none/none/out"}, exitFailed,
			"the pipeline has finished 0 of 20 records, and no further one for 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, _ := benchPipeline(t, addr, "")
			code, out, errs := weir(t, append([]string{"bench", path}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("got exit code %d, %s%s; want %d and %s", code, out, errs, tt.code, tt.want)
			}
			if got := groups(t, addr); name == "stuck" && (len(got) != 1 || got[0] != "theirs") { // no other comes so far
				t.Errorf("got the groups %v, want theirs alone", got)
			}
		})
	}
}

func TestBenchCountsDeadLettersAndWritesNone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		letters string
		want    []string
	}{
		"with dead letters": {"failure: {dead_letter: {kafka: {topic: orders.dead}}}", []string{
			"that is 95 % of them: weir run would stop, because failure.dead_letter_ratio is 0.9; here it does not count",
			"each was tried once; weir run tries a record that may get better up to 5 times"}},
		"without": {"", []string{"weir run stops at the first of them: failure.dead_letter is not set"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := cluster(t, kfake.SeedTopics(2, "orders"), kfake.SeedTopics(1, "orders.dead"))
			orders(t, addr, 10)
			values := make([]string, 190)
			for i := range values {
				values[i] = "not JSON"
			}
			produce(t, addr, "orders", values...)
			path, _ := benchPipeline(t, addr, tt.letters)
			code, out, errs := weir(t, "bench", "--for", enough, path)
			for _, want := range append(tt.want, "note: 190 of 200 records were rejected, and not written to the dead letters; the first: orders/", "by the handler: filter: ") {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not said (exit code %d):\n%s%s", want, code, out, errs)
				}
			}
			ends, err := admin(t, addr).ListEndOffsets(t.Context(), "orders.dead")
			if err != nil {
				t.Fatal(err)
			}
			if end, _ := ends.Lookup("orders.dead", 0); end.Offset != 0 {
				t.Errorf("there are %d dead letters, want none", end.Offset)
			}
		})
	}
}

// Whatever it was doing, it ends, and takes its group with it.
func TestBenchEndsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(2, "orders"))
	orders(t, addr, 100)
	path, _ := benchPipeline(t, addr, "")
	r := start(t, "bench", "--for", "1h", path)
	until(t, "the first segment", func() bool { return strings.Contains(r.stderr.String(), "100 records a segment") })
	code := r.end()
	switch out, errs := r.stdout.String(), r.stderr.String(); code {
	case exitOK:
		if !strings.Contains(out, "note: interrupted: these are the rounds that were complete") {
			t.Errorf("it does not say that it was interrupted:\n%s", out)
		}
	default:
		if !strings.Contains(errs, "interrupted before the first round was complete") {
			t.Errorf("got exit code %d: %s", code, errs)
		}
	}
	if got := groups(t, addr); len(got) > 0 {
		t.Errorf("got the groups %v, want none", got)
	}
}

// What comes while it measures is none of its records, and stops nothing.
func TestBenchGoesOverTheSameRecordsThoughOthersCome(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.SeedTopics(2, "orders"))
	orders(t, addr, 1000)
	path, sink := benchPipeline(t, addr, "")
	r := start(t, "bench", "--for", "3s", "--records", "100", "--sink", "--output", "json", path)
	until(t, "the first segment", func() bool { return strings.Contains(r.stderr.String(), "100 records a segment") })
	orders(t, addr, 50)
	if code := <-r.code; code != exitOK {
		t.Fatalf("got exit code %d: %s", code, r.stderr.String())
	}
	var got struct {
		Records, Rounds int
		Whole           bool `json:"whole_topics"`
	}
	if err := json.Unmarshal([]byte(r.stdout.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Records != 100 || got.Whole {
		t.Errorf("got %+v, want 100 records that are not all", got)
	}
	text, err := os.ReadFile(sink)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(text)) {
		seen[line]++
	}
	if len(seen) != 100 {
		t.Errorf("the pipeline got %d different records, want the same 100 each time", len(seen))
	}
	for line, n := range seen {
		if n != got.Rounds+1 {
			t.Errorf("%q came %d times, want once for each of %d rounds and the first run", line, n, got.Rounds)
			break
		}
	}
}

// A user that may not use the group, or not delete it, is told.
func TestBenchSaysWhatTheUserMayNotDo(t *testing.T) {
	t.Parallel()
	allow := func(what kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: what, Name: name, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: op, Allow: true}
	}
	topic, group := kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	for name, tt := range map[string]struct {
		acls []kfake.ACL
		code int
		want string
	}{
		"not use it": {[]kfake.ACL{allow(topic, "orders", kmsg.ACLOperationRead)}, exitFailed, "allow it READ, and DELETE, on groups that begin with weir-bench-, or give with --group"},
		"not delete it": {[]kfake.ACL{allow(topic, "orders", kmsg.ACLOperationRead), allow(group, "weir-bench-", kmsg.ACLOperationRead)}, exitOK,
			"stays until the cluster lets its offsets expire"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := cluster(t, kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.EnableACLs(),
				kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "weir", "S3NTINEL", tt.acls...))
			cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.SASL(plainsasl.Auth{User: "admin", Pass: "admin"}.AsMechanism()), kgo.DefaultProduceTopic("orders"))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			if err := cl.ProduceSync(t.Context(), kgo.StringRecord(`{"n":1}`)).FirstErr(); err != nil {
				t.Fatal(err)
			}
			path := pipelineFile(t, fmt.Sprintf(livePipeline, addr, "topics: [orders], sasl: {mechanism: plain, username: weir, password: S3NTINEL}"))
			code, out, errs := weir(t, "bench", "--for", "2s", path)
			if code != tt.code || !strings.Contains(errs, tt.want) || strings.Contains(out+errs, "S3NTINEL") {
				t.Errorf("got exit code %d, want %d, %q and no secret:\n%s%s", code, tt.code, tt.want, out, errs)
			}
		})
	}
}
