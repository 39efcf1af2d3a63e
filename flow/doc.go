// Package flow decides how much may be in flight and what an error means.
//
// It is the bottom of the house: it imports nothing of Weir, knows nothing of
// Kafka, and can be used by itself in front of any server or client. An error
// is turned into a [Verdict] by [Classify]; a [Limiter] asks an [Algorithm] how
// many calls may be in flight; a [Semaphore] shares a fixed number of slots
// fairly; a [Backoff] spaces retries.
//
// It does not queue records, retry calls or talk to a broker: whoever calls it
// does.
package flow
