package consumer

import (
	"slices"
	"time"

	"github.com/weir-kafka/weir/consumer/internal/lane"
)

// settled is what changed when records became terminal, to be told to the rest
// of the consumer once the partition's mu is free.
type settled struct {
	bytes, records int64  // no longer held
	made           int64  // bytes that handlers made and that are now held; negative when freed
	slot           int32  // of the tenant whose they were
	sizes          int64  // of records, in bytes
	done           int64  // with an outcome that may be committed
	over           *batch // nobody knows it any more
	ready          bool   // the partition has work for the handler stage
	due            time.Time
}

// ack marks messages [from, to) of o as acknowledged; a record is done with its
// last message.
func (p *partition) ack(o *out, from, to int) (s settled) {
	o.stage.load.ended.Add(int64(to - from))
	p.mu.Lock()
	defer p.mu.Unlock()
	s.slot = o.batch.slot
	if o.batch.even == o && to-from == len(o.msgs) {
		p.batchEnded(o.batch, &s)
	} else {
		for k := from; k < to; k++ {
			p.messageEnded(o.batch, int(o.recs[k]), &s)
		}
		clear(o.msgs[from:to]) // the batch may wait for others for long
	}
	s.ready = p.hasWork()
	return s
}

// batchEnded is ack for a batch whose records all became done with one call.
func (p *partition) batchEnded(b *batch, s *settled) {
	n := int64(len(b.taken))
	if b.gen == p.gen && p.life <= draining {
		p.runsDone(b.taken)
		p.uncommitted += n
		s.done += n
	}
	for i := range b.taken {
		s.bytes += int64(b.taken[i].Size)
	}
	s.records += n
	s.sizes += s.bytes
	p.held -= s.bytes
	p.records -= n
	if p.active -= n; p.active == 0 && p.life != live {
		p.closeDrained()
	}
	for g := range b.groups {
		p.groupEnded(b, &b.groups[g], s)
	}
}

// runsDone marks records as done, those at once that were dispatched one after the other.
func (p *partition) runsDone(taken []lane.Taken[item]) {
	for from, to := 0, 1; to <= len(taken); to++ {
		if seq := taken[from].Item.seq; to == len(taken) || taken[to].Item.seq != seq+uint64(to-from) {
			p.tracker.DoneRun(seq, to-from)
			from = to
		}
	}
}

// abandon drops messages [from, to) of o: their records are not done, and will
// be delivered to whoever owns the partition next.
func (p *partition) abandon(o *out, from, to int) (s settled) {
	o.stage.load.ended.Add(int64(to - from))
	p.mu.Lock()
	defer p.mu.Unlock()
	o.batch.plain, o.batch.even = false, nil
	s.slot = o.batch.slot
	for k := from; k < to; k++ {
		i := int(o.recs[k])
		o.batch.states[i].dead = true
		o.batch.states[i].handled = false
		p.messageEnded(o.batch, i, &s)
	}
	clear(o.msgs[from:to])
	s.ready = p.hasWork()
	return s
}

// handled is told once by the handler stage, when every record of b that could
// be handled was, and before any message of b is written.
func (p *partition) handled(b *batch, extra int64) (s settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.extra, s.slot = extra, b.slot
	p.held += extra
	s.bytes -= extra
	s.made += extra
	even := b.plain // and each record became one message
	for i := range b.states {
		st := &b.states[i]
		if st.handled {
			b.groups[st.group].left++
		}
		even = even && st.wait == 1
	}
	if even {
		b.findEven()
		s.ready = p.hasWork()
		return s
	}
	for i := range b.states {
		if st := &b.states[i]; st.handled && st.wait == 0 {
			p.recordEnded(b, i, true, &s)
		}
	}
	for g := range b.groups { // groups whose first record must be handled again
		if b.groups[g].left == 0 && b.groups[g].redo != nil {
			p.groupEnded(b, &b.groups[g], &s)
		}
	}
	s.ready = p.hasWork()
	return s
}

// grow counts bytes that were made for b, until it ends.
func (p *partition) grow(b *batch, bytes int64) settled {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.extra += bytes
	p.held += bytes
	return settled{bytes: -bytes, made: bytes}
}

