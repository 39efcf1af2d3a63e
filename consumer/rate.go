package consumer

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Rate bounds what a sink is given, or what is taken of a tenant, in a second: a
// count or bytes. The zero value
// sets no bound. In text it is 500/s or 4MiB/s.
type Rate struct {
	Count float64 // messages, or records
	Bytes Bytes
}

const (
	leastRate = 1e-6 // one in eleven days
	mostRate  = 1e9
)

// UnmarshalText accepts a whole or decimal number of messages, or a size, and /s
// behind it. Zero is refused: a sink that is given nothing stops the pipeline.
func (r *Rate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	wrong := fmt.Errorf("%q is not a rate; write messages or a size in a second, as in 500/s or 4MiB/s", s)
	num, ok := strings.CutSuffix(s, "/s")
	if !ok {
		return wrong
	}
	if n, err := strconv.ParseFloat(num, 64); err == nil {
		if !(n >= leastRate) || n > mostRate || !strings.ContainsRune("0123456789", rune(num[0])) || strings.ContainsAny(num, "xXpP_") {
			return wrong
		}
		*r = Rate{Count: n}
		return nil
	}
	var b Bytes
	if err := b.UnmarshalText([]byte(num)); err != nil || b < 1 {
		return wrong
	}
	*r = Rate{Bytes: b}
	return nil
}

// check finds what a program may set and a file can not say.
func (r Rate) check(name string, bad func(bool, string, ...any)) {
	bad(r.Count != 0 && r.Bytes != 0, "%s sets both a count and bytes a second; keep one", name)
	bad(r.Count != 0 && !(r.Count >= leastRate && r.Count <= mostRate), "%s has a count of %g a second; set it between %g and %g, or 0 for no bound", name, r.Count, leastRate, float64(mostRate))
	bad(r.Bytes < 0, "%s has %d bytes a second; set at least 1, or 0 for no bound", name, r.Bytes)
}

// MarshalText writes what UnmarshalText reads; no bound is no text.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the rate as a file says it, nothing for no bound.
func (r Rate) String() string {
	switch {
	case r.Bytes > 0:
		return r.Bytes.String() + "/s"
	case r.Count > 0:
		return strconv.FormatFloat(r.Count, 'f', -1, 64) + "/s"
	}
	return ""
}

// perSecond is the rate in units, messages or bytes; zero for no bound.
func (r Rate) perSecond() float64 { return max(r.Count, float64(r.Bytes)) }

// rateParts is how many calls a second a sink at its rate gets at least, as long
// as a message does not cost more: a bucket, and a call, hold a tenth of a second.
const rateParts = 10

// spread narrows limits to what one call may carry under the rate.
func (r Rate) spread(l sink.Limits) sink.Limits {
	narrow := func(limit int, perSecond float64) int {
		n := max(int(math.Min(perSecond/rateParts, math.MaxInt32)), 1)
		if limit > 0 {
			n = min(n, limit)
		}
		return n
	}
	if r.Count > 0 {
		l.Messages = narrow(l.Messages, r.Count)
	}
	if r.Bytes > 0 {
		l.Bytes = narrow(l.Bytes, float64(r.Bytes))
	}
	return l
}

// bucket returns the token bucket of the rate, nil for no bound. It holds a tenth
// of a second, and a call may carry as much again: in no second is more than 1.2
// times the rate begun, except for a message that costs more than that alone.
func (r Rate) bucket() *flow.Rate {
	perSecond := r.perSecond()
	if perSecond <= 0 {
		return nil
	}
	return &flow.Rate{PerSecond: perSecond, Burst: max(int(perSecond/rateParts), 1)}
}

// cost is what a call takes out of the bucket.
func (r Rate) cost(c *call) int {
	if r.Bytes <= 0 {
		return c.messages
	}
	n := 0
	for i := range c.spans {
		sp := &c.spans[i]
		for k := sp.from; k < sp.to; k++ {
			n += sp.out.msgs[k].Size()
		}
	}
	return n
}
