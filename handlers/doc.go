// Package handlers turns records into messages.
//
// A [Handler] is one method; a function is one through [Func]. A [Middleware]
// wraps a handler, and [Chain] stacks them: filter, map, header, key and split
// are middleware in their own packages below this one, each a Config and a New.
// [Pass] is the handler that emits the record as it is. Package handlertest runs
// a handler without a broker.
//
// A handler does not commit, retry or pause: it returns an error, and the engine
// acts on what the error means (see flow.Classify).
package handlers
