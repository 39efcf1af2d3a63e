package proof

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// call is a kind of request: the heartbeat by which a member of a KIP-848 group
// says goodbye is one of its own.
type call struct {
	key     kmsg.Key
	goodbye bool
}

// name is the call for the reader.
func (c call) name() string {
	if c.goodbye {
		return c.key.Name() + " to leave"
	}
	return c.key.Name()
}

// callOf returns what a request is.
func callOf(req kmsg.Request) call {
	hb, ok := req.(*kmsg.ConsumerGroupHeartbeatRequest)
	return call{kmsg.Key(req.Key()), ok && hb.MemberEpoch < 0}
}

// answer is an error that a request can have.
type answer struct {
	call
	top bool // of the whole request
	err *kerr.Error
}

// name is the call and the error.
func (a answer) name() string { return a.call.name() + ": " + a.err.Message }

// refusals are the errors that each request of the client can be answered with:
// those that Kafka's protocol guide and its handlers name for it. Left out are
// those that only a request of another version or from another kind of client
// gets, and those that say that this member must not be there any more: of the
// instance id of another process, of a session timeout or an assignor that the
// broker does not allow. A consumer ends with these, and should.
func refusals() (all []answer) {
	add := func(c call, top bool, errs ...*kerr.Error) {
		for _, e := range errs {
			all = append(all, answer{c, top, e})
		}
	}
	key := func(k kmsg.Key) call { return call{key: k} }
	add(key(kmsg.Fetch), true, kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, kerr.UnknownServerError)
	add(key(kmsg.Fetch), false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.ReplicaNotAvailable, kerr.KafkaStorageError,
		kerr.UnknownLeaderEpoch, kerr.FencedLeaderEpoch, kerr.OffsetNotAvailable, kerr.OffsetOutOfRange, kerr.CorruptMessage,
		kerr.TopicAuthorizationFailed, kerr.UnknownTopicID, kerr.InconsistentTopicID, kerr.UnknownServerError)
	add(key(kmsg.ListOffsets), false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable, kerr.ReplicaNotAvailable,
		kerr.KafkaStorageError, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.OffsetNotAvailable, kerr.TopicAuthorizationFailed, kerr.UnknownServerError)
	add(key(kmsg.OffsetForLeaderEpoch), false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.KafkaStorageError, kerr.ReplicaNotAvailable, kerr.TopicAuthorizationFailed, kerr.UnknownServerError)
	add(key(kmsg.Metadata), false, kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.TopicAuthorizationFailed,
		kerr.ReplicaNotAvailable, kerr.ListenerNotFound, kerr.UnknownServerError)
	add(key(kmsg.FindCoordinator), false, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.GroupAuthorizationFailed, kerr.UnknownServerError)
	coordinator := []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.GroupAuthorizationFailed, kerr.UnknownServerError}
	group := func(c call, top bool, errs ...*kerr.Error) { add(c, top, append(errs, coordinator...)...) }
	group(key(kmsg.OffsetCommit), false, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch,
		kerr.OffsetMetadataTooLarge, kerr.InvalidCommitOffsetSize, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.RequestTimedOut,
		kerr.UnknownTopicID, kerr.GroupIDNotFound)
	group(key(kmsg.OffsetFetch), false, kerr.UnstableOffsetCommit, kerr.UnknownMemberID, kerr.StaleMemberEpoch, kerr.UnknownTopicOrPartition,
		kerr.TopicAuthorizationFailed, kerr.GroupIDNotFound, kerr.UnknownTopicID)
	group(key(kmsg.JoinGroup), true, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.GroupMaxSizeReached, kerr.InconsistentGroupProtocol)
	group(key(kmsg.SyncGroup), true, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress, kerr.InconsistentGroupProtocol)
	group(key(kmsg.Heartbeat), true, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress)
	group(key(kmsg.LeaveGroup), true, kerr.UnknownMemberID)
	group(key(kmsg.ConsumerGroupHeartbeat), true, kerr.UnknownMemberID, kerr.FencedMemberEpoch, kerr.GroupMaxSizeReached)
	group(call{kmsg.ConsumerGroupHeartbeat, true}, true, kerr.UnknownMemberID, kerr.FencedMemberEpoch)
	return all
}

// calls are the kinds of requests of the client.
func calls() (cs []call) {
	for _, r := range refusals() {
		if len(cs) == 0 || cs[len(cs)-1] != r.call {
			cs = append(cs, r.call)
		}
	}
	return cs
}
