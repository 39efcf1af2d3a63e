package lab

import (
	"reflect"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/ledger"
)

func TestAReadingIsWhatIsSaidBesideWhatIsTrue(t *testing.T) {
	t.Parallel()
	const lag = `weir_partition_lag_records{partition="3",topic="orders"}`
	said := consumer.PartitionReport{Topic: Topic, Partition: 3, State: consumer.StateOpen, Committed: 5, HeldRecords: 2, Lag: 99}
	paused := said
	paused.State = consumer.StatePaused
	known := map[int32]truth{3: {6, 10}}
	for name, c := range map[string]struct {
		metrics         map[string]float64
		report          []consumer.PartitionReport
		known           map[int32]truth
		steady, fetched bool
		want            *ledger.Reading
	}{
		"nothing is said":              {nil, nil, known, true, true, nil},
		"all":                          {map[string]float64{lag: 4}, []consumer.PartitionReport{said}, known, true, true, &ledger.Reading{Lag: 4, TrueLag: 4, Committed: 5, TrueCommitted: 6, InFlight: 2, TrueInFlight: -1}},
		"it was shaken":                {map[string]float64{lag: 4}, []consumer.PartitionReport{said}, known, false, true, &ledger.Reading{Lag: 4, TrueLag: -1, Committed: 5, TrueCommitted: -1, InFlight: 2, TrueInFlight: -1}},
		"it did not fetch":             {map[string]float64{lag: 4}, []consumer.PartitionReport{said}, known, true, false, &ledger.Reading{Lag: 4, TrueLag: -1, Committed: 5, TrueCommitted: 6, InFlight: 2, TrueInFlight: -1}},
		"that partition is paused":     {map[string]float64{lag: 4}, []consumer.PartitionReport{paused}, known, true, true, &ledger.Reading{Lag: 4, TrueLag: -1, Committed: 5, TrueCommitted: 6, InFlight: 2, TrueInFlight: -1}},
		"nobody knows":                 {map[string]float64{lag: 4}, []consumer.PartitionReport{said}, nil, true, true, &ledger.Reading{Lag: 4, TrueLag: -1, Committed: 5, TrueCommitted: -1, InFlight: 2, TrueInFlight: -1}},
		"a metric is left from before": {map[string]float64{lag: 4}, nil, known, true, true, &ledger.Reading{Lag: 4, TrueLag: -1, Committed: -1, TrueCommitted: 6, InFlight: -1, TrueInFlight: -1}},
		"a metric is missing":          {nil, []consumer.PartitionReport{said}, known, true, true, &ledger.Reading{Lag: -1, TrueLag: 4, Committed: 5, TrueCommitted: 6, InFlight: 2, TrueInFlight: -1}},
	} {
		s := &Scraped{Metrics: c.metrics, Report: consumer.Report{Partitions: c.report}}
		got := (&Member{N: 1}).readings(s, c.known, c.steady, c.fetched)
		var want []ledger.Event
		if c.want != nil {
			want = []ledger.Event{{Kind: ledger.Read, Instance: 1, Partition: ledger.Partition{Topic: Topic, Partition: 3}, Reading: c.want}}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
			for _, e := range got {
				t.Logf("%+v", *e.Reading)
			}
		}
	}
}

func TestAProcessKnowsWhatWasSoSinceTheScrapeBefore(t *testing.T) {
	t.Parallel()
	var s scrape
	const open, hold = consumer.StateOpen, consumer.StateHold
	for _, c := range []struct {
		what            string
		at              float64 // seconds
		member, broker  int64
		state           consumer.State
		closed          time.Duration
		steady, fetched bool
	}{
		{"nothing has happened", 1, 0, 0, open, 0, true, true},
		{"it was shaken", 2, 1, 0, open, 0, false, true},
		{"not again", 3, 1, 0, open, 0, true, true},
		{"it held", 4, 1, 0, hold, 1, true, false},
		{"it had just held", 5, 1, 0, open, 2, true, false},
		{"it has not held since", 6, 1, 0, open, 2, true, true},
		{"it was shaken while it held", 7, 3, 0, open, 3, false, false},
		{"another scrape at once", 7.1, 3, 0, open, 3, false, true},
		{"and one in time", 8.1, 3, 0, open, 3, true, true},
		{"the broker was away", 9, 3, 2, open, 3, false, false},
		{"it may wait before it asks again", 13, 3, 2, open, 3, true, false},
		{"it has asked", 14, 3, 2, open, 3, true, true},
	} {
		r := &consumer.Report{State: c.state, TimeIn: map[consumer.State]time.Duration{open: time.Hour, hold: c.closed}}
		now := time.Time{}.Add(time.Hour + time.Duration(c.at*float64(time.Second)))
		if steady, fetched := s.next(now, c.member, c.broker, r); steady != c.steady || fetched != c.fetched {
			t.Errorf("%s: got %v, %v, want %v, %v", c.what, steady, fetched, c.steady, c.fetched)
		}
	}
}