// findEven looks for the out that has the messages of all records, of which each
// has one.
func (b *batch) findEven() {
	for i := range b.outs {
		if len(b.outs[i].msgs) == len(b.taken) {
			b.even = &b.outs[i]
		}
	}
}

// dispatched is told once by whoever dispatched b, which it must not touch after.
func (p *partition) dispatched(b *batch) (s settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partEnded(b, &s)
	return s
}

// partEnded counts down what b waits for.
func (p *partition) partEnded(b *batch, s *settled) {
	if b.left--; b.left > 0 {
		return
	}
	p.held -= b.extra
	s.bytes += b.extra
	s.made -= b.extra
	b.extra = 0
	if b.plain {
		s.over = b
	}
}

// failed says that a call with messages of b did not simply succeed.
func (p *partition) failed(b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.plain, b.even = false, nil
}

func (p *partition) messageEnded(b *batch, i int, s *settled) {
	st := &b.states[i]
	if st.wait--; st.wait == 0 {
		p.recordEnded(b, i, st.handled, s)
	}
}

// recordEnded accounts for a terminal record; done says that it may be
// committed. On a dead epoch only the accounting is left to do.
func (p *partition) recordEnded(b *batch, i int, done bool, s *settled) {
	t := &b.taken[i]
	if done && b.gen == p.gen && p.life <= draining {
		p.tracker.Done(t.Item.seq)
		p.uncommitted++
		s.done++
	}
	p.free(b, i, s)
	g := &b.groups[b.states[i].group]
	if !done && g.next != nil {
		g.next.broken = true
	}
	if g.left--; g.left == 0 {
		p.groupEnded(b, g, s)
	}
}

func (p *partition) free(b *batch, i int, s *settled) {
	size := int64(b.taken[i].Size)
	if b.plain {
		b.taken[i].Item.rec.Recycle()
	}
	b.taken[i].Item.rec = nil
	p.held -= size
	p.records--
	s.bytes += size
	s.sizes += size
	s.records++
	if p.active--; p.active == 0 && p.life != live {
		p.closeDrained()
	}
}

// groupEnded gives the lane back, or asks the handler again for the rest of the
// group: it was waiting for what came before it to be acknowledged.
func (p *partition) groupEnded(b *batch, g *group, s *settled) {
	p.partEnded(b, s)
	r := g.redo
	switch {
	case g.next != nil: // the lane goes to those behind
		close(g.next.ended)
		return
	case r == nil:
		p.lanes.Release(g.lane)
		return
	}
	g.redo = nil
	p.active -= int64(len(r.taken))
	if p.life == live && b.gen == p.gen {
		p.park(r, s)
		return
	}
	for i := range r.taken { // the next owner gets them
		p.held -= int64(r.taken[i].Size)
		p.records--
		s.bytes += int64(r.taken[i].Size)
		s.sizes += int64(r.taken[i].Size)
		s.records++
	}
	p.lanes.Release(g.lane)
	if p.active == 0 && p.life != live {
		p.closeDrained()
	}
}

// park keeps r until it is due. What is parked shares no memory with a fetch.
func (p *partition) park(r *redo, s *settled) {
	p.tenants.rests(r.taken[0].Slot, len(r.taken))
	for i := range r.taken {
		r.taken[i].Item.rec = cloneRecord(r.taken[i].Item.rec)
	}
	if !r.due.After(p.now()) {
		p.redos = append(p.redos, r)
		return
	}
	p.parked = append(p.parked, r)
	if s.due.IsZero() || r.due.Before(s.due) {
		s.due = r.due
	}
}

// wake moves what is due from parked to the front of the work, and returns when
// to come again.
func (p *partition) wake() (s settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.parked = slices.DeleteFunc(p.parked, func(r *redo) bool {
		if r.due.After(now) {
			if s.due.IsZero() || r.due.Before(s.due) {
				s.due = r.due
			}
			return false
		}
		p.redos = append(p.redos, r)
		return true
	})
	s.ready = p.hasWork()
	return s
}

func (p *partition) hasWork() bool {
	return p.life == live && (len(p.redos) > 0 || p.lanes.Ready())
}

func (p *partition) closeDrained() {
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}
