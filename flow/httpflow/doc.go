// Package httpflow puts the policies of package flow in front of net/http.
//
// [Transport] is the client's side: it keeps the calls in flight to a host
// within what the host can take and leaves a host alone for as long as it asked.
// [Handler] is the server's side: it answers 503 or 429 with Retry-After before
// it has read anything of a request that it has no room for. [Serve] ends a
// server without an error for anybody: out of rotation, wait, drain, close.
//
// The level of a request, which says how important it is, travels in the header
// Weir-Level, and the level up to which a server admits comes back in Weir-Cut.
//
// It does not retry: whether a request may be repeated only its sender knows.
package httpflow
