package flowtest

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
)

// Curve is a run to draw.
type Curve struct {
	Name   string
	Result *Result
}

// Plot draws limit, goodput and latency of some runs of sc over time, and the
// oracle's in grey, as an SVG document.
func Plot(w io.Writer, sc *Scenario, o *Oracle, curves []Curve) error {
	b := &bytes.Buffer{}
	p := &plot{w: b, end: sc.End}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, plotTop+3*(panelHeight+panelGap))
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="20" font-size="15">%s: %s</text>`+"\n",
		plotLeft, html.EscapeString(sc.ID), html.EscapeString(sc.About))
	all := append([]Curve{{"oracle", o.Run}}, curves...)
	p.legend(all)
	for i, panel := range []struct {
		title string
		log   bool
		of    func(*Result) []point
	}{
		{"limit, calls", true, limitPoints},
		{"goodput, work units per second", false, goodputPoints},
		{"mean latency, seconds", true, latencyPoints},
	} {
		p.panel(i, panel.title, panel.log, sc, all, panel.of)
	}
	fmt.Fprintln(b, "</svg>")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("plot of %s: %w", sc.ID, err)
	}
	return nil
}

const (
	plotWidth, plotLeft, plotRight = 960, 70, 20
	plotTop, panelHeight, panelGap = 60, 200, 45
)

type point struct{ t, v float64 }

func limitPoints(r *Result) []point {
	out := make([]point, len(r.Samples))
	for i, s := range r.Samples {
		out[i] = point{float64(i) * tick * sampleTick, float64(s.Limit)}
	}
	return out
}

// goodputPoints are means over two seconds.
func goodputPoints(r *Result) []point {
	const n = int(2 / binSeconds)
	var out []point
	for i := n; i <= len(r.Bins); i++ {
		sum := 0.0
		for _, b := range r.Bins[i-n : i] {
			sum += b.Work
		}
		out = append(out, point{float64(i) * binSeconds, sum / 2})
	}
	return out
}

func latencyPoints(r *Result) []point {
	var out []point
	for i, b := range r.Bins {
		if b.Calls > 0 {
			out = append(out, point{(float64(i) + 0.5) * binSeconds, b.Latency / b.Calls})
		}
	}
	return out
}

type plot struct {
	w   *bytes.Buffer
	end float64
}

func color(i int) string {
	return []string{"#999999", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}[min(i, 6)]
}

func (p *plot) legend(curves []Curve) {
	x := plotLeft
	for i, c := range curves {
		fmt.Fprintf(p.w, `<rect x="%d" y="32" width="14" height="4" fill="%s"/><text x="%d" y="39">%s</text>`+"\n", x, color(i), x+18, html.EscapeString(c.Name))
		x += 40 + 8*len(c.Name)
	}
}

// axis maps values to heights.
type axis struct {
	top    float64 // of the panel
	lo, hi float64
	log    bool
}

func (a *axis) y(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		v, lo, hi = math.Log(max(v, lo)), math.Log(lo), math.Log(hi)
	}
	return a.top + panelHeight*(1-(min(v, hi)-lo)/(hi-lo))
}

func (p *plot) x(t float64) float64 {
	return plotLeft + (plotWidth-plotLeft-plotRight)*t/p.end
}

func (p *plot) panel(i int, title string, log bool, sc *Scenario, curves []Curve, of func(*Result) []point) {
	a := &axis{top: float64(plotTop + i*(panelHeight+panelGap)), log: log, lo: math.Inf(1)}
	series := make([][]point, len(curves))
	for k, c := range curves {
		series[k] = of(c.Result)
		for _, q := range series[k] {
			a.lo, a.hi = min(a.lo, q.v), max(a.hi, q.v)
		}
	}
	a.round()
	fmt.Fprintf(p.w, `<text x="%d" y="%.0f" font-weight="bold">%s</text>`+"\n", plotLeft, a.top-6, title)
	p.frame(a, sc)
	for k, s := range series {
		fmt.Fprintf(p.w, `<polyline fill="none" stroke="%s" stroke-width="1.3" points="`, color(k))
		for _, q := range s {
			fmt.Fprintf(p.w, "%.1f,%.1f ", p.x(q.t), a.y(q.v))
		}
		fmt.Fprintln(p.w, `"/>`)
	}
}

// round widens the range to ticks.
func (a *axis) round() {
	if !a.log {
		a.lo, a.hi = 0, max(1.05*a.hi, 1e-9)
		return
	}
	if a.hi <= 0 {
		a.lo, a.hi = 0.1, 1
	}
	a.lo = math.Pow(10, math.Floor(math.Log10(max(a.lo, 1e-4))))
	a.hi = max(1.1*a.hi, 2*a.lo)
}

// frame draws the ticks, and a line where a phase begins.
func (p *plot) frame(a *axis, sc *Scenario) {
	left, right, bottom := p.x(0), p.x(p.end), a.top+panelHeight
	fmt.Fprintf(p.w, `<rect x="%.0f" y="%.0f" width="%.0f" height="%d" fill="none" stroke="#444"/>`+"\n", left, a.top, right-left, panelHeight)
	for _, v := range a.ticks() {
		fmt.Fprintf(p.w, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#eee"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, right, a.y(v), a.y(v), left-5, a.y(v)+4, strconv.FormatFloat(v, 'g', 4, 64))
	}
	for t := 0.0; t <= p.end; t += 20 {
		fmt.Fprintf(p.w, `<text x="%.1f" y="%.0f" text-anchor="middle">%.0f s</text>`+"\n", p.x(t), bottom+15, t)
	}
	for _, ph := range sc.Sink.Phases[1:] {
		fmt.Fprintf(p.w, `<line x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f" stroke="#bbb" stroke-dasharray="4 3"/>`+"\n", p.x(ph.Start), p.x(ph.Start), a.top, bottom)
	}
}

// ticks are 1, 2, 5 times powers of ten on a logarithmic axis, else some five.
func (a *axis) ticks() []float64 {
	var out []float64
	if a.log {
		for base := a.lo; base <= a.hi; base *= 10 {
			for _, m := range []float64{1, 2, 5} {
				if v := m * base; v <= a.hi {
					out = append(out, v)
				}
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10(a.hi)))
	for _, m := range []float64{0.5, 0.2} {
		if a.hi/step < 4 {
			step = math.Pow(10, math.Floor(math.Log10(a.hi))) * m
		}
	}
	for v := 0.0; v <= a.hi; v += step {
		out = append(out, v)
	}
	return out
}
