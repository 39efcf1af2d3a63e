package pipeline

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow/flowtest"
)

// trace writes what weir sim replays: a line for each write to the main sink.
type trace struct {
	start time.Time

	mu  sync.Mutex
	buf *bufio.Writer
	enc *json.Encoder
	err error // the first
}

func newTrace(w io.Writer, start time.Time) *trace {
	buf := bufio.NewWriter(w)
	return &trace{start: start, buf: buf, enc: json.NewEncoder(buf)}
}

// add records one write.
func (t *trace) add(w consumer.Write) {
	if w.Sink != "default" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.enc.Encode(flowtest.TraceCall{
			T: w.End.Sub(t.start).Seconds(), Latency: w.Took.Seconds(), Kind: w.Verdict.String(),
			Work: w.Work, InFlight: w.InFlight, RetryAfter: w.RetryAfter.Seconds(), Quota: w.Quota,
		})
	}
}

// end writes what is left, and returns the first error.
func (t *trace) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.buf.Flush()
	}
	if t.err != nil {
		return fmt.Errorf("trace: %w", t.err)
	}
	return nil
}
