//go:build synctests

package consumer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// The sink of the fairness tests: so many calls at once, of so many messages,
// of so long at the mean. It can do 3,200 messages a second.
const (
	servers   = 8
	perCall   = 4
	callTime  = 10 * time.Millisecond
	coldRate  = 40 // records a second of each of nine
	hotRate   = 100 * coldRate
	hotFor    = 5 * time.Second
	coldCount = 9
)

// service is the ledger behind a real capacity.
type service struct {
	*ledger
	mu   sync.Mutex
	rnd  *rand.Rand
	acks []time.Time
}

func (s *service) Limits() sink.Limits { return sink.Limits{Messages: perCall} }

func (s *service) Write(ctx context.Context, batch []sink.Message) error {
	s.mu.Lock()
	took := callTime/2 + time.Duration(s.rnd.Int64N(int64(callTime)))
	s.mu.Unlock()
	time.Sleep(took)
	if err := s.ledger.Write(ctx, batch); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range batch {
		s.acks = append(s.acks, time.Now())
	}
	return nil
}

// between counts what was acknowledged in a span of time.
func (s *service) between(from, to time.Time) (n int) {
	for _, at := range s.acks {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// traffic is what one run of ten tenants showed.
type traffic struct {
	cold, hot []time.Duration // from produced to the effect
	goodput   float64         // of the sink's capacity, while there was more to do than it can
}

func (t traffic) p99() time.Duration {
	slices.Sort(t.cold)
	return t.cold[len(t.cold)*99/100]
}

// tenRun sends nine tenants' records, and those of a hot one, through a service,
// and checks that nothing was lost, repeated, out of order or over the budget.
func tenRun(t *testing.T, hot bool, tenant consumer.TenantConfig) (r traffic) {
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, 4, func(l *lab) {
			svc := &service{ledger: l.ledger, rnd: rand.New(rand.NewPCG(1, 2))}
			cfg := l.config()
			cfg.Memory = 64 << 20
			cfg.Tenant = tenant
			m := l.run(cfg, consumer.Pipeline{Sink: consumer.Output{
				Sink: svc, SinkConfig: consumer.SinkConfig{Limit: consumer.LimitConfig{Fixed: servers}},
			}})
			time.Sleep(2 * time.Second)
			sent := produceTenants(l, hot)
			from := time.Now().Add(-hotFor)
			l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == len(sent) })
			time.Sleep(2 * time.Second)
			report := m.Explain()
			m.mustEnd()
			if report.Totals.MaxHeld > int64(cfg.Memory) || report.HeldBytes != 0 || report.HeldRecords != 0 {
				t.Errorf("held %d bytes, and %d in %d records at the end", report.Totals.MaxHeld, report.HeldBytes, report.HeldRecords)
			}
			if n := l.ledger.duplicates(); n != 0 || len(l.ledger.violations()) > 0 {
				t.Errorf("%d duplicates, order: %v", n, l.ledger.violations())
			}
			for _, e := range l.ledger.effects {
				took := e.at.Sub(sent[sink.Position{Topic: topic, Partition: e.partition, Offset: e.offset}])
				if e.key[0] == 'h' {
					r.hot = append(r.hot, took)
				} else {
					r.cold = append(r.cold, took)
				}
			}
			// The backlog of the first second lasts to the end of what is sent.
			span := hotFor - time.Second
			r.goodput = float64(svc.between(from.Add(time.Second), from.Add(hotFor))) / (servers * perCall * float64(span) / float64(callTime))
		})
	})
	return r
}

// produceTenants sends in steps of 25 ms, as many tenants would, and returns when
// each record was.
func produceTenants(l *lab, hot bool) map[sink.Position]time.Time {
	sent := map[sink.Position]time.Time{}
	rnd := rand.New(rand.NewPCG(3, 4))
	const step = time.Second / coldRate
	n := 0
	record := func(tenant string, keys int) *kgo.Record {
		n++
		key := tenant + "-" + strconv.Itoa(rnd.IntN(keys))
		return &kgo.Record{
			Topic: topic, Partition: int32(len(key)+int(key[len(key)-1])) % 4, Key: []byte(key), Value: make([]byte, 100),
			Headers: []kgo.RecordHeader{{Key: "tenant", Value: []byte(tenant)}},
		}
	}
	for end := time.Now().Add(hotFor); time.Now().Before(end); {
		next := time.Now().Add(step)
		for i := range coldCount {
			var recs []*kgo.Record
			for range hotRate / coldRate / coldCount {
				if hot {
					recs = append(recs, record("hot", 1000))
				}
			}
			recs = append(recs, record(fmt.Sprintf("cold%d", i), 20))
			now := time.Now()
			l.write(recs...)
			for _, r := range recs {
				sent[sink.Position{Topic: topic, Partition: r.Partition, Offset: r.Offset}] = now
			}
			time.Sleep(step/coldCount - time.Duration(rnd.IntN(200))*time.Microsecond)
		}
		time.Sleep(time.Until(next))
	}
	return sent
}

// Ten tenants, one of which sends a hundred times more than each other and more
// than the sink can do.
func TestAHotTenantDelaysNobodyAndGetsTheRest(t *testing.T) {
	t.Parallel()
	byHeader := consumer.TenantConfig{Header: "tenant"}
	alone, fair, unfair := tenRun(t, false, byHeader), tenRun(t, true, byHeader), tenRun(t, true, consumer.TenantConfig{})
	t.Logf("p99 alone %v, beside the hot one %v, without tenants %v; goodput %.3f, %.3f",
		alone.p99(), fair.p99(), unfair.p99(), fair.goodput, unfair.goodput)
	if got, most := fair.p99(), alone.p99()*5/4; got > most {
		t.Errorf("p99 of the others is %v, want at most %v", got, most)
	}
	if fair.goodput < 0.95 {
		t.Errorf("the sink did %.3f of what it can, want 0.95", fair.goodput)
	}
	if got := unfair.p99(); got < 10*alone.p99() {
		t.Errorf("p99 without tenants is %v: nothing was overloaded", got)
	}
}
