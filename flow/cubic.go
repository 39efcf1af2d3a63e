package flow

import "time"

// cubic spaces the starts of calls once the other side has answered with a
// Retry-After: that is a quota, and no number of calls in flight is right for
// one. After a cut the rate follows the cubic of RFC 9438, as the adaptive retry
// of the AWS SDKs does: quickly back to near where it was refused, long there,
// then ever faster beyond.
type cubic struct {
	most  float64   // calls a second at which it was refused; zero while nothing is paced
	cut   time.Time // when
	quiet time.Time // refusals until then are answers to calls made before the cut
	told  time.Time // of the last refusal
	since int       // calls that were made since then and served
	first float64   // calls a second before the first refusal
	next  time.Time // no call starts before

	from   time.Time // the meter of served calls: since when
	served int       // how many since
	rate   float64   // a second, before that
}

const (
	paceDown  = 0.7              // RFC 9438: of the rate that was refused
	paceReach = 15 * time.Second // until that rate is reached again; less costs 09-quota429 goodput, more is slow when a quota is raised
	paceEnd   = 4 * paceReach    // without a refusal at nine times the rate there is no quota
	paceAgain = paceReach        // the next refusal by a quota comes sooner
	paceLeast = 1.0              // calls a second
	paceBurst = 10 * time.Millisecond
	paceMeter = 200 * time.Millisecond
)

// start accounts for a call that starts now.
func (p *cubic) start(now time.Time) {
	if p.most == 0 {
		return
	}
	if now.Sub(p.cut) > paceEnd {
		p.most = 0
		return
	}
	if late := now.Add(-paceBurst); p.next.Before(late) {
		p.next = late
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.allowed(now)))
}

// allowed is the rate of starts, in calls a second.
func (p *cubic) allowed(now time.Time) float64 {
	x := float64(now.Sub(p.cut)-paceReach) / float64(paceReach)
	return max(p.most*(1+(1-paceDown)*x*x*x), paceLeast)
}

// done accounts for a call that was served.
func (p *cubic) done(now time.Time) {
	p.served++
	if now.After(p.quiet) {
		p.since++
	}
	if now.Sub(p.from) >= paceMeter {
		p.measure(now)
	}
}

func (p *cubic) measure(now time.Time) {
	took := max(now.Sub(p.from), paceBurst)
	rate := float64(p.served) / took.Seconds()
	if p.rate == 0 || took > 10*paceMeter { // the past says nothing
		p.rate = rate
	}
	p.rate += 0.8 * (rate - p.rate)
	p.served, p.from = 0, now
}

// throttled is told of a refusal that asked to be left alone until then; latency
// is that of a call. A quota serves again once that time has passed, and refuses
// again soon: then the rate is cut. A side that is down or full refuses again
// before it has served anything, or serves and does not refuse; to pace its
// recovery would only delay it.
func (p *cubic) throttled(now, until time.Time, latency time.Duration) {
	if now.Before(p.quiet) {
		return
	}
	again := p.since > 0 && (p.most > 0 || now.Sub(p.told) < paceAgain)
	if p.rate == 0 || now.Sub(p.from) >= paceMeter/2 {
		p.measure(now)
	}
	most := p.rate
	switch {
	case !again:
		p.first, most = p.rate, 0
	case p.most > 0:
		most = min(most, p.allowed(now))
	default:
		most = p.first // since then it served what it had saved up
	}
	p.most, p.cut, p.told, p.since, p.quiet = most, until, until, 0, until.Add(2*latency)
	p.from, p.served = until, 0 // nothing is served while nothing may start
}
