package httpflow

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/weir-kafka/weir/flow"
)

const (
	levelHeader = "Weir-Level" // of a request
	cutHeader   = "Weir-Cut"   // of an answer to a request that has a level
)

// Verdict says what an answer means for the limiter and for the request: 2xx and
// 3xx done; 429, 503, 504 and 529 overload; 408 and every other 5xx retry; what
// is left reject.
func Verdict(status int) flow.Verdict {
	switch {
	case status < 400:
		return flow.Done
	case status == http.StatusTooManyRequests || full(status):
		return flow.Overload
	case status == http.StatusRequestTimeout, status >= 500:
		return flow.Retry
	}
	return flow.Reject
}

// full tells the answers of a server that has no room.
func full(status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, 529:
		return true
	}
	return false
}

// RetryAfter reads for how long an answer asks to be left alone, zero when it
// does not say: see [flow.ReadRetryAfter].
func RetryAfter(h http.Header) time.Duration {
	after, _ := flow.ReadRetryAfter(h, time.Now(), rand.Float64)
	return after
}

// Refuse answers with what a refusal says: 429 when a quota is used up, 503
// otherwise, with Retry-After and a line of text. Any other err, such as that of
// the request's own context, is answered with 503 as well: to write nothing
// would be a 200.
func Refuse(w http.ResponseWriter, err error) {
	refused := &flow.RefusedError{Reason: "not served in time", RetryAfter: time.Second}
	_ = errors.As(err, &refused) // else what is there stays
	code := http.StatusServiceUnavailable
	if refused.Quota {
		code = http.StatusTooManyRequests
	}
	seconds := int((refused.RetryAfter + time.Second - 1) / time.Second)
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(max(seconds, 1)))
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, refused.Reason+"\n") // a client that has gone cannot be told
}
