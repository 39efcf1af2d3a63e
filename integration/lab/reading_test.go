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
	report := func(state consumer.State, open, closed time.Duration) *consumer.Report {
		return &consumer.Report{State: state, TimeIn: map[consumer.State]time.Duration{consumer.StateOpen: open, consumer.StateHold: closed}}
	}
	for _, c := range []struct {
		what            string
		shaken          int64
		r               *consumer.Report
		steady, fetched bool
	}{
		{"nothing has happened", 0, report(consumer.StateOpen, 1, 0), true, true},
		{"it was shaken", 1, report(consumer.StateOpen, 2, 0), false, true},
		{"not again", 1, report(consumer.StateOpen, 3, 0), true, true},
		{"it held", 1, report(consumer.StateHold, 4, 1), true, false},
		{"it had just held", 1, report(consumer.StateOpen, 5, 2), true, false},
		{"it has not held since", 1, report(consumer.StateOpen, 6, 2), true, true},
		{"it was shaken while it held", 3, report(consumer.StateOpen, 7, 3), false, false},
	} {
		if steady, fetched := s.next(c.shaken, c.r); steady != c.steady || fetched != c.fetched {
			t.Errorf("%s: got %v, %v, want %v, %v", c.what, steady, fetched, c.steady, c.fetched)
		}
	}
}
