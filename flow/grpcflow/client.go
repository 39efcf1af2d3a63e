package grpcflow

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weir-kafka/weir/flow"
)

// Client bounds the calls in flight over a connection by a limiter. A unary call
// takes a permit for its time. A stream takes one for each message sent: while
// HTTP/2 flow control blocks a send it keeps its permit, so a receiver that
// does not read is seen as a sink that is full. How long a stream lives says
// nothing. A send mostly takes no time and a call does, so a client that has much of
// both gives each a Client of its own.
//
// A call whose context has a level (see [flow.WithLevel]) carries it in its
// metadata, and is refused here while the server says that it would shed it.
type Client struct {
	limiter *flow.Limiter
	cut     flow.Cut
	missed  atomic.Pointer[flow.Outcome] // of a stream that was refused when no permit was free to say so
}

// NewClient returns the interceptors around l.
func NewClient(l *flow.Limiter) *Client { return &Client{limiter: l} }

// Options returns the two interceptors as options of a connection.
func (c *Client) Options() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.Unary), grpc.WithChainStreamInterceptor(c.Stream)}
}

// Unary is a [grpc.UnaryClientInterceptor]. It waits for room until ctx ends;
// when that would be before the server may be called again it fails at once. Its
// errors are statuses: UNAVAILABLE with RetryInfo, or that of ctx.
func (c *Client) Unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	var trailer metadata.MD
	err := c.do(ctx, func(ctx context.Context) error {
		return invoke(ctx, method, req, reply, cc, append(opts[:len(opts):len(opts)], grpc.Trailer(&trailer))...)
	})
	c.learn(trailer)
	return err
}

// do makes one call with a permit.
func (c *Client) do(ctx context.Context, call func(context.Context) error) error {
	ctx, err := c.admit(ctx)
	if err != nil {
		return err
	}
	o := flow.Outcome{Kind: flow.Ignore} // of a call that panics
	defer func() { c.done(o) }()
	err = call(ctx)
	o = outcome(err)
	return err
}

// admit waits for a permit, and returns the context of the call.
func (c *Client) admit(ctx context.Context) (context.Context, error) {
	now := time.Now()
	if level, ok := flow.LevelOf(ctx); ok {
		if err := c.cut.Check(now, level); err != nil {
			return nil, refusal(err)
		}
		ctx = metadata.AppendToOutgoingContext(ctx, levelKey, strconv.Itoa(level))
	}
	until := c.limiter.HoldUntil()
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		return nil, refusal(&flow.RefusedError{Reason: "the server asked to be left alone", RetryAfter: until.Sub(now)})
	}
	if err := c.limiter.Acquire(ctx); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return ctx, nil
}

// done gives a permit back, and says with it what could not be said before.
func (c *Client) done(o flow.Outcome) {
	if m := c.missed.Swap(nil); m != nil {
		o = *m
	}
	c.limiter.Done(o)
}

// learn notes the cut of the server.
func (c *Client) learn(trailer metadata.MD) {
	if cut, ok := number(trailer, cutKey); ok {
		c.cut.Learn(time.Now(), cut)
	}
}

// Stream is a [grpc.StreamClientInterceptor]. To open a stream takes a permit for a
// moment, so that none is opened while the server is to be left alone.
func (c *Client) Stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := c.admit(ctx)
	if err != nil {
		return nil, err
	}
	o := flow.Outcome{Kind: flow.Ignore} // it waits for no answer: what it took says nothing
	defer func() { c.done(o) }()
	cs, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		o = outcome(err)
		return nil, err
	}
	return &stream{ClientStream: cs, c: c}, nil
}

// stream takes a permit for each message it sends.
type stream struct {
	grpc.ClientStream
	c     *Client
	ended sync.Once
}

// SendMsg implements [grpc.ClientStream].
func (s *stream) SendMsg(m any) error {
	if err := s.c.limiter.Acquire(s.Context()); err != nil {
		return status.FromContextError(err).Err()
	}
	o := flow.Outcome{Kind: flow.Ignore}
	defer func() { s.c.done(o) }()
	err := s.ClientStream.SendMsg(m)
	if !errors.Is(err, io.EOF) { // then how the stream ended is for RecvMsg to say
		o = outcome(err)
	}
	return err
}

// RecvMsg implements [grpc.ClientStream]. A refusal by the server is learned
// here, once.
func (s *stream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.ended.Do(func() { s.end(err) })
	}
	return err
}

func (s *stream) end(err error) {
	s.c.learn(s.Trailer())
	if errors.Is(err, io.EOF) {
		return
	}
	o := outcome(err)
	switch {
	case o.Kind != flow.Overload:
	case s.c.limiter.TryAcquire():
		s.c.done(o)
	default: // all permits are taken: the next to be given back takes it along
		s.c.missed.Store(&o)
	}
}
