// Package grpcflow puts the policies of package flow in front of gRPC.
//
// [Server] refuses calls that a server has no room for with UNAVAILABLE, and
// those over their tenant's quota with RESOURCE_EXHAUSTED, both with a RetryInfo
// detail and the grpc-retry-pushback-ms trailer; [ServerOptions] bounds what one
// connection may have open and buffered. [Client] keeps calls in flight within a
// limiter and leaves a server alone for as long as it asked. [Mark] says what an
// error of gRPC means to a pipeline.
//
// It is a module of its own, so that who does not use gRPC does not carry it.
package grpcflow
