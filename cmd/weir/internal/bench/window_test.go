package bench

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func TestQuotasAreEqualAsFarAsThereAreRecords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		have []int64
		n    int64
		want []int64
	}{
		"equal":                      {[]int64{100, 100, 100}, 30, []int64{10, 10, 10}},
		"what one lacks others give": {[]int64{100, 4, 100}, 30, []int64{13, 4, 13}},
		"all there is":               {[]int64{1, 2, 3}, 100, []int64{1, 2, 3}},
		"one has nearly all":         {[]int64{0, 1_000_000, 0, 5}, 1000, []int64{0, 995, 0, 5}},
		"none":                       {[]int64{0, 0}, 10, []int64{0, 0}},
		"fewer records than shares":  {[]int64{9, 9, 9}, 2, []int64{1, 1, 0}},
		"no partition":               {nil, 10, []int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := quotas(tt.have, tt.n)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			var sum int64
			for _, q := range got {
				sum += q
			}
			if sum > tt.n {
				t.Errorf("got %d records in all, want %d at most", sum, tt.n)
			}
		})
	}
}

func twoPartitions() *window {
	return &window{records: 5, shares: []share{
		{span{"orders", 0, 10, 100}, 12, 3},
		{span{"orders", 2, 0, 9}, 7, 2}, // 5 and 7: there is a gap
		{span{"orders", 3, 4, 4}, -1, 0},
	}}
}

func TestTheHandlerSeesTheWindowAndNothingElse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []int64
	warmed := 0
	m := newMeter(twoPartitions(), handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, int64(rec.Partition)*100+rec.Offset)
		emit(rec.Message())
		return nil
	}), 3, func() { warmed++ })
	emitted := 0
	give := func(partition int32, offset int64) {
		t.Helper()
		rec := &handlers.Record{Topic: "orders", Partition: partition, Offset: offset}
		if err := m.Handle(t.Context(), rec, func(sink.Message) { emitted++ }); err != nil {
			t.Error(err)
		}
	}
	all := func() bool {
		select {
		case <-m.all:
			return true
		default:
			return false
		}
	}
	for _, at := range [][2]int64{{0, 10}, {0, 12}, {0, 11}, {0, 13}, {3, 4}, {9, 0}, {2, 5}} {
		give(int32(at[0]), at[1])
	}
	if all() {
		t.Error("all is done before the last record of partition 2")
	}
	give(2, 7)
	give(2, 7) // again, as a retry
	if !all() {
		t.Error("all is not done after the last record of both partitions")
	}
	if want := []int64{10, 12, 11, 205, 207, 207}; !slices.Equal(got, want) {
		t.Errorf("the handler got %v, want %v", got, want)
	}
	if emitted != 6 || m.beyond.Load() != 3 || warmed != 1 {
		t.Errorf("emitted %d, beyond %d, warmed %d times; want 6, 3, 1", emitted, m.beyond.Load(), warmed)
	}
}
