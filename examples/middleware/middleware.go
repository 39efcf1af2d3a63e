package main

import (
	"context"
	"slices"
	"time"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// within ends the context of a call after d. The handler returns the context's
// error, which counts as overload: whom it asked does not answer in time.
func within(d time.Duration) handlers.Middleware {
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next.Handle(ctx, rec, emit)
		})
	}
}

// stamp adds a header to whatever is emitted. The slice of headers may be the
// record's own, so it is copied and not appended to in place.
func stamp(key, value string) handlers.Middleware {
	h := handlers.Header{Key: key, Value: []byte(value)}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			return next.Handle(ctx, rec, func(m sink.Message) {
				m.Headers = append(slices.Clip(m.Headers), h)
				emit(m)
			})
		})
	}
}
