package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
	"github.com/weir-kafka/weir/sink"
)

var p0 = ledger.Partition{Topic: "in", Partition: 0}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	var file bytes.Buffer
	l := ledger.NewLog(ledger.History{Ordered: "key", Progress: time.Minute, Grace: time.Second}, &file)
	l.Wrote(ledger.Record{Partition: p0, Offset: 3, Key: "k", Hash: 1<<63 + 1, Poison: true})
	l.Add(ledger.Event{Kind: ledger.Read, Partition: p0, Reading: &ledger.Reading{TrueLag: -1}}, ledger.Event{Kind: ledger.Rest})
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	whole := file.Len()
	file.WriteString(`{"event":{"kind":"eff`) // whoever wrote it was killed
	got, err := ledger.ReadHistory(bytes.NewReader(file.Bytes()))
	if err != nil || !reflect.DeepEqual(got, l.History()) {
		t.Errorf("got %+v, %v, want %+v", got, err, l.History())
	}
	file.Truncate(whole)
	file.WriteString("{}\n")
	if _, err := ledger.ReadHistory(&file); err == nil {
		t.Error("a line that is nothing was read")
	}
}

func TestASinkNotesWhatTookEffectAndWhetherItsCallerKnows(t *testing.T) {
	l := ledger.NewLog(ledger.History{}, nil)
	sessions := ledger.NewSessions(l)
	sessions.Assign(1, p0)
	s := &ledger.Sink{Log: l, Instance: 1, Outcome: ledger.Delivered, Sessions: sessions}
	batch := []sink.Message{{Key: []byte("a"), Source: sink.Position{Topic: "in", Offset: 4}}, {Source: sink.Position{Topic: "in", Offset: 5}}}
	call := s.Begin(batch)
	sessions.Revoke(1, true, p0)
	if err := call.End(t.Context(), func(i int) bool { return i == 1 }, errors.New("reset")); err == nil {
		t.Error("got no error, want the answer")
	}
	if err := s.Write(t.Context(), batch[:1]); err != nil {
		t.Error(err)
	}
	s.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, batch); err == nil {
		t.Error("a dead sink answered")
	}
	type seen struct {
		offset  int64
		session int
		unknown bool
	}
	var got []seen
	for _, e := range l.History().Events {
		if e.Kind == ledger.Effect {
			got = append(got, seen{e.Offset, e.Session, e.Unknown})
		}
	}
	if want := []seen{{5, 1, true}, {4, 1, false}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAssignedTwiceTheFirstSessionIsLost(t *testing.T) {
	l := ledger.NewLog(ledger.History{}, nil)
	s := ledger.NewSessions(l)
	s.Assign(1, p0)
	s.Assign(1, p0)
	s.Assign(2, p0)
	s.Lose(2, p0, p0)
	var got []ledger.Kind
	for _, e := range l.History().Events {
		got = append(got, e.Kind)
	}
	want := []ledger.Kind{ledger.Assigned, ledger.Lost, ledger.Assigned, ledger.Assigned, ledger.Lost}
	if !reflect.DeepEqual(got, want) || s.Of(1, p0) != 2 || s.Of(2, p0) != 3 || len(s.Held(1)) != 1 || len(s.Held(2)) != 0 {
		t.Errorf("got %v and sessions %d, %d, want %v, 2, 3", got, s.Of(1, p0), s.Of(2, p0), want)
	}
}

func commit(offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.MemberID = "m"
	req.Topics = []kmsg.OffsetCommitRequestTopic{{TopicID: [16]byte{1}, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: offset}}}}
	return req
}

func TestACommitIsTiedToItsAnswer(t *testing.T) {
	l := ledger.NewLog(ledger.History{}, nil)
	c := ledger.NewCommits(l, func([16]byte) string { return "in" })
	c.Member("m", 7)
	c.Received(commit(5)) // its answer is never seen
	c.Gone(commit(5))
	c.Received(commit(5))
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "in", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{ErrorCode: kerr.IllegalGeneration.Code}}}}
	c.Answered(commit(5), resp)
	c.Answered(commit(6), resp) // of nothing that was asked
	events := l.History().Events
	if len(events) != 3 {
		t.Fatalf("got %d events, want 3", len(events))
	}
	asked, answer := events[1], events[2]
	if answer.ID != asked.ID || answer.Code != "ILLEGAL_GENERATION" || asked.Instance != 7 || asked.Offset != 5 || asked.Partition != p0 {
		t.Errorf("got %+v and %+v", asked, answer)
	}
}

func TestTheAnswerToACommitIsThatOfItsOwnRequest(t *testing.T) {
	l := ledger.NewLog(ledger.History{}, nil)
	c := ledger.NewCommits(l, func([16]byte) string { return "in" })
	slow, fast, dead := commit(5), commit(5), commit(5)
	c.Arrived(dead)
	c.Gone(dead) // with its connection, before the broker had it
	for _, req := range []*kmsg.OffsetCommitRequest{slow, fast} {
		c.Arrived(req)
		c.Received(commit(5)) // as the broker has parsed it
	}
	answer := func(req *kmsg.OffsetCommitRequest, code int16) {
		resp := kmsg.NewPtrOffsetCommitResponse()
		resp.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "in", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{ErrorCode: code}}}}
		c.Answered(req, resp)
	}
	answer(fast, kerr.UnknownMemberID.Code)
	answer(slow, 0)
	events := l.History().Events
	if len(events) != 4 {
		t.Fatalf("got %d events, want 4", len(events))
	}
	if got := events[2]; got.ID != events[1].ID || got.Code != "UNKNOWN_MEMBER_ID" {
		t.Errorf("got %+v, want the answer to the second", got)
	}
	if got := events[3]; got.ID != events[0].ID || got.Code != "" {
		t.Errorf("got %+v, want the answer to the first", got)
	}
}
