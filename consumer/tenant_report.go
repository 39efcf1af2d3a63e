package consumer

import (
	"cmp"
	"slices"
)

// shareBurst is how far beyond an equal part of the budget a tenant may be before
// it is named as the reason that memory is full.
const shareBurst = 1.5

// over reports whether one of several tenants holds more than its share of the
// budget. A partition's log interleaves tenants, so nothing can be done about it
// but to say it.
func (t *tenants) over(budget int64) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var most int64
	active := 0
	for _, s := range t.slots {
		if s.records > 0 {
			active++
			most = max(most, s.bytes)
		}
	}
	return active > 1 && float64(most) > shareBurst*lowMark*float64(budget)/float64(active)
}

// mostReported bounds a report: tenants are many.
const mostReported = 10

// report returns the tenants that hold most.
func (t *tenants) report() []TenantReport {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var rs []TenantReport
	for _, s := range t.slots {
		if s.records > 0 {
			rs = append(rs, TenantReport{Name: s.name, HeldRecords: s.records, HeldBytes: s.bytes, InFlight: s.out, Waits: s.parked})
		}
	}
	slices.SortFunc(rs, func(a, b TenantReport) int {
		return cmp.Or(cmp.Compare(b.HeldBytes, a.HeldBytes), cmp.Compare(a.Name, b.Name))
	})
	return rs[:min(len(rs), mostReported)]
}
