//go:build synctests

package consumer_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// send writes n records of a tenant, each with a key of its own.
func (l *lab) send(tenant string, n, size int) {
	l.Helper()
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = &kgo.Record{
			Topic: topic, Key: []byte(tenant + strconv.Itoa(i)), Value: make([]byte, size),
			Headers: []kgo.RecordHeader{{Key: "tenant", Value: []byte("not this one")}, {Key: "tenant", Value: []byte(tenant)}},
		}
	}
	l.write(recs...)
}

func byTenant(l *lab) consumer.Config {
	cfg := l.config()
	cfg.Tenant.Header = "tenant"
	return cfg
}

// arrived is when the records of a tenant had their effect.
func (g *ledger) arrived(tenant string) (at []time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.effects {
		if e.key[:len(tenant)] == tenant {
			at = append(at, e.at)
		}
	}
	return at
}

func TestATenantHasNoMoreThanItsLimitInHandlersAndSinks(t *testing.T) {
	for name, handling := range map[string]time.Duration{"quick": 0, "slow": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) { limited(t, handling) })
	}
}

func limited(t *testing.T, handling time.Duration) {
	t.Helper()
	inLab(t, 1, func(l *lab) {
		cfg := byTenant(l)
		cfg.Tenant.Limit = 7
		var mu sync.Mutex
		now, most := map[byte]int{}, map[byte]int{}
		add := func(key []byte, n int) {
			mu.Lock()
			defer mu.Unlock()
			now[key[0]] += n
			most[key[0]] = max(most[key[0]], now[key[0]])
		}
		l.ledger.before = func(ctx context.Context, batch []sink.Message) error {
			time.Sleep(20 * time.Millisecond)
			for _, m := range batch {
				add(m.Key, -1)
			}
			return nil
		}
		m := l.run(cfg, l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			add(rec.Key, 1)
			time.Sleep(handling)
			emit(rec.Message())
			return nil
		})))
		l.send("a", 200, 10)
		l.send("b", 200, 10)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 400 })
		time.Sleep(2 * time.Second)
		m.mustEnd()
		l.settled(1, 400)
		for _, tenant := range []byte("ab") {
			if most[tenant] != 7 {
				t.Errorf("tenant %c had %d records at once, want 7", tenant, most[tenant])
			}
		}
	})
}

func TestATenantAtItsRateHoldsOnlyItself(t *testing.T) {
	for _, c := range []struct {
		rate consumer.Rate
		want float64 // seconds for 500 records of 1,000 bytes, key and headers
	}{
		{consumer.Rate{Count: 50}, 9.9},
		{consumer.Rate{Bytes: 100_000}, (500*1036 - 10_000) / 100_000.0},
	} {
		t.Run(c.rate.String(), func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				cfg := byTenant(l)
				cfg.Tenant.Rate = c.rate
				m := l.run(cfg, l.to(nil))
				time.Sleep(2 * time.Second)
				from := time.Now()
				l.send("hot", 500, 1000)
				time.Sleep(time.Second)
				l.send("cold", 5, 10)
				l.until(100*time.Millisecond, "the other", func() bool { return len(l.ledger.arrived("cold")) == 5 })
				rs := m.Explain().Tenants
				if len(rs) != 1 || rs[0].Name != "hot" || rs[0].Waits != "rate" || rs[0].InFlight != 0 {
					t.Errorf("report %+v, want that hot waits for its rate", rs)
				}
				l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 505 })
				at := l.ledger.arrived("hot")
				if got := at[len(at)-1].Sub(from).Seconds(); got < 0.95*c.want || got > 1.05*c.want {
					t.Errorf("took %.2f s, want %.2f", got, c.want)
				}
				time.Sleep(2 * time.Second)
				m.mustEnd()
				l.settled(1, 505)
			})
		})
	}
}

// A tenant may not get its burst again by having nothing for a moment.
func TestARateOutlastsAMomentWithoutRecords(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cfg := byTenant(l)
		cfg.Tenant.Rate.Count = 1
		l.ledger.unordered = true
		m := l.run(cfg, l.to(nil))
		time.Sleep(2 * time.Second)
		from := time.Now()
		for range 10 {
			l.send("a", 1, 10)
			time.Sleep(time.Second / 10)
		}
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 10 })
		if got := time.Since(from); got < 9*time.Second {
			t.Errorf("ten records took %v at one a second", got)
		}
		m.mustEnd()
	})
}

