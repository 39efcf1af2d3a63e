package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/ledger"
)

// Scraped is what a process says of itself.
type Scraped struct {
	Metrics map[string]float64
	consumer.Report
}

// truth is where a partition is, from the broker.
type truth struct{ committed, end int64 }

// Scrape asks a process for its metrics and its report, and notes what they say of
// its partitions with the truth beside it. It is for one goroutine, about once a
// second. What the process can not know it is not asked: after a fault that reached
// it or its broker, and of the end of a log while it did not fetch.
func (m *Member) Scrape(ctx context.Context) (s Scraped, err error) {
	if s.Metrics, err = m.Metrics(ctx); err != nil {
		return s, err
	}
	if s.Report, err = m.Explain(ctx); err != nil {
		return s, err
	}
	known, err := m.lab.truth(ctx)
	steady, fetched := m.scrape.next(time.Now(), m.shaken.Load(), m.lab.shaken.Load(), &s.Report)
	m.lab.Log.Add(m.readings(&s, known, steady && err == nil, fetched)...)
	return s, nil
}

// scrape is what one sees that the next must know.
type scrape struct {
	at             time.Time
	member, broker int64         // beginnings and ends of faults
	found          time.Time     // when the broker was last seen shaken
	closed         time.Duration // for how long nothing was fetched, ever
}

const (
	// hurried is a scrape too soon after another, which was late: what was answered
	// at the one need not be known at the other.
	hurried = 500 * time.Millisecond
	// backOff is more than the client waits before it asks a broker again that has not
	// answered: two seconds and a half.
	backOff = 5 * time.Second
)

// next reports whether nothing has shaken the process since the scrape before, and
// whether it fetched all the time.
func (s *scrape) next(now time.Time, member, broker int64, r *consumer.Report) (steady, fetched bool) {
	was := *s
	*s = scrape{at: now, member: member, broker: broker, found: was.found}
	for state, in := range r.TimeIn {
		if state != consumer.StateOpen {
			s.closed += in
		}
	}
	if broker != was.broker {
		s.found = now
	}
	steady = member == was.member && broker == was.broker && now.Sub(was.at) >= hurried
	return steady, r.State == consumer.StateOpen && s.closed == was.closed && now.Sub(s.found) >= backOff
}

// readings has one for each partition of which the process says anything: the lag
// as the metrics have it, the rest from the report.
func (m *Member) readings(s *Scraped, known map[int32]truth, steady, fetched bool) (events []ledger.Event) {
	reports := map[int32]*consumer.PartitionReport{}
	for i := range s.Partitions {
		reports[s.Partitions[i].Partition] = &s.Partitions[i]
	}
	for n := range int32(Partitions) {
		lag, exported := s.Metrics[fmt.Sprintf(`weir_partition_lag_records{partition="%d",topic="%s"}`, n, Topic)]
		p := reports[n]
		if p == nil && !exported {
			continue
		}
		r := ledger.Reading{Lag: -1, Committed: -1, InFlight: -1, TrueLag: -1, TrueCommitted: -1, TrueInFlight: -1}
		if exported {
			r.Lag = int64(lag)
		}
		if p != nil {
			r.Committed, r.InFlight = p.Committed, p.HeldRecords
		}
		if k, ok := known[n]; ok && steady {
			r.TrueCommitted = k.committed
			if fetched && p != nil && p.State == consumer.StateOpen {
				r.TrueLag = k.end - k.committed
			}
		}
		events = append(events, ledger.Event{
			Kind: ledger.Read, Instance: m.N, Partition: ledger.Partition{Topic: Topic, Partition: n}, Reading: &r,
		})
	}
	return events
}

// truth asks the broker for what is committed, and then for the ends. A partition
// of which nothing is committed is left out.
func (l *Lab) truth(ctx context.Context) (map[int32]truth, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ask := kadm.NewClient(l.producer.client)
	committed, err := ask.FetchOffsets(ctx, Group)
	if err != nil {
		return nil, fmt.Errorf("what is committed: %w", err)
	}
	ends, err := ask.ListEndOffsets(ctx, Topic)
	if err != nil {
		return nil, fmt.Errorf("the ends of the log: %w", err)
	}
	known := map[int32]truth{}
	for n := range int32(Partitions) {
		c, ok := committed.Lookup(Topic, n)
		e, there := ends.Lookup(Topic, n)
		if ok && there && c.Err == nil && e.Err == nil && c.At >= 0 {
			known[n] = truth{c.At, e.Offset}
		}
	}
	return known, nil
}
