package flowtest

import (
	"math"
	"math/rand/v2"
)

// Shape is the family of a distribution of service times.
type Shape uint8

const (
	// Exp is exponential with mean A.
	Exp Shape = iota
	// Erlang is the mean of four exponentials, itself with mean A.
	Erlang
	// Constant is always A.
	Constant
	// Pareto has the smallest value A, index 1.4, and is cut at B.
	Pareto
	// Bimodal is A with probability P and B otherwise.
	Bimodal
)

const paretoIndex = 1.4

// Dist is a distribution of service times in seconds. What A, B and P mean is
// said at each Shape.
type Dist struct {
	Shape   Shape
	A, B, P float64
}

// Mean returns the expectation in seconds.
func (d Dist) Mean() float64 {
	switch d.Shape {
	case Pareto:
		const a = paretoIndex
		return d.A * (a - math.Pow(d.B/d.A, 1-a)) / (a - 1)
	case Bimodal:
		return d.P*d.A + (1-d.P)*d.B
	default:
		return d.A
	}
}

func (d Dist) draw(r *rand.Rand) float64 {
	switch d.Shape {
	case Exp:
		return d.A * r.ExpFloat64()
	case Erlang:
		u := (1 - r.Float64()) * (1 - r.Float64()) * (1 - r.Float64()) * (1 - r.Float64())
		return -d.A / 4 * math.Log(u)
	case Pareto:
		return min(d.A*math.Pow(1-r.Float64(), -1/paretoIndex), d.B)
	case Bimodal:
		if r.Float64() < d.P {
			return d.A
		}
		return d.B
	default:
		return d.A
	}
}

// scaled returns the distribution of the given shape with mean m.
func scaled(s Shape, m float64) Dist {
	switch s {
	case Pareto:
		d := Dist{Shape: Pareto, A: 1, B: 200}
		x := m / d.Mean()
		return Dist{Shape: Pareto, A: x, B: 200 * x}
	case Bimodal: // as in scenario 14: 70 % quick, the others thirty times as long
		q := m / (0.7 + 0.3*30)
		return Dist{Shape: Bimodal, A: q, B: 30 * q, P: 0.7}
	default:
		return Dist{Shape: s, A: m}
	}
}

// Batch is the range of work units of a call, drawn uniformly, or uniformly in
// the logarithm.
type Batch struct {
	Lo, Hi int
	Log    bool
}

func (b Batch) draw(r *rand.Rand) int32 {
	if b.Hi <= b.Lo {
		return int32(b.Lo)
	}
	if b.Log {
		return int32(math.Round(float64(b.Lo) * math.Pow(float64(b.Hi)/float64(b.Lo), r.Float64())))
	}
	return int32(b.Lo + r.IntN(b.Hi-b.Lo+1))
}

// mean is the expectation of the units of a call.
func (b Batch) mean() float64 {
	if b.Log && b.Hi > b.Lo {
		return float64(b.Hi-b.Lo) / math.Log(float64(b.Hi)/float64(b.Lo))
	}
	return float64(b.Lo+max(b.Hi, b.Lo)) / 2
}

// String returns the family in lower case.
func (s Shape) String() string {
	return [...]string{"exp", "erlang", "constant", "pareto", "bimodal"}[s]
}
