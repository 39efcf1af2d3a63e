// Package ledger holds what happened in a run as data: which records were
// written, and in the order in which they happened the effects, commits,
// assignments, stops, kills and faults. It stands outside the process under
// test, so it survives that process, and it judges nothing: package checker does.
//
// A history is kept in memory, and as lines of JSON where another process is to
// read it.
package ledger
