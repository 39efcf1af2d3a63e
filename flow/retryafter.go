package flow

import (
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
