package flow

// filter is a scalar Kalman filter for the elasticity.
type filter struct{ value, variance float64 }

// observe learns from a change dn of the logarithm of calls in flight and dg of
// that of goodput, the latter with variance v.
func (f *filter) observe(dn, dg, v float64) {
	gain := f.variance * dn / (dn*dn*f.variance + v)
	f.value = min(max(f.value+gain*(dg-f.value*dn), -0.5), 1.1)
	f.variance *= 1 - gain*dn
}

// moved shifts the value and widens the variance.
func (f *filter) moved(by, wider float64) {
	f.value = min(max(f.value+by, -0.5), 1.1)
	f.variance = min(f.variance+wider, 0.5)
}
