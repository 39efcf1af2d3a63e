package flow

import (
	"math"
	"runtime/metrics"
	"testing"
	"testing/fstest"
	"time"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestCPUReaderTakesTheTightestQuotaAboveIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  float64 // after 1.5 s of one processor were used in a second
	}{
		"none": {fstest.MapFS{}, -1},
		"in a container": {fstest.MapFS{
			"proc/self/cgroup":      file("0::/\n"),
			"sys/fs/cgroup/cpu.max": file("300000 100000\n"), "sys/fs/cgroup/cpu.stat": file("usage_usec 0\nuser_usec 0\n"),
		}, 0.5},
		"the name of outside": {fstest.MapFS{
			"proc/self/cgroup":      file("1:cpu:/old\n0::/pod/gone\n"),
			"sys/fs/cgroup/cpu.max": file("300000 100000\n"), "sys/fs/cgroup/cpu.stat": file("usage_usec 0\n"),
		}, 0.5},
		"on the host, the parent is tighter": {fstest.MapFS{
			"proc/self/cgroup":          file("0::/pod/app\n"),
			"sys/fs/cgroup/pod/cpu.max": file("150000 100000\n"), "sys/fs/cgroup/pod/cpu.stat": file("usage_usec 0\n"),
			"sys/fs/cgroup/pod/app/cpu.max": file("900000 100000\n"), "sys/fs/cgroup/pod/app/cpu.stat": file("usage_usec 7\n"),
		}, 1},
		"no quota": {fstest.MapFS{
			"proc/self/cgroup":      file("0::/\n"),
			"sys/fs/cgroup/cpu.max": file("max 100000\n"), "sys/fs/cgroup/cpu.stat": file("usage_usec 0\n"),
		}, -1},
		"nonsense": {fstest.MapFS{
			"proc/self/cgroup":      file("0::/\n"),
			"sys/fs/cgroup/cpu.max": file("1 0\n"), "sys/fs/cgroup/cpu.stat": file("usage_usec x\n"),
		}, -1},
	} {
		r := &cpuReader{root: c.files}
		now := time.Unix(1000, 0)
		if got := r.usage(now); got != -1 {
			t.Errorf("%s: %v at the first reading, want -1", name, got)
		}
		for path := range c.files {
			if len(path) > 8 && path[len(path)-8:] == "cpu.stat" && name != "nonsense" {
				c.files[path] = file("usage_usec 1500000\n")
			}
		}
		if got := r.usage(now.Add(time.Second)); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: usage %v, want %v", name, got, c.want)
		}
	}
}

func TestCPUReaderSeesOnlyWhatWasAdded(t *testing.T) {
	t.Parallel()
	var r cpuReader
	buckets := []float64{math.Inf(-1), 0, 0.001, 0.010, 0.100, math.Inf(1)}
	for i, c := range []struct {
		counts []uint64
		want   time.Duration
	}{
		{[]uint64{0, 1000, 0, 0, 0}, 0},
		{[]uint64{0, 1098, 0, 2, 0}, 10 * time.Millisecond}, // 2 of 100 waited
		{[]uint64{0, 1298, 1, 2, 0}, 0},                     // 1 of 200
		{[]uint64{0, 1298, 1, 2, 0}, 0},                     // nothing ran
		{[]uint64{0, 1298, 1, 2, 1}, 100 * time.Millisecond},
	} {
		if got := r.waited(&metrics.Float64Histogram{Counts: c.counts, Buckets: buckets}); got != c.want {
			t.Errorf("reading %d: %s, want %s", i, got, c.want)
		}
	}
}

func TestCPUReaderReadsThisProcess(t *testing.T) {
	t.Parallel()
	r := newCPUReader()
	r.read(time.Unix(1000, 0))
	if len(r.before) == 0 {
		t.Error("the runtime tells nothing of its scheduler")
	}
	if wait, usage := r.read(time.Unix(1001, 0)); wait < 0 || usage < -1 {
		t.Errorf("wait %s, usage %v", wait, usage)
	}
}
