package lab

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// frame is a request or an answer behind the part of its header that all have.
func frame(v body, version int16) *kbin.Reader {
	v.SetVersion(version)
	return &kbin.Reader{Src: write(nil, v)}
}

// talk is a member and its group.
type talk struct {
	*testing.T
	m *Member
}

func (t *talk) ask(req kmsg.Request, version int16, want string) {
	t.Helper()
	id, err := t.m.asksGroup(kmsg.Key(req.Key()), version, frame(req, version))
	if err != nil || id != want {
		t.Errorf("%T: got id %q, %v; want %q", req, id, err, want)
	}
}

func (t *talk) answer(resp kmsg.Response, version int16, id string) {
	t.Helper()
	if err := t.m.groupAnswers(kmsg.Key(resp.Key()), version, id, frame(resp, version)); err != nil {
		t.Errorf("%T: %v", resp, err)
	}
}

func TestWhatAMemberAndItsGroupSayIsNoted(t *testing.T) {
	t.Parallel()
	log := ledger.NewLog(ledger.History{}, nil)
	w := &talk{t, &Member{N: 1, lab: &Lab{Log: log, journal: &journal{}}}}
	join := func(id string) {
		w.ask(&kmsg.JoinGroupRequest{MemberID: id}, 9, id)
	}
	joined := func(asked, id string, code int16) {
		w.answer(&kmsg.JoinGroupResponse{MemberID: id, ErrorCode: code}, 9, asked)
	}
	synced := func(id string, code int16) {
		w.ask(&kmsg.SyncGroupRequest{MemberID: id}, 5, id)
		w.answer(&kmsg.SyncGroupResponse{ErrorCode: code}, 5, id)
	}
	beat := func(id string, code int16) {
		w.ask(&kmsg.HeartbeatRequest{MemberID: id}, 4, id)
		w.answer(&kmsg.HeartbeatResponse{ErrorCode: code}, 4, id)
	}
	committed := func(id string, code int16) {
		w.m.commitAnswered(id, &kmsg.OffsetCommitResponse{Topics: []kmsg.OffsetCommitResponseTopic{{
			Partitions: []kmsg.OffsetCommitResponseTopicPartition{{ErrorCode: code}},
		}}})
	}
	for _, step := range []struct {
		name string
		do   func()
		want []ledger.Kind
	}{
		{"the first join, without an id", func() { join(""); joined("", "a", kerr.MemberIDRequired.Code) }, []ledger.Kind{ledger.Joins}},
		{"with one", func() { join("a"); joined("a", "a", 0) }, []ledger.Kind{ledger.Joins}},
		{"others join too", func() { synced("a", kerr.RebalanceInProgress.Code) }, []ledger.Kind{ledger.Asked}},
		{"a place", func() { join("a"); joined("a", "a", 0); synced("a", 0) }, []ledger.Kind{ledger.Joins, ledger.Settled}},
		{"heartbeats and commits", func() { beat("a", 0); committed("a", 0) }, nil},
		{"asked to join", func() { beat("a", kerr.RebalanceInProgress.Code) }, []ledger.Kind{ledger.Asked}},
		{"a commit of an old generation", func() { committed("a", kerr.IllegalGeneration.Code) }, []ledger.Kind{ledger.Asked}},
		{"thrown out", func() { beat("a", kerr.UnknownMemberID.Code) }, []ledger.Kind{ledger.Out}},
		{"thrown out, says a commit", func() { committed("a", kerr.UnknownMemberID.Code) }, []ledger.Kind{ledger.Out}},
		{"another generation", func() { beat("a", kerr.IllegalGeneration.Code) }, []ledger.Kind{ledger.Out}},
		{"under an id that is no more", func() { join("a"); joined("a", "", kerr.UnknownMemberID.Code) }, []ledger.Kind{ledger.Joins, ledger.Out}},
		{"under another", func() { join(""); joined("", "b", kerr.MemberIDRequired.Code); join("b"); joined("b", "b", 0) }, []ledger.Kind{ledger.Joins, ledger.Joins}},
		{"what was asked under the old", func() { committed("a", kerr.UnknownMemberID.Code); beat("a", kerr.RebalanceInProgress.Code) }, nil},
		{"leave", func() { w.ask(&kmsg.LeaveGroupRequest{}, 5, "") }, []ledger.Kind{ledger.Leaves}},
	} {
		before := len(log.History().Events)
		step.do()
		var got []ledger.Kind
		for _, e := range log.History().Events[before:] {
			if e.Instance != 1 {
				t.Errorf("%s: got instance %d, want 1", step.name, e.Instance)
			}
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
}
