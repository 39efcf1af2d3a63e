package flow

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter caps what another side may ask for: a wrong clock or a typo
// there must not stop the work here for a day.
const maxRetryAfter = 5 * time.Minute

// ParseRetryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds
// or an HTTP date, which is relative to now. The result is within 0 and 5
// minutes; ok is false when the header says nothing that can be read.
func ParseRetryAfter(header string, now time.Time) (after time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0, false
	}
	if secs, err := strconv.ParseFloat(header, 64); err == nil {
		if secs != secs { // NaN
			return 0, false
		}
		secs = min(max(secs, 0), maxRetryAfter.Seconds())
		return time.Duration(secs * float64(time.Second)), true
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// ReadRetryAfter reads the Retry-After of an answer that came at now. A date in
// it is relative to the answer's own Date, if it has one: the clocks need not
// agree. Up to a tenth is added, so that those who were refused together do not
// come back together. The result is within 0 and 5.5 minutes. rnd returns
// numbers in [0, 1).
func ReadRetryAfter(h http.Header, now time.Time, rnd func() float64) (after time.Duration, ok bool) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	after, ok = ParseRetryAfter(h.Get("Retry-After"), now)
	return after + time.Duration(0.1*rnd()*float64(after)), ok
}

// FormatRetryAfter returns the Retry-After, in seconds, with which a server
// that has work queued for wait refuses a request: wait within 1 and 30
// seconds, times 0.8 to 1.4, so that the refused do not come back together, and
// more of them late than early. It belongs on a 503 when the server is full and
// on a 429 when the caller's quota is used up. rnd returns numbers in [0, 1).
func FormatRetryAfter(wait time.Duration, rnd func() float64) string {
	secs := min(max(wait, time.Second), 30*time.Second).Seconds() * (0.8 + 0.6*rnd())
	return strconv.Itoa(int(math.Ceil(secs)))
}
