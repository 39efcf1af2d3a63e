// Package sink says what a sink is: something that takes batches of messages
// and makes them durable.
//
// A sink is one method, [Sink]. Optional abilities are extra one-method
// interfaces, looked for once when a pipeline is built: [io.Closer], [Pinger],
// [Limited]. Package sinktest holds the conformance suite that every sink
// passes; run it for a sink of your own.
package sink