// Handlers that hang for one tenant leave workers for the others, also for those
// that come after.
func TestHandlersThatHangForATenantLeaveRoomForTheOthers(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Key[0] == 'h' {
				<-ctx.Done()
				return ctx.Err()
			}
			emit(rec.Message())
			return nil
		})
		m := l.run(byTenant(l), l.to(h))
		for i := range 3 {
			l.send(fmt.Sprintf("hang%d-", i), 2000, 10)
			l.until(time.Minute, "workers taken", func() bool { _, n, _ := m.TenantCounts(); return n > 400+80*min(i, 1) })
			time.Sleep(time.Second)
			l.send(fmt.Sprintf("good%d-", i), 50, 10)
			l.until(time.Second, "the others delivered", func() bool { return l.ledger.distinct() == 50*(i+1) })
		}
		m.mustEnd()
	})
}

// More tenants than are told apart, each with a rate: they share, and none is
// forgotten with records.
func TestMoreTenantsThanAreToldApart(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		cfg := byTenant(l)
		cfg.Tenant.Rate.Count = 100
		m := l.run(cfg, l.to(nil))
		const tenants = 3000
		for range 2 {
			var recs []*kgo.Record
			for i := range 2 * tenants {
				name := []byte(strconv.Itoa(i % tenants))
				recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i % 2), Key: name, Value: name, Headers: []kgo.RecordHeader{{Key: "tenant", Value: name}}})
			}
			l.write(recs...)
			time.Sleep(time.Second)
		}
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 4*tenants })
		time.Sleep(2 * time.Second)
		if waiting, handling, out := m.TenantCounts(); waiting != 0 || handling != 0 || out != 0 {
			t.Errorf("still counts %d waiting, %d handled, %d held", waiting, handling, out)
		}
		m.mustEnd()
		l.settled(2, 2*tenants)
	})
}

// With order: none a tenant has a queue of its own.
func TestWithoutOrderAHotTenantIsNotInTheWay(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cfg := byTenant(l)
		cfg.Order = consumer.OrderNone
		cfg.Tenant.Limit = 10
		l.ledger.unordered = true
		l.ledger.before = func(context.Context, []sink.Message) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		m := l.run(cfg, l.to(nil))
		time.Sleep(2 * time.Second)
		l.send("hot", 2000, 10)
		time.Sleep(time.Second)
		l.send("cold", 10, 10)
		l.until(250*time.Millisecond, "the other", func() bool { return len(l.ledger.arrived("cold")) == 10 })
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 2010 })
		m.mustEnd()
	})
}

// What one tenant holds of a full memory is named.
func TestATenantOverItsShareIsNamed(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cfg := byTenant(l)
		cfg.Memory = 16 << 20
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}
		m := l.run(cfg, l.to(nil))
		l.send("cold", 5, 10)
		l.send("hot", 200, 100<<10)
		l.until(time.Minute, "named", func() bool {
			r := m.Explain()
			return len(r.Reasons) > 1 && r.Reasons[0] == "memory" && r.Reasons[1] == "tenant over its share" && r.Tenants[0].Name == "hot"
		})
		m.mustEnd()
	})
}

// Partitions that go while tenants wait take nothing of theirs along.
func TestTenantsThatWaitSurviveARebalance(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		cfg := byTenant(l)
		cfg.Tenant.Limit = 20
		cfg.Tenant.Rate.Count = 500
		l.ledger.before = func(context.Context, []sink.Message) error {
			time.Sleep(5 * time.Millisecond)
			return nil
		}
		first := l.run(cfg, l.to(nil))
		time.Sleep(2 * time.Second)
		var recs []*kgo.Record
		for i := range 6000 {
			name := strconv.Itoa(i % 3)
			recs = append(recs, &kgo.Record{
				Topic: topic, Partition: int32(i % 4), Key: []byte(strconv.Itoa(i % 200)), Value: []byte("v"),
				Headers: []kgo.RecordHeader{{Key: "tenant", Value: []byte(name)}},
			})
		}
		l.write(recs...)
		time.Sleep(time.Second)
		second := l.run(cfg, l.to(nil))
		time.Sleep(time.Second)
		second.mustEnd()
		second = l.run(cfg, l.to(nil))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 6000 })
		time.Sleep(2 * time.Second)
		for _, m := range []*member{first, second} {
			if waiting, handling, out := m.TenantCounts(); waiting != 0 || handling != 0 || out != 0 {
				t.Errorf("still counts %d waiting, %d handled, %d held", waiting, handling, out)
			}
			m.mustEnd()
		}
		l.settled(4, 1500)
	})
}
