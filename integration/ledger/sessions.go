package ledger

import "sync"

// Sessions numbers the assignments of partitions to instances, and writes when
// they begin and end.
type Sessions struct {
	log *Log

	mu     sync.Mutex
	number int
	last   map[owner]int // open or not
	open   map[owner]int
}

type owner struct {
	instance  int
	partition Partition
}

// NewSessions returns sessions of which none has begun.
func NewSessions(l *Log) *Sessions {
	return &Sessions{log: l, last: make(map[owner]int), open: make(map[owner]int)}
}

// Assign begins sessions. One that the instance has still open for the same
// partition is lost with that.
func (s *Sessions) Assign(instance int, ps ...Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.end(instance, p, Event{Kind: Lost})
		s.number++
		s.open[owner{instance, p}], s.last[owner{instance, p}] = s.number, s.number
		s.log.Add(Event{Kind: Assigned, Instance: instance, Session: s.number, Partition: p})
	}
}

// Revoke ends the sessions of the instance in ps that are open.
func (s *Sessions) Revoke(instance int, clean bool, ps ...Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.end(instance, p, Event{Kind: Revoked, Clean: clean})
	}
}

// Lose ends the sessions of the instance in ps that are open.
func (s *Sessions) Lose(instance int, ps ...Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.end(instance, p, Event{Kind: Lost})
	}
}

func (s *Sessions) end(instance int, p Partition, e Event) { // under mu
	o := owner{instance, p}
	if e.Session = s.open[o]; e.Session == 0 {
		return
	}
	delete(s.open, o)
	e.Instance, e.Partition = instance, p
	s.log.Add(e)
}

// Of returns the last session of an instance in a partition, whether it is over
// or not, 0 when there was none.
func (s *Sessions) Of(instance int, p Partition) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[owner{instance, p}]
}

// Held returns the partitions of which the instance has a session.
func (s *Sessions) Held(instance int) (ps []Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := range s.open {
		if o.instance == instance {
			ps = append(ps, o.partition)
		}
	}
	return ps
}
