package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

const (
	plotLabel = 330 // width of the names
	plotWidth = 420 // and of the scale
	plotLine  = 22
)

// plot draws each result on a scale of its own, which ends at twice its bound or at its
// interval's end: the interval, the median, the bound in red and the aim in green.
func plot(rs []result) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		plotLabel+plotWidth+120, len(rs)*plotLine+10)
	for i := range rs {
		plotRow(&b, &rs[i], i*plotLine+plotLine/2+5)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func plotRow(b *bytes.Buffer, r *result, y int) {
	g := gateOf(r.gate)
	if math.IsNaN(r.median) {
		return
	}
	most := max(2*g.atLeast, r.high*1.05, r.median*1.05, 1e-9)
	x := func(v float64) float64 { return plotLabel + plotWidth*min(max(v, 0), most)/most }
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s %s</text>`+"\n", plotLabel-8, y+4, html.EscapeString(r.gate), html.EscapeString(r.variant))
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#ddd"/>`+"\n", plotLabel, y, plotLabel+plotWidth, y)
	mark := func(v float64, colour string) {
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="2"/>`+"\n", x(v), y-8, x(v), y+8, colour)
	}
	if g.atLeast != 0 {
		mark(g.atLeast, "#c33")
	}
	if g.aim != 0 {
		mark(g.aim, "#393")
	}
	fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#357" stroke-width="4"/>`+"\n", x(r.low), y, x(r.high), y)
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%d" r="4" fill="#123"/>`+"\n", x(r.median), y)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s %s %s</text>`+"\n", plotLabel+plotWidth+8, y+4, number(r.median), html.EscapeString(g.unit), r.verdict())
}
