package flowtest

import "math"

// bbr allows the product of the best throughput and the best latency of the last
// ten seconds, each taken over buckets of 100 ms.
//
// Source: go-kratos aegis, ratelimit/bbr (after Alibaba Sentinel): 100 buckets
// in 10 s; one call over the product may pass; failures count as passed. The
// original sheds only while the process uses over 80 % of its CPU. There is no
// CPU here, so the gate is always open, and before the first bucket is full the
// limit is 20.
type bbr struct {
	buckets [bbrBuckets]bbrBucket
	now     int // number of the current bucket
	current float64
}

const (
	bbrBuckets = 100
	bbrSeconds = 0.1
)

type bbrBucket struct {
	number int
	calls  float64
	time   float64
}

func newBBR() *bbr { return &bbr{current: 20, now: -1} }

func (b *bbr) limit() float64 { return b.current }

func (b *bbr) see(s sample) {
	n := int(s.at / bbrSeconds)
	if n != b.now {
		b.now = n
		b.decide()
	}
	k := &b.buckets[(n%bbrBuckets+bbrBuckets)%bbrBuckets]
	if k.number != n {
		*k = bbrBucket{number: n}
	}
	k.calls++
	k.time += s.rtt
}

func (b *bbr) decide() {
	calls, latency := 1.0, math.Inf(1)
	for _, k := range b.buckets {
		if k.calls > 0 && k.number < b.now && k.number > b.now-bbrBuckets {
			calls = max(calls, k.calls)
			latency = min(latency, k.time/k.calls)
		}
	}
	if !math.IsInf(latency, 1) {
		latency = math.Ceil(1000*latency) / 1000
		b.current = clamp(max(2, 1+math.Floor(calls*latency/bbrSeconds+0.5)))
	}
}
