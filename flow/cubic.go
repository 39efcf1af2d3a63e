package flow

import (
	"math"
	"time"
)

// cubic spaces the starts of calls once the other side has answered with a
// Retry-After: that may be a quota, and no number of calls in flight is right for
// one. After a cut the rate follows the cubic of RFC 9438, as the adaptive retry
// of the AWS SDKs does: quickly back to near where it was refused, long there,
// then ever faster beyond. A side that does not say that it is a quota may have had
// no room for reasons of its own, while little was asked of it: then all that takes
// seconds, so that what it is good for is found again soon.
type cubic struct {
	most   float64       // calls a second at which it was refused; zero while nothing is paced
	cut    time.Time     // when
	reach  time.Duration // until that rate is reached again
	quiet  time.Time     // refusals until then are answers to calls made before the cut
	since  int           // calls served since the cut
	barren int           // refusals in a row with none served between them
	next   time.Time     // no call starts before
	sure   bool          // that it is a quota: it refused, served, and refused again

	from   time.Time // the meter of served calls: since when
	served int       // how many since
	rate   float64   // a second, before that
}

const (
	paceDown   = 0.7              // RFC 9438: of the rate that was refused
	paceReach  = 15 * time.Second // until the rate is reached again that met a quota; less costs 09-quota429 goodput, more is slow when a quota is raised
	paceRoom   = 2 * time.Second  // the same after a refusal that was not because of a quota
	paceEnd    = 4                // times that, without a refusal at nine times the rate, there is no quota
	paceDouble = 300 * time.Millisecond
	paceTrial  = 10 * paceDouble // by then it is a thousand times what it was
	paceLeast  = 1.0             // calls a second
	paceBurst  = 10 * time.Millisecond
	paceMeter  = 200 * time.Millisecond
)

// start accounts for a call that starts now.
func (p *cubic) start(now time.Time) {
	if p.most == 0 {
		return
	}
	if since := now.Sub(p.cut); since > paceEnd*p.reach || !p.sure && since > paceTrial {
		p.most = 0
		return
	}
	if late := now.Add(-paceBurst); p.next.Before(late) {
		p.next = late
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.allowed(now)))
}

// allowed is the rate of starts, in calls a second. Until it is sure that there
// is a quota it doubles quickly: one is met again soon, and without one nobody
// must wait for long.
func (p *cubic) allowed(now time.Time) float64 {
	if !p.sure {
		doublings := max(float64(now.Sub(p.quiet)), 0) / float64(paceDouble)
		return max(paceDown*p.most*math.Exp2(doublings), paceLeast)
	}
	x := float64(now.Sub(p.cut)-p.reach) / float64(p.reach)
	return max(p.most*(1+(1-paceDown)*x*x*x), paceLeast)
}

// done accounts for a call that was served.
func (p *cubic) done(now time.Time) {
	p.served++
	if now.After(p.cut) {
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

// throttled cuts the rate because of a refusal that asked to be left alone until
// then; latency is that of a call. A quota serves again once that time has passed.
// A side that refuses again before it has served anything is down or full: no
// rate is right for it, and to pace its recovery would only delay it.
func (p *cubic) throttled(now, until time.Time, latency time.Duration, quota bool) {
	if now.Before(p.quiet) {
		return
	}
	if p.rate == 0 || now.Sub(p.from) >= paceMeter/2 {
		p.measure(now)
	}
	most := p.rate
	switch served := p.since > 0; {
	case p.most == 0: // the first
		p.sure = false
	case !p.sure && served:
		p.sure, most = true, p.most // since then it served what it had saved up
	case p.sure && served && !quota: // perhaps little was asked: what it was allowed is all that is known
		most = p.allowed(now)
	case p.sure && (served || p.barren == 0): // once in a row is what others in front of the quota cause
		most = min(most, p.allowed(now))
	default:
		most = 0
	}
	if p.reach = paceRoom; quota {
		p.reach = paceReach
	}
	p.barren++
	if p.since > 0 {
		p.barren = 0
	}
	p.most, p.cut, p.since, p.quiet = most, until, 0, until.Add(2*latency)
	p.from, p.served = until, 0 // nothing is served while nothing may start
}
