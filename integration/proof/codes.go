package proof

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answer is an error that a request can have.
type answer struct {
	key kmsg.Key
	top bool // of the whole request
	err *kerr.Error
}

// name is the request and the error.
func (a answer) name() string { return a.key.Name() + ": " + a.err.Message }

// refusals are the errors that each request of the client can be answered with:
// those that Kafka's protocol guide and its handlers name for it. What would end
// a consumer for good, such as INCONSISTENT_GROUP_PROTOCOL or an authorization
// that is missing, the client takes for what it is and tries again later.
func refusals() (all []answer) {
	add := func(key kmsg.Key, top bool, errs ...*kerr.Error) {
		for _, e := range errs {
			all = append(all, answer{key, top, e})
		}
	}
	add(kmsg.Fetch, true, kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, kerr.UnknownServerError)
	add(kmsg.Fetch, false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.ReplicaNotAvailable, kerr.KafkaStorageError,
		kerr.UnknownLeaderEpoch, kerr.FencedLeaderEpoch, kerr.OffsetNotAvailable, kerr.OffsetOutOfRange, kerr.CorruptMessage,
		kerr.TopicAuthorizationFailed, kerr.UnknownTopicID, kerr.InconsistentTopicID, kerr.UnknownServerError)
	add(kmsg.ListOffsets, false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable, kerr.ReplicaNotAvailable,
		kerr.KafkaStorageError, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.OffsetNotAvailable, kerr.TopicAuthorizationFailed)
	add(kmsg.OffsetForLeaderEpoch, false, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError)
	add(kmsg.Metadata, false, kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.UnknownServerError)
	add(kmsg.FindCoordinator, false, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.GroupAuthorizationFailed)
	coordinator := []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.GroupAuthorizationFailed}
	add(kmsg.OffsetCommit, false, append(coordinator, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch,
		kerr.OffsetMetadataTooLarge, kerr.InvalidCommitOffsetSize, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.RequestTimedOut,
		kerr.UnknownTopicID, kerr.GroupIDNotFound)...)
	add(kmsg.OffsetFetch, false, append(coordinator, kerr.UnstableOffsetCommit, kerr.UnknownMemberID, kerr.StaleMemberEpoch)...)
	add(kmsg.JoinGroup, true, append(coordinator, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.GroupMaxSizeReached, kerr.InconsistentGroupProtocol)...)
	add(kmsg.SyncGroup, true, append(coordinator, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress)...)
	add(kmsg.Heartbeat, true, append(coordinator, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress)...)
	add(kmsg.LeaveGroup, true, append(coordinator, kerr.UnknownMemberID)...)
	add(kmsg.ConsumerGroupHeartbeat, true, append(coordinator, kerr.UnknownMemberID, kerr.FencedMemberEpoch, kerr.GroupMaxSizeReached)...)
	return all
}

// requests are the requests of the client.
func requests() (keys []kmsg.Key) {
	for _, r := range refusals() {
		if len(keys) == 0 || keys[len(keys)-1] != r.key {
			keys = append(keys, r.key)
		}
	}
	return keys
}
