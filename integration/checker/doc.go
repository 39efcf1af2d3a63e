// Package checker judges a history: for each invariant of the specification it
// says PASS or FAIL, with the first witnesses and a class for each anomaly. It
// works offline, in one pass over the events after one over the records.
//
// It knows nothing of the process under test but what the ledger says. What a
// process says of itself counts against it only: a session that it calls
// cleanly ended must have left nothing to repeat.
package checker
