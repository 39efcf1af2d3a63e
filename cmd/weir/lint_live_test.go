package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	plainsasl "github.com/twmb/franz-go/pkg/sasl/plain"
)

// cluster starts a simulated cluster on loopback.
func cluster(t *testing.T, opts ...kfake.Opt) string {
	t.Helper()
	return clusterWith(t, nil, opts...)
}

// clusterWith is cluster with a fault.
func clusterWith(t *testing.T, fault *kfake.Fault, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if fault != nil {
		c.Fault(*fault)
	}
	return c.ListenAddrs()[0]
}

// pipelineFile writes a pipeline file.
func pipelineFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// weir runs a command line to its end.
func weir(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

const livePipeline = `kafka: {brokers: ["%s"], group: g, %s}
sink: {kafka: {topic: out}}
failure: {dead_letter: {kafka: {topic: orders.dead}}}
`

func TestLiveLintFindsWhatTheClusterLacks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		topics []string
		from   string
		want   []string
	}{
		"all there":           {[]string{"orders", "out", "orders.dead"}, "topics: [orders]", nil},
		"missing topic":       {[]string{"orders", "out", "orders.dead"}, "topics: [ordrs]", []string{`kafka.topics: topic "ordrs" does not exist; did you mean orders?`}},
		"missing sink topic":  {[]string{"orders", "orders.dead"}, "topics: [orders]", []string{`sink.kafka.topic: topic "out" does not exist; create it`}},
		"missing dead letter": {[]string{"orders", "out", "orders.dlq"}, "topics: [orders]", []string{`failure.dead_letter.kafka.topic: topic "orders.dead" does not exist; did you mean orders.dlq?`}},
		"all missing":         {nil, "topics: [orders]", []string{`topic "orders"`, `topic "out"`, `topic "orders.dead"`}},
		"pattern matches":     {[]string{"orders", "out", "orders.dead"}, "pattern: '^orders$'", nil},
		"pattern matches none": {[]string{"orders", "out", "orders.dead"}, "pattern: '^payments'",
			[]string{`kafka.pattern: "^payments" matches none of the 3 topics`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts []kfake.Opt
			if tt.topics != nil {
				opts = append(opts, kfake.SeedTopics(1, tt.topics...))
			}
			code, out, errs := weir(t, "lint", "--live", pipelineFile(t, fmt.Sprintf(livePipeline, cluster(t, opts...), tt.from)))
			expect(t, tt.want, code, out+errs)
		})
	}
}

// expect checks the exit code and that the output has each wanted text.
func expect(t *testing.T, want []string, code int, out string) {
	t.Helper()
	wantCode := exitOK
	if len(want) > 0 {
		wantCode = exitFailed
	}
	if code != wantCode {
		t.Errorf("got exit code %d, want %d: %s", code, wantCode, out)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%q is not said:\n%s", w, out)
		}
	}
	if n := strings.Count(out, "pipeline.yaml: "); len(want) > 0 && n != len(want) {
		t.Errorf("got %d problems, want %d:\n%s", n, len(want), out)
	}
}

