package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Log is a history that is being written. Its methods may be called from any
// goroutine; the order of the calls is the order of the events.
type Log struct {
	begun time.Time

	mu   sync.Mutex
	h    History
	enc  *json.Encoder // nil without a file
	err  error
	next int64
}

// line is one line of a file: the head first, then records and events.
type line struct {
	Head   *head   `json:"head,omitempty"`
	Record *Record `json:"record,omitempty"`
	Event  *Event  `json:"event,omitempty"`
}

type head struct {
	Ordered  string        `json:"ordered"`
	Progress time.Duration `json:"progress"`
	Grace    time.Duration `json:"grace"`
	Silence  time.Duration `json:"silence,omitempty"`
}

// NewLog begins a history with the bounds of h. Each line is written to w too,
// unless that is nil; what goes wrong with it is told by [Log.Err].
func NewLog(h History, w io.Writer) *Log {
	l := &Log{begun: time.Now(), h: h}
	if w != nil {
		l.enc = json.NewEncoder(w)
		l.put(line{Head: &head{h.Ordered, h.Progress, h.Grace, h.Silence}})
	}
	return l
}

func (l *Log) put(v line) { // under mu
	if l.enc == nil {
		return
	}
	if err := l.enc.Encode(v); err != nil && l.err == nil {
		l.err = fmt.Errorf("ledger: write: %w", err)
	}
}

// Wrote notes records of the log.
func (l *Log) Wrote(recs ...Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Records = append(l.h.Records, recs...)
	for i := range recs {
		l.put(line{Record: &recs[i]})
	}
}

// Add appends events, in their order and with nothing between them. It sets At.
func (l *Log) Add(events ...Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(events)
}

func (l *Log) add(events []Event) { // under mu
	at := l.Now()
	for i := range events {
		events[i].At = at
		l.put(line{Event: &events[i]})
	}
	l.h.Events = append(l.h.Events, events...)
}

// Now is the time since the history began.
func (l *Log) Now() time.Duration { return time.Since(l.begun) }

// ID returns a number that was not returned before.
func (l *Log) ID() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return l.next
}

// History returns what happened so far.
func (l *Log) History() *History {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.h
	h.Records, h.Events = slices.Clone(h.Records), slices.Clone(h.Events)
	return &h
}

// Err returns the first error of writing lines.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// ReadHistory reads lines that a [Log] has written. A last line that is cut off
// is left out: its writer was killed while it wrote.
func ReadHistory(r io.Reader) (*History, error) {
	h := &History{}
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var v line
		err := dec.Decode(&v)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return h, nil
		case err != nil:
			return nil, fmt.Errorf("ledger: read: value %d: %w", n, err)
		case v.Head != nil:
			h.Ordered, h.Progress, h.Grace, h.Silence = v.Head.Ordered, v.Head.Progress, v.Head.Grace, v.Head.Silence
		case v.Record != nil:
			h.Records = append(h.Records, *v.Record)
		case v.Event != nil:
			h.Events = append(h.Events, *v.Event)
		default:
			return nil, fmt.Errorf("ledger: read: value %d is no head, record or event", n)
		}
	}
}
