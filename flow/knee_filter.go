package flow

import "math"

// filter is a scalar Kalman filter for the elasticity.
type filter struct{ value, variance float64 }

// observe learns from a change dn of the logarithm of calls in flight and dg of
// that of goodput, the latter with variance v. It returns how surprising that
// was: the square of the error over its expectation.
func (f *filter) observe(dn, dg, v float64) float64 {
	err, spread := dg-f.value*dn, dn*dn*f.variance+v
	gain := f.variance * dn / spread
	f.value = min(max(f.value+gain*err, -0.5), 1.1)
	f.variance *= 1 - gain*dn
	return err * err / spread
}

// moved shifts the value and widens the variance.
func (f *filter) moved(by, wider float64) {
	f.value = min(max(f.value+by, -0.5), 1.1)
	f.variance = min(f.variance+wider, 0.5)
}

// compare learns from two neighbouring slots.
func (k *knee) compare(a, b *reading) {
	dn, dg := math.Log(b.calls/a.calls), math.Log(b.goodput/a.goodput)
	v := k.noise * (1/a.answers + 1/b.answers)
	k.raw.observe(dn, dg, v)
	surprise := k.e.observe(dn, dg, v)
	k.noise *= 1 + k.NoiseGain*(min(surprise, 9)-1)
	k.noise = min(max(k.noise, 0.3), 6)
}
