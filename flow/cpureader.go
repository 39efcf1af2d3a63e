package flow

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// cpuReader reads what this process waited and used between two calls.
type cpuReader struct {
	sample []metrics.Sample
	before []uint64
	root   fs.FS
	used   time.Duration
	at     time.Time
}

func newCPUReader() *cpuReader {
	return &cpuReader{sample: []metrics.Sample{{Name: "/sched/latencies:seconds"}}, root: os.DirFS("/")}
}

func (r *cpuReader) read(now time.Time) (wait time.Duration, usage float64) {
	metrics.Read(r.sample)
	if r.sample[0].Value.Kind() == metrics.KindFloat64Histogram {
		wait = r.waited(r.sample[0].Value.Float64Histogram())
	}
	return wait, r.usage(now)
}

// waited returns the 99th percentile of what was added to the histogram since
// the last call.
func (r *cpuReader) waited(h *metrics.Float64Histogram) time.Duration {
	added := make([]uint64, len(h.Counts))
	var total uint64
	for i, n := range h.Counts {
		added[i] = n
		if i < len(r.before) {
			added[i] -= r.before[i]
		}
		total += added[i]
	}
	r.before = append(r.before[:0], h.Counts...)
	left := total - total/100
	for i, n := range added {
		if n >= left && total > 0 {
			return seconds(h.Buckets[i]) // the lower end: the upper one may be infinite
		}
		left -= n
	}
	return 0
}

func seconds(s float64) time.Duration {
	if math.IsInf(s, 0) || math.IsNaN(s) || s < 0 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// usage returns the share of the quota used since the last call, -1 when there
// is no quota or this is the first call.
func (r *cpuReader) usage(now time.Time) float64 {
	dir, quota := r.quota()
	if quota <= 0 {
		return -1
	}
	used, ok := cpuUsed(r.root, dir)
	if !ok {
		return -1
	}
	took, spent, first := now.Sub(r.at), used-r.used, r.at.IsZero()
	r.at, r.used = now, used
	if first || took <= 0 {
		return -1
	}
	return float64(spent) / float64(took) / quota
}

// quota returns the tightest quota, in processors, of the process's control group
// and those above it, and the group that has it; zero when none has.
func (r *cpuReader) quota() (dir string, processors float64) {
	const top = "sys/fs/cgroup"
	own := path.Join(top, ownGroup(r.root))
	if _, err := fs.Stat(r.root, own); err != nil {
		own = top // inside a container the name may be the one outside of it
	}
	for d := own; strings.HasPrefix(d, top); d = path.Dir(d) {
		if q := cpuMax(r.root, d); q > 0 && (processors == 0 || q < processors) {
			dir, processors = d, q
		}
	}
	return dir, processors
}

// ownGroup returns the path of the process's group in the hierarchy of version 2.
func ownGroup(root fs.FS) string {
	data, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return name
		}
	}
	return ""
}

// cpuMax reads "200000 100000": that much time in each such period. "max" is none.
func cpuMax(root fs.FS, dir string) float64 {
	data, _ := fs.ReadFile(root, path.Join(dir, "cpu.max"))
	fields := strings.Fields(string(data))
	if len(fields) != 2 {
		return 0
	}
	quota, err1 := strconv.ParseFloat(fields[0], 64)
	period, err2 := strconv.ParseFloat(fields[1], 64)
	if err1 != nil || err2 != nil || period <= 0 {
		return 0
	}
	return quota / period
}

func cpuUsed(root fs.FS, dir string) (time.Duration, bool) {
	data, _ := fs.ReadFile(root, path.Join(dir, "cpu.stat"))
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if us, ok := strings.CutPrefix(s.Text(), "usage_usec "); ok {
			n, err := strconv.ParseInt(us, 10, 64)
			return time.Duration(n) * time.Microsecond, err == nil
		}
	}
	return 0, false
}
