package pipeline

import "testing"

// The reference of the metrics names these.
func TestTheProcessTellsItsLoad(t *testing.T) {
	t.Parallel()
	families, err := newRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range families {
		got[f.GetName()] = true
	}
	for _, name := range []string{
		"process_cpu_seconds_total", "process_resident_memory_bytes",
		"go_sched_latencies_seconds", "go_gc_heap_live_bytes", "go_gc_gomemlimit_bytes",
	} {
		if !got[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
