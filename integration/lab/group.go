package lab

import (
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// asksGroup notes a request to the group before the group has it, and returns the
// member id in it.
func (m *Member) asksGroup(key kmsg.Key, version int16, b *kbin.Reader) (id string, err error) {
	req := key.Request()
	if err := read(b, req, version); err != nil {
		return "", err
	}
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		m.notes(ledger.Joins, "")
		return r.MemberID, nil
	case *kmsg.SyncGroupRequest:
		return r.MemberID, nil
	case *kmsg.HeartbeatRequest:
		return r.MemberID, nil
	case *kmsg.LeaveGroupRequest:
		m.notes(ledger.Leaves, "")
	}
	return "", nil
}

// groupAnswers notes what the group says, before the member knows, to a request
// that was made under id.
func (m *Member) groupAnswers(key kmsg.Key, version int16, id string, b *kbin.Reader) error {
	resp := key.Response()
	if err := read(b, resp, version); err != nil {
		return err
	}
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		if r.ErrorCode == 0 {
			m.id.Store(&r.MemberID)
		}
		m.told(id, r.ErrorCode)
	case *kmsg.SyncGroupResponse:
		if r.ErrorCode == 0 {
			m.notes(ledger.Settled, "")
		}
		m.told(id, r.ErrorCode)
	case *kmsg.HeartbeatResponse:
		m.told(id, r.ErrorCode)
	}
	return nil
}

// commitAnswered notes what the answer to a commit says of the membership. One of
// another generation is no more than a hint to join: it may have been on its way
// during a rebalance.
func (m *Member) commitAnswered(id string, resp *kmsg.OffsetCommitResponse) {
	if len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
		return
	}
	code := resp.Topics[0].Partitions[0].ErrorCode // all have the same of this kind
	if code == kerr.IllegalGeneration.Code {
		code = kerr.RebalanceInProgress.Code
	}
	m.told(id, code)
}

// told notes an error of the group. What was asked under an id that the member had
// before is old.
func (m *Member) told(id string, code int16) {
	if now := m.id.Load(); now == nil || *now != id {
		return
	}
	switch err := kerr.TypedErrorForCode(code); err {
	case kerr.RebalanceInProgress:
		m.notes(ledger.Asked, "")
	case kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.FencedInstanceID:
		m.notes(ledger.Out, err.Message)
	}
}

// notes writes it down, after what the process did before.
func (m *Member) notes(k ledger.Kind, code string) {
	m.lab.journal.sync()
	m.lab.Log.Add(ledger.Event{Kind: k, Instance: m.N, Code: code})
}
