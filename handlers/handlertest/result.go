package handlertest

import (
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Result is what one call of a handler did.
type Result struct {
	// Messages are copies of what was emitted, with Source and Timestamp set as the
	// engine would; none if the call failed, because then they are discarded.
	Messages []sink.Message
	// Err is what the handler returned, or its panic with the stack.
	Err error
	// Verdict is what the engine makes of Err. flow.RetryAfter(Err) is how long it
	// waits at least before a retry.
	Verdict flow.Verdict
}

// Values returns the values of the messages as text.
func (r Result) Values() []string {
	var vs []string
	for _, m := range r.Messages {
		vs = append(vs, string(m.Value))
	}
	return vs
}

// String returns the verdict, the messages as key=value with their route, and
// the error, in one line: what a test prints, or compares.
func (r Result) String() string {
	var b strings.Builder
	b.WriteString(r.Verdict.String())
	for _, m := range r.Messages {
		b.WriteByte(' ')
		if m.Route != "" {
			b.WriteString(m.Route + ":")
		}
		if m.Key != nil {
			b.WriteString(string(m.Key) + "=")
		}
		if m.Value == nil {
			b.WriteString("(tombstone)")
			continue
		}
		b.Write(m.Value)
	}
	if r.Err != nil {
		line, _, _ := strings.Cut(r.Err.Error(), "\n")
		fmt.Fprintf(&b, ": %s", line)
	}
	return b.String()
}
