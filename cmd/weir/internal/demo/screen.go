package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen shows the run: as lines, or on a terminal as one line that is drawn
// again under the phases that were.
type screen struct {
	out   io.Writer
	live  bool
	last  counts
	at    time.Duration
	heads int
}

func newScreen(out io.Writer) *screen {
	f, ok := out.(*os.File)
	return &screen{out: out, live: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"}
}

const head = "    time   produced/s  delivered/s      lag   limit  in flight     held  members  state"

// phase announces what happens from now on.
func (s *screen) phase(name string) {
	if s.live && s.heads > 0 {
		_, _ = fmt.Fprintln(s.out)
	}
	_, _ = fmt.Fprintf(s.out, "-- %s\n", name)
	if s.heads == 0 || s.live {
		_, _ = fmt.Fprintln(s.out, head)
	}
	s.heads++
}

// line shows one moment.
func (s *screen) line(at time.Duration, _ string, g glance) {
	secs := max((at - s.at).Seconds(), 0.001)
	state := string(g.state)
	if len(g.reasons) > 0 {
		state += ": " + strings.Join(g.reasons, ", ")
	}
	text := fmt.Sprintf("%7.1fs  %10.0f  %11.0f  %7d  %6d  %9d  %6.2fM  %7d  %s", at.Seconds(),
		float64(g.Produced-s.last.Produced)/secs, float64(g.Delivered-s.last.Delivered)/secs,
		g.lag, g.limit, g.inFlight, float64(g.held)/(1<<20), g.members, state)
	s.last, s.at = g.counts, at
	if s.live {
		_, _ = fmt.Fprintf(s.out, "\r\x1b[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(s.out, text)
}
