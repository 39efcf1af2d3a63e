// Package sinktest is the conformance suite that every sink passes, and sinks
// for tests: one in memory, a slow one, a faulty one and one that fails for some
// messages of a batch.
package sinktest