func TestLiveLintFindsWhatTheUserMayNotDo(t *testing.T) {
	t.Parallel()
	allow := func(what kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: what, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	topic, group := kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	read, write, describe := kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe
	for name, tt := range map[string]struct {
		acls []kfake.ACL
		want []string
	}{
		"everything allowed": {[]kfake.ACL{allow(topic, "orders", read), allow(topic, "out", write), allow(topic, "orders.dead", write), allow(group, "g", read)}, nil},
		"no read of the topic": {[]kfake.ACL{allow(topic, "orders", describe), allow(topic, "out", write), allow(topic, "orders.dead", write), allow(group, "g", read)},
			[]string{`kafka.topics: this user may not read topic "orders"; allow the operation READ`}},
		"no write of the dead letters": {[]kfake.ACL{allow(topic, "orders", read), allow(topic, "out", write), allow(topic, "orders.dead", read), allow(group, "g", read)},
			[]string{`failure.dead_letter.kafka.topic: this user may not write topic "orders.dead"; allow the operation WRITE`}},
		"topic hidden": {[]kfake.ACL{allow(topic, "out", write), allow(topic, "orders.dead", write), allow(group, "g", read)},
			[]string{`kafka.topics: topic "orders"`}},
		"group hidden": {[]kfake.ACL{allow(topic, "orders", read), allow(topic, "out", write), allow(topic, "orders.dead", write)},
			[]string{`kafka.group: this user may not describe group "g"; allow the operation READ`}},
		"group may only be described": {[]kfake.ACL{allow(topic, "orders", read), allow(topic, "out", write), allow(topic, "orders.dead", write), allow(group, "g", describe)},
			[]string{`kafka.group: this user may not read group "g"; allow the operation READ`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := cluster(t, kfake.SeedTopics(1, "orders", "out", "orders.dead"), kfake.EnableSASL(), kfake.EnableACLs(),
				kfake.Superuser("PLAIN", "admin", "admin"),
				kfake.User("PLAIN", "weir", "S3NTINEL", tt.acls...))
			createGroup(t, addr)
			text := fmt.Sprintf(livePipeline, addr, "topics: [orders], sasl: {mechanism: plain, username: weir, password: S3NTINEL}")
			code, out, errs := weir(t, "lint", "--live", pipelineFile(t, text))
			expect(t, tt.want, code, strings.ReplaceAll(out+errs, "warning: ", "warning of "))
		})
	}
}

func TestLiveLintSaysThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	addr := closedPort(t)
	code, out, errs := weir(t, "lint", "--live", "--wait", "2s", pipelineFile(t, fmt.Sprintf(livePipeline, addr, "topics: [orders]")))
	expect(t, []string{"kafka.brokers: no broker of " + addr + " answers within 2s"}, code, out+errs)
}

// A refused password is said, and not shown.
func TestLiveLintShowsNoPassword(t *testing.T) {
	t.Parallel()
	addr := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "weir", "right"))
	text := fmt.Sprintf(livePipeline, addr, "topics: [orders], sasl: {mechanism: plain, username: weir, password: S3NTINEL}")
	code, out, errs := weir(t, "lint", "--live", "--wait", "2s", pipelineFile(t, text))
	if code != exitFailed || strings.Contains(out+errs, "S3NTINEL") {
		t.Errorf("got exit code %d, want %d and no secret: %s", code, exitFailed, out+errs)
	}
}

// On a fresh cluster no group has a coordinator before a topic was created.
func TestLiveLintWaitsForTheCoordinator(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault kfake.Fault
		want  []string
	}{
		"none at first": {kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: 3}, nil},
		"none at all": {kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: -1},
			[]string{`kafka.group: group "g" has no coordinator within 2s: COORDINATOR_NOT_AVAILABLE`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, wait := clusterWith(t, &tt.fault, kfake.SeedTopics(1, "orders", "out", "orders.dead")), "1m"
			if tt.want != nil {
				wait = "2s"
			}
			code, out, errs := weir(t, "lint", "--live", "--wait", wait, pipelineFile(t, fmt.Sprintf(livePipeline, addr, "topics: [orders]")))
			expect(t, tt.want, code, out+errs)
		})
	}
}

func TestLiveLintAsksTheSinks(t *testing.T) {
	t.Parallel()
	text := fmt.Sprintf("kafka: {brokers: [%q], group: g, topics: [orders]}\nsink: {file: {path: /none/none/out}}\n", cluster(t, kfake.SeedTopics(1, "orders")))
	code, out, errs := weir(t, "lint", "--live", pipelineFile(t, text))
	if code != exitFailed || !strings.Contains(out, "pipeline.yaml: sink: file: ") {
		t.Errorf("got exit code %d, %s%s; want the sink's refusal", code, out, errs)
	}
}

// createGroup commits an offset in group g: the simulated cluster keeps no rules
// for a group that does not exist.
func createGroup(t *testing.T, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.SASL(plainsasl.Auth{User: "admin", Pass: "admin"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 0, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
}
