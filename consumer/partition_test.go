package consumer

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/consumer/internal/lane"
)

// records makes n records from offset on.
func records(offset int64, n int, epoch int32) []*kgo.Record {
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = &kgo.Record{Offset: offset + int64(i), LeaderEpoch: epoch}
	}
	return recs
}

// The broker here can not cut its log under a consumer, so this is told to the
// partition.
func TestTheLagOfACutLogCountsToItsNewEnd(t *testing.T) {
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0})
	p.push(records(0, 100, 1), 100)
	if r := p.push(records(40, 5, 2), 45); !r.reset {
		t.Fatal("a later epoch at an earlier offset is no reset")
	}
	p.committed = 45
	if got := p.report(time.Now()).Lag; got != 0 {
		t.Errorf("lag %d, want 0", got)
	}
}
