package config

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
)

// mostFixed is how many writes a fixed limit may allow before it is probably
// meant for a sink that could say itself how many it takes.
const mostFixed = 16

// mistakes are what a file may say and what takes a protection away. No timeout
// and no drain are errors; these are warnings.
func (d *decoder) mistakes(f *File, root *yaml.Node) (ps []Problem) {
	warn := func(path, text, mend string) {
		n := valueAt(root, strings.Split(path, ".")...)
		if n == nil {
			n = root
		}
		ps = append(ps, d.at(n, path).problem(text, mend))
	}
	doc := &f.doc
	if float64(doc.Memory) > machineMemory("/sys/fs/cgroup/memory.max", "/proc/meminfo") {
		warn("memory", fmt.Sprintf("%s is more than there is for this process, so nothing bounds what it buffers", doc.Memory), "give at most half of what it may use")
	}
	if doc.Failure.Attempts == 1 {
		warn("failure.attempts", "is 1, so the first hiccup rejects a record for good and nobody tries it later", "give at least 3, or leave it out")
	}
	if k := &doc.Kafka; k.Pattern != "" && matchesAll(k.Pattern) {
		warn("kafka.pattern", fmt.Sprintf("%q matches every topic, so all traffic is equal: what matters waits behind what does not", k.Pattern), "name what belongs together, and run a pipeline of its own for what matters most")
	}
	for _, u := range f.uses() {
		if n := u.way.Limit.Fixed; n > mostFixed {
			warn(join(u.at.path, "limit.fixed"), fmt.Sprintf("is %d whatever the sink answers, so its pressure is ignored", n), fmt.Sprintf("write limit: {max: %d}, which gives way, or add shadow: true and see where it would go", n))
		}
	}
	if doc.Admin.Listen == "off" {
		warn("admin.listen", "is off, so a probe can not tell a pipeline that is well from one that is not", "listen on "+defaults().Admin.Listen+" and probe /livez and /readyz")
	}
	return ps
}

// matchesAll reports whether a pattern matches names that have nothing in common.
func matchesAll(pattern string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString("a") && re.MatchString("Zz-9") && re.MatchString("__x.y_")
}

// machineMemory returns the bytes that this process may use: the limit of its
// control group (version 2) or what the machine has, whichever is less. Without
// either it is endless.
func machineMemory(group, machine string) float64 {
	least := math.Inf(1)
	if text, err := os.ReadFile(group); err == nil { //nolint:gosec // a file of the system
		if n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil {
			least = n
		}
	}
	if text, err := os.ReadFile(machine); err == nil { //nolint:gosec // a file of the system
		var kib float64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %f kB", &kib); err == nil {
			least = min(least, kib*float64(1<<10))
		}
	}
	return least
}

// mendOfDuration says what a duration of nothing would do.
func mendOfDuration(path string) string {
	d := consumer.DefaultConfig()
	switch {
	case path == "drain":
		return fmt.Sprintf("without a drain a stop cuts off what is in flight, and it is delivered again; write how long to wait, as in %s", d.Drain)
	case path == "handler_timeout" || strings.HasSuffix(path, ".timeout"):
		return "a call without a deadline can hang for ever; write the most it may take, as in 5s"
	}
	return ""
}
