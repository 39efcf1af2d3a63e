//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// trial is a sink with faults.
type trial struct {
	w       *world
	name    string
	limits  sink.Limits
	rnd     *rand.Rand
	writing map[string]bool
	acked   map[string]int
	unknown map[string]bool // written, but the call said otherwise
	newest  map[string]place
	wild    bool      // until the calm
	hangs   time.Time // until when all calls hang and heed nothing
}

type place struct {
	offset int64
	index  int32
}

func (p place) after(q place) bool {
	return p.offset > q.offset || p.offset == q.offset && p.index > q.index
}

// Limits implements sink.Limited.
func (s *trial) Limits() sink.Limits { return s.limits }

// Write implements sink.Sink.
func (s *trial) Write(ctx context.Context, batch []sink.Message) error {
	w := s.w
	w.mu.Lock()
	mode, pause := 0, s.rnd.IntN(20)
	if s.wild {
		mode = s.rnd.IntN(14)
		if s.rnd.IntN(300) == 0 {
			s.hangs = time.Now().Add(time.Duration(s.rnd.IntN(60)) * time.Second)
		}
	}
	hangs := time.Until(s.hangs)
	domains := map[string]bool{}
	bytes := 0
	for i := range batch {
		bytes += batch[i].Size()
		d := w.domain(batch[i].Source, batch[i].Key)
		if s.writing[d] && s.name != "dead" {
			w.blame("sink %q: %s of %s is written while another of it is", s.name, batch[i].Source, d)
		}
		domains[d] = true
	}
	if l := s.limits; len(batch) == 0 || l.Messages > 0 && len(batch) > l.Messages || l.Bytes > 0 && bytes > l.Bytes && len(batch) > 1 {
		w.blame("sink %q: %d messages of %d bytes for limits %+v", s.name, len(batch), bytes, l)
	}
	for d := range domains {
		s.writing[d] = true
	}
	before := contents(batch)
	w.mu.Unlock()
	time.Sleep(hangs)
	switch mode {
	case 1:
		<-ctx.Done() // hangs until its time is up
	case 2:
		time.Sleep(7 * time.Second) // deaf: returns after its time
	default:
		if pause < 5 {
			wait(ctx, time.Duration(1<<pause)*10*time.Millisecond)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for d := range domains {
		delete(s.writing, d)
	}
	if after := contents(batch); after != before {
		w.blame("sink %q: the batch changed while it was written", s.name)
	}
	return s.outcome(ctx, mode, batch)
}

func contents(batch []sink.Message) string {
	var b strings.Builder
	for i := range batch {
		m := &batch[i]
		fmt.Fprintf(&b, "%s %s=%x %v\n", m.Source, m.Key, crc32.ChecksumIEEE(m.Value), m.Headers)
	}
	return b.String()
}

// outcome is what a call does and says, under mu.
func (s *trial) outcome(ctx context.Context, mode int, batch []sink.Message) error {
	fails := func(i int) error {
		if s.name == "dead" || s.w.steady(batch[i].Source) {
			return nil
		}
		switch s.w.chance(batch[i].Source, "poison "+s.name+strconv.Itoa(int(batch[i].Source.Index)), 80) {
		case 0:
			return flow.Permanent(errors.New("poison"))
		case 1:
			return errors.New("slow poison")
		}
		return nil
	}
	switch mode {
	case 1:
		return ctx.Err()
	case 3:
		return errors.New("down")
	case 4:
		after := time.Duration(s.rnd.IntN(200)) * time.Millisecond
		if s.rnd.IntN(10) == 0 {
			after *= 100
		}
		return flow.Overloaded(errors.New("full"), after)
	case 5:
		s.take(batch, true) // the effect is there, the answer is not
		return errors.New("connection lost")
	case 6:
		return context.Canceled
	case 7, 8, 9:
		return s.partly(batch, fails)
	}
	for i := range batch {
		if err := fails(i); err != nil {
			switch {
			case mode == 10:
				return s.partly(batch, fails)
			case mode == 11 && flow.Classify(err) == flow.Reject:
				panic("poison")
			}
			return err
		}
	}
	s.take(batch, false)
	return nil
}

// partly takes some messages and keeps the contract: behind a failed one nothing
// of its domain is taken.
func (s *trial) partly(batch []sink.Message, fails func(int) error) error {
	var be sink.BatchError
	behind := map[string]bool{}
	for i := range batch {
		d := s.w.domain(batch[i].Source, batch[i].Key)
		err := fails(i)
		switch {
		case behind[d]:
			err = sink.ErrBehindFailed
		case err == nil && s.rnd.IntN(10) == 0:
			err = flow.Overloaded(errors.New("no room for this one"), 0)
		}
		if err != nil {
			behind[d] = true
			be.Add(i, err)
			continue
		}
		s.take(batch[i:i+1], false)
	}
	return be.Err()
}

// take notes effects, under mu.
func (s *trial) take(batch []sink.Message, unknown bool) {
	w := s.w
	for i := range batch {
		m := &batch[i]
		id := m.Source.String()
		d := w.domain(m.Source, m.Key)
		if s.name == "dead" {
			if w.letters[id]++; w.letters[id] > 1 && !s.unknown[id] {
				w.blame("dead letter %s twice", id)
			}
			s.unknown[id] = unknown
			continue
		}
		at := place{m.Source.Offset, m.Source.Index}
		switch last, any := s.newest[d]; {
		case s.acked[id] > 0 && !s.unknown[id]:
			w.blame("sink %q: %s was written again although it was acknowledged", s.name, id)
		case any && !at.after(last) && s.acked[id] == 0:
			w.blame("sink %q: %s of %s written after %v", s.name, id, d, last)
		}
		if any := s.newest[d]; at.after(any) || s.acked[id] == 0 {
			s.newest[d] = at
		}
		s.acked[id]++
		s.unknown[id] = unknown
		rec := m.Source
		rec.Index = 0
		if got, want := string(m.Headers[0].Value), strconv.Itoa(w.emitted[rec.String()]>>16); got != want {
			w.blame("sink %q: %s comes from attempt %s, and %s succeeded", s.name, id, got, want)
		}
	}
}
