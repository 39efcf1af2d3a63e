package ledger

import "time"

// Partition names a partition of a topic.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Standing says what a consumer owes to a record.
type Standing string

// The standings of a record.
const (
	Visible   Standing = ""          // it must have an outcome
	Compacted Standing = "compacted" // it may have one
	Aborted   Standing = "aborted"   // it must have none
	Control   Standing = "control"   // it must have none
)

// Record is one offset of the log.
type Record struct {
	Partition
	Offset   int64    `json:"offset"`
	Key      string   `json:"key,omitempty"`  // empty for none: such a record belongs with no other
	Hash     uint64   `json:"hash,omitempty"` // of key and value: see Hash
	Standing Standing `json:"standing,omitempty"`
	Poison   bool     `json:"poison,omitempty"` // no sink takes it: its outcome is a dead letter
	Bytes    int      `json:"bytes,omitempty"`  // of key and value
}

// Outcome is what became of a record for good.
type Outcome string

// The outcomes.
const (
	Delivered  Outcome = "delivered"
	DeadLetter Outcome = "dead letter"
	Skipped    Outcome = "skipped" // the handler made nothing of it, on purpose
)

// Kind says what an event is.
type Kind string

// The kinds of events, with the fields that each of them has beside At.
const (
	Effect   Kind = "effect"   // Instance, Session, Partition, Offset, Key, Hash, Outcome, Unknown, Began
	Commit   Kind = "commit"   // as the broker receives it: ID, Member, Partition, Offset
	Answer   Kind = "answer"   // what the broker said to the commit ID: Code
	Assigned Kind = "assigned" // Instance, Session, Partition: a session begins
	Revoked  Kind = "revoked"  // Instance, Session, Partition, Clean: it ends
	Lost     Kind = "lost"     // Instance, Session, Partition: it ends, and nothing is committed
	Start    Kind = "start"    // Instance
	Stop     Kind = "stop"     // Instance: it is asked to stop gracefully
	Stopped  Kind = "stopped"  // Instance, Clean: it has
	Killed   Kind = "killed"   // Instance, Bound: nothing of it takes effect from now on
	Cut      Kind = "cut"      // Instance: the cluster can not be reached from it, the sinks can
	Healed   Kind = "healed"   // Instance
	Heard    Kind = "heard"    // Instance, Began: the group's coordinator has answered what was asked then
	Reset    Kind = "reset"    // Partition, Offset: an operator, or a log that was rewritten, moves the commit
	Fault    Kind = "fault"    // Note, Scope: begins
	Clear    Kind = "clear"    // Note, Scope: ends
	Calm     Kind = "calm"     // no fault, nothing is written to the log any more
	Rest     Kind = "rest"     // everything is said to be finished
	Taken    Kind = "taken"    // Instance, Partition, Offset: the process works at the record
	Sampled  Kind = "sampled"  // Instance, Sample
	Read     Kind = "read"     // Instance, Partition, Reading
)

// ScopeSink is the scope of a fault that reaches nothing but sinks: it is no
// reason for a rebalance.
const ScopeSink = "sink"

// Event is one line of the history. Its place in the history is its time; At is
// for the reader, and for what is promised within a time.
type Event struct {
	At       time.Duration `json:"at"` // since the start
	Kind     Kind          `json:"kind"`
	Instance int           `json:"instance,omitempty"` // from 1
	Session  int           `json:"session,omitempty"`  // from 1: one assignment of one partition to one instance
	Partition
	Offset  int64         `json:"offset,omitempty"`
	Key     string        `json:"key,omitempty"`
	Hash    uint64        `json:"hash,omitempty"`
	Outcome Outcome       `json:"outcome,omitempty"`
	Unknown bool          `json:"unknown,omitempty"` // whoever asked for the effect was not told that it is there
	Began   time.Duration `json:"began,omitempty"`   // when the write began that had this effect, or what was heard was asked
	ID      int64         `json:"id,omitempty"`
	Member  string        `json:"member,omitempty"`
	Code    string        `json:"code,omitempty"`  // of an answer, empty for accepted
	Clean   bool          `json:"clean,omitempty"` // everything was finished and committed, says the process
	Bound   int64         `json:"bound,omitempty"` // the duplicates_if_killed that the process had exported last
	Note    string        `json:"note,omitempty"`
	Scope   string        `json:"scope,omitempty"`
	Sample  *Sample       `json:"sample,omitempty"`
	Reading *Reading      `json:"reading,omitempty"`
}

// Sample is what a process uses. Zero fields were not measured.
type Sample struct {
	HeldBytes  int64 `json:"held_bytes,omitempty"` // the most so far, as the process counts
	Budget     int64 `json:"budget,omitempty"`
	Still      bool  `json:"still,omitempty"`   // it was taken while nothing ran: Holding is exact
	Holding    int64 `json:"holding,omitempty"` // at this moment, as the process counts
	RSS        int64 `json:"rss,omitempty"`
	Goroutines int   `json:"goroutines,omitempty"` // after the end of what is measured
	Baseline   int   `json:"baseline,omitempty"`   // goroutines before its beginning
}

// Reading is what a process exports of a partition, with the truth beside it. A
// true value of -1 is not known.
type Reading struct {
	Lag           int64 `json:"lag"`
	TrueLag       int64 `json:"true_lag"`
	Committed     int64 `json:"committed"`
	TrueCommitted int64 `json:"true_committed"`
	InFlight      int64 `json:"in_flight"`
	TrueInFlight  int64 `json:"true_in_flight"`
}

// History is a whole run.
type History struct {
	// Ordered is what stays in order: "key" or "partition".
	Ordered string
	// Progress is how long after the calm a partition with lag may stand still.
	Progress time.Duration
	// Grace is for how long after its end a fault may still be the reason of a
	// lost session.
	Grace time.Duration
	// Silence is for how long after it asked what was last answered an instance may
	// still begin to write; 0 where nobody notes what was heard.
	Silence time.Duration
	Records []Record
	Events  []Event
}

// Hash identifies key and value: FNV-1a over the key, a separator and the value.
func Hash(key, value []byte) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, b := range key {
		h = (h ^ uint64(b)) * prime
	}
	h = (h ^ 0x100) * prime
	for _, b := range value {
		h = (h ^ uint64(b)) * prime
	}
	return h
}
