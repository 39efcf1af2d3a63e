// Package flowtest judges concurrency limiters. It simulates sinks in virtual
// time: queues, shared processors, quotas, pauses, outages, neighbours, and
// fleets of clients in front of one sink, each with a clock of its own. It
// compares what a limiter got out of a sink with an oracle that knows the best
// fixed limit of every phase in advance.
//
// A run is a function of its scenario and its [Maker] alone: two runs give the
// same numbers to the last bit. Nothing here sleeps, and nothing reads the wall
// clock.
//
// The sinks are simple on purpose. There is no connection set-up, no lock table
// and no cache in them; a good score here is necessary, not sufficient.
package flowtest
