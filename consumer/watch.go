package consumer

import (
	"context"
	"sync"
	"time"

	"github.com/weir-kafka/weir/consumer/internal/lane"
)

// watch takes batches away from handler calls that hang, so that one slow record
// holds up only its own lane, however many others were taken with it.
type watch struct {
	mu   sync.Mutex
	busy map[*hand]looked // workers that hold records
	hung map[*hand]hanging
	wake chan struct{}

	deaf, replaced int // of those that hang
}

// hanging is a call that was seen to hang.
type hanging struct {
	since    time.Time // when it was seen first
	deaf     bool      // it does not heed that its time is up
	replaced bool      // another worker may take its place
}

// looked is what the watch knows of a worker.
type looked struct {
	word    uint64 // when last looked at
	at      time.Time
	records int // of its batch
}

// lookEvery is how often the watch looks at the workers. A call that is seen
// twice hangs, as far as the other lanes of its batch are concerned.
const lookEvery = 5 * time.Millisecond

// begin and end say that a worker holds a batch.
func (w *watch) begin(h *hand, records int) {
	w.mu.Lock()
	h.hung.Store(0)
	w.busy[h] = looked{records: records}
	first := len(w.busy) == 1
	w.mu.Unlock()
	if first {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watch) end(c *crew, h *hand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, h)
	w.back(c, h)
}

// run looks until ctx ends; while no worker is busy it sleeps.
func (w *watch) run(ctx context.Context, c *crew) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if !w.look(ctx, c) {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
		}
		timer.Reset(lookEvery)
	}
}

// look takes from those who are in the same call as at the last look. It returns
// false when nobody is busy.
func (w *watch) look(ctx context.Context, c *crew) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := c.c.now()
	for h, was := range w.busy {
		word := h.word.Load()
		w.busy[h] = looked{word, now, was.records}
		if word%2 == 0 || word != was.word {
			continue
		}
		if was.records > 1 { // one record has nobody to hold up
			if handled, extra := h.takeAway(word); handled != nil {
				c.running.Go(func() { c.c.dispatchBatch(ctx, handled, extra, 0) })
			}
		}
		c.hangs(ctx)
		delete(w.busy, h)
		h.hung.Store(was.at.UnixNano())
		w.hung[h] = hanging{since: was.at}
	}
	return len(w.busy) > 0
}

// takeAway leaves the hand nothing but the record of the call it is in. What is
// handled already is returned, to be dispatched; what is not begun goes back to
// its lanes. It does nothing if the call has returned meanwhile.
func (h *hand) takeAway(word uint64) (handled *batch, extra int64) {
	h.steal.Lock()
	defer h.steal.Unlock()
	if !h.word.CompareAndSwap(word, word+1) {
		return nil, 0
	}
	b, at := h.b, h.at
	b.plain = false
	for i := range b.outs {
		h.cut[i] = len(b.outs[i].msgs)
	}
	h.b, h.at = b.slice(at, at+1), 0
	if at+1 < len(b.taken) {
		h.c.settle(b.part, b.part.giveBack(b.taken[at+1:], b.taken[at].Lane, b.gen))
	}
	if at > 0 {
		handled, extra, h.extra = b.slice(0, at), h.extra, 0
		if last := &handled.groups[len(handled.groups)-1]; b.states[at-1].group == b.states[at].group {
			last.next = &handover{ended: make(chan struct{})}
			h.b.after = last.next
		}
	}
	return handled, extra
}

// mayGo waits until the records of the lane that went before b are terminal, and
// returns false if they were not done, or never will be.
func (b *batch) mayGo(ctx context.Context) bool {
	if b.after == nil {
		return true
	}
	select {
	case <-b.after.ended:
		return !b.after.broken
	case <-ctx.Done():
		return false
	}
}

// undo makes b, which is one record, still to be handled.
func (b *batch) undo(now time.Time) {
	for i := range b.states {
		b.states[i] = recordState{attempt: b.states[i].attempt}
	}
	b.groups[0].redo = &redo{taken: append([]lane.Taken[item](nil), b.taken...), attempt: b.states[0].attempt, due: now}
	b.outs, b.rejects, b.plain = nil, nil, false
}

// slice returns a batch of the records [from, to) with their messages.
func (b *batch) slice(from, to int) *batch {
	n := &batch{part: b.part, gen: b.gen, slot: b.slot, taken: append([]lane.Taken[item](nil), b.taken[from:to]...), outs: make([]out, len(b.outs))}
	base := b.states[from].group
	n.groups = append(n.groups, b.groups[base:b.states[to-1].group+1]...)
	for _, st := range b.states[from:to] {
		st.group -= base
		n.states = append(n.states, st)
	}
	n.left = len(n.groups) + 1
	for i := range b.outs {
		o, cut := &b.outs[i], &n.outs[i]
		cut.batch, cut.stage = n, o.stage
		for k, rec := range o.recs {
			if int(rec) >= from && int(rec) < to {
				cut.msgs = append(cut.msgs, o.msgs[k])
				cut.recs = append(cut.recs, rec-int32(from))
			}
		}
	}
	for _, r := range b.rejects {
		if r.record >= from && r.record < to {
			n.rejects = append(n.rejects, rejected{r.record - from, r.why})
		}
	}
	return n
}

// giveBack returns records that were taken and not begun to their lanes, or
// drops them if the partition takes no more. The lane kept stays busy.
func (p *partition) giveBack(taken []lane.Taken[item], kept int32, gen uint64) (s settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active -= int64(len(taken))
	s.slot = taken[0].Slot
	p.tenants.waits(s.slot, -len(taken))
	if p.life == live && p.gen == gen {
		for i := range taken { // the housekeeping took these for queued and cloned
			if it := &taken[i].Item; it.seq < p.clonedTo {
				it.rec = cloneRecord(it.rec)
			}
		}
		p.lanes.Return(taken, kept)
		p.tenants.returned(s.slot, len(taken))
		s.ready = p.hasWork()
		return s
	}
	for i := range taken {
		s.bytes += int64(taken[i].Size)
		s.records++
		if taken[i].Lane != kept {
			p.lanes.Release(taken[i].Lane)
		}
	}
	s.sizes = s.bytes
	p.held -= s.bytes
	p.records -= s.records
	if p.active == 0 && p.life != live {
		p.closeDrained()
	}
	s.ready = p.hasWork()
	return s
}
