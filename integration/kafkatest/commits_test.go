package kafkatest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// committedAll checks that the group is committed to the end of every partition.
func (l *lab) committedAll() {
	l.Helper()
	for _, behind := range l.uncommitted() {
		l.Error(behind)
	}
}

// uncommitted returns where the group is not committed to the end.
func (l *lab) uncommitted() (behind []string) {
	l.Helper()
	var ends kadm.ListedOffsets
	var committed kadm.OffsetResponses
	l.until(30*time.Second, "offsets of the group", func() bool { // a connection may have died with its broker
		var one, two error
		ends, one = l.c.Admin().ListEndOffsets(l.Context(), l.topic)
		committed, two = l.c.Admin().FetchOffsets(l.Context(), l.group)
		return one == nil && two == nil
	})
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition)
		if end.Err != nil || at.Err != nil || at.At != end.Offset {
			behind = append(behind, fmt.Sprintf("partition %d: committed %d, want %d (%v, %v)", end.Partition, at.At, end.Offset, end.Err, at.Err))
		}
	})
	return behind
}

// regressions reads the log of commits as the coordinators wrote it, and returns
// where the group's went back.
func (l *lab) regressions() (back []string) {
	l.Helper()
	last := map[int32]int64{}
	commits := 0
	l.readCommits(func(partition int32, at int64) {
		commits++
		if at < last[partition] {
			back = append(back, fmt.Sprintf("partition %d: committed %d after %d", partition, at, last[partition]))
		}
		last[partition] = at
	})
	l.Logf("%d commits in the log of the coordinators, %d went back", commits, len(back))
	return back
}

func (l *lab) readCommits(each func(partition int32, at int64)) {
	l.Helper()
	const internal = "__consumer_offsets"
	ctx, cancel := context.WithTimeout(l.Context(), time.Minute)
	defer cancel()
	var ends kadm.ListedOffsets
	l.until(30*time.Second, "the ends of the commits", func() bool {
		var err error
		ends, err = l.c.Admin().ListEndOffsets(ctx, internal)
		return err == nil
	})
	left := map[int32]int64{}
	for _, e := range ends[internal] {
		if e.Offset > 0 {
			left[e.Partition] = e.Offset
		}
	}
	cl := l.c.Client(l.T, kgo.ConsumeTopics(internal), kgo.KeepControlRecords(), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			l.Errorf("reading the commits: %v; %v left", ctx.Err(), left)
			return
		}
		fs.EachRecord(func(r *kgo.Record) {
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
			if partition, at, ok := l.parseCommit(r); ok {
				each(partition, at)
			}
		})
	}
}

// parseCommit reads a record of the coordinator; a key of version 0 or 1 is a commit.
func (l *lab) parseCommit(r *kgo.Record) (partition int32, at int64, ok bool) {
	var key kmsg.OffsetCommitKey
	var value kmsg.OffsetCommitValue
	if r.Attrs.IsControl() || len(r.Key) < 2 || r.Key[0] != 0 || r.Key[1] > 1 || r.Value == nil {
		return 0, 0, false
	}
	if key.ReadFrom(r.Key) != nil || value.ReadFrom(r.Value) != nil || key.Group != l.group || key.Topic != l.topic {
		return 0, 0, false
	}
	return key.Partition, value.Offset, true
}

// The check itself sees a commit that goes back, which no broker refuses.
func TestACommitThatGoesBackIsSeen(t *testing.T) {
	t.Parallel()
	l := newLab(t, shared(t, oneNode), 1)
	for _, at := range []int64{10, 20, 5, 30} {
		var os kadm.Offsets = map[string]map[int32]kadm.Offset{}
		os.Add(kadm.Offset{Topic: l.topic, Partition: 0, At: at, LeaderEpoch: -1})
		must(t, l.c.Admin().CommitAllOffsets(t.Context(), l.group, os))
	}
	if got := l.regressions(); len(got) != 1 {
		t.Errorf("saw %q, want one step back", got)
	}
}
