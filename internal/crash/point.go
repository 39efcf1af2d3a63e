// Package crash names the moments of a record's journey at which a process may
// end, for the trials of integration/chaos: there the process ends itself with
// SIGKILL at such a point, and afterwards nothing may be lost.
//
// Only a build with the tag crashpoints can crash. In every other build [At] is
// empty, is inlined and leaves nothing behind.
package crash

// Point is a moment between two steps.
type Point string

// The points, in the order of the journey. Those of a transaction (begun, offsets not
// added, offsets added and not ended, end sent, abort) are not among them: nothing
// writes in transactions yet. Handled, Joined, RetryParked, MapSent and
// OffsetsFetched stand in their place.
const (
	OffsetsFetched   Point = "offsets fetched, not applied"
	Fetched          Point = "fetched, not dispatched"
	Dispatched       Point = "dispatched, no effect"
	Handled          Point = "handled, not handed on"
	Joined           Point = "joined to a call, not sent"
	EffectSent       Point = "effect sent, no ack"
	ProbeInFlight    Point = "probe in flight"
	Acked            Point = "acked, not marked"
	MidBatch         Point = "mid-batch, a part acked and marked"
	RetryParked      Point = "retry parked"
	Marked           Point = "marked, commit not built"
	CommitSent       Point = "commit sent, no reply"
	MapSent          Point = "completion map sent, no reply"
	ReplyNotApplied  Point = "commit's reply not applied"
	DeadLetterSent   Point = "dead letter sent, no ack"
	DeadLetterAcked  Point = "dead letter acked, not marked"
	Paused           Point = "paused"
	InDrain          Point = "inside the revoke drain"
	DrainCommitted   Point = "after the revoke commit, before leaving"
	DrainedNotClosed Point = "between drain and close"
)

// Points returns all of them.
func Points() []Point {
	return []Point{
		OffsetsFetched, Fetched, Dispatched, Handled, Joined, EffectSent, ProbeInFlight, Acked, MidBatch, RetryParked,
		Marked, CommitSent, MapSent, ReplyNotApplied, DeadLetterSent, DeadLetterAcked, Paused, InDrain, DrainCommitted, DrainedNotClosed,
	}
}

// The environment tells a build with the tag where to end and where to write.
const (
	EnvPoint = "CRASH_POINT" // a Point
	EnvHit   = "CRASH_HIT"   // at its so manieth passing, from 1
	EnvDir   = "CRASH_DIR"   // of the files below
)

// The files that a process of a build with the tag leaves.
const (
	WordsFile = "words" // the Point at which it ended
	BoundFile = "bound" // what it said last that its end would repeat, in records
)
