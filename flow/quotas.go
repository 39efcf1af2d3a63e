package flow

import (
	"sync"
	"time"
)

// Quotas holds a [Rate] for each tenant, so that one who asks for too much is told
// so, whatever room there is. A tenant is forgotten once its bucket is full again, which
// changes nothing for it. Beyond 4096 tenants whose buckets are not full, newcomers
// share one bucket: invented names gain nothing, and memory is bounded. It is safe for
// concurrent use; RateFunc is set before the first use.
type Quotas struct {
	// RateFunc returns a tenant's requests a second and its burst, with the zeros of
	// [Rate]. It is asked when a tenant comes that is not remembered, and must be quick.
	RateFunc func(tenant string) (perSecond float64, burst int)

	mu      sync.Mutex
	tenants map[string]*quota
	shared  *quota
	swept   time.Time
}

const (
	mostTenants = 4096
	sweepEvery  = time.Second
)

type quota struct {
	rate Rate
	full time.Time // when the bucket will be full again
}

// Take takes one request of tenant's quota. When that is used up, it returns how long it
// takes until one comes.
func (q *Quotas) Take(now time.Time, tenant string) (wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tenant(now, tenant)
	if t == nil {
		return 0, true
	}
	each := time.Duration(float64(time.Second) / t.rate.PerSecond)
	if t.full.Before(now) {
		t.full = now
	}
	if !t.rate.Allow(now, 1) {
		return max(t.full.Sub(now)-time.Duration(t.rate.burst()-1)*each, 0), false
	}
	t.full = t.full.Add(each)
	return 0, true
}

// tenant returns nil when there is no limit.
func (q *Quotas) tenant(now time.Time, name string) *quota {
	if t := q.tenants[name]; t != nil {
		return t
	}
	if q.RateFunc == nil {
		return nil
	}
	perSecond, burst := q.RateFunc(name)
	if perSecond <= 0 {
		return nil
	}
	t := &quota{rate: Rate{PerSecond: perSecond, Burst: burst}}
	if len(q.tenants) >= mostTenants && !q.sweep(now) {
		if q.shared == nil {
			q.shared = t
		}
		return q.shared
	}
	if q.tenants == nil {
		q.tenants = make(map[string]*quota)
	}
	q.tenants[name] = t
	return t
}

// sweep forgets who has a full bucket and reports whether there is room now. It is
// not done for every invented name.
func (q *Quotas) sweep(now time.Time) bool {
	if now.Sub(q.swept) < sweepEvery {
		return false
	}
	q.swept = now
	for name, t := range q.tenants {
		if !t.full.After(now) {
			delete(q.tenants, name)
		}
	}
	return len(q.tenants) < mostTenants
}
