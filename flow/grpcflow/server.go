package grpcflow

import (
	"context"
	"errors"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weir-kafka/weir/flow"
)

// Config says what a server takes. Zero fields mean the defaults.
type Config struct {
	// Admission is the door. Defaults to one with an adaptive limiter.
	Admission *flow.Admission
	// ExemptFunc picks methods, by their full name, that are always served: health
	// checks, and streams that last, whose time says nothing of the room here.
	ExemptFunc func(method string) bool
	// ClassFunc says how important a call is. Defaults to flow.ClassNormal.
	ClassFunc func(ctx context.Context, method string) int
	// TenantFunc names who calls: whose quota it uses, and what its place within
	// the class is. Defaults to nobody.
	TenantFunc func(ctx context.Context, method string) string
	// TrustLevel takes the level from the metadata weir-level where there is one,
	// and answers with weir-cut in the trailer. It is for services whose clients
	// are services of the same house.
	TrustLevel bool
}

// Server is the door of a gRPC server: its two interceptors share one
// [flow.Admission]. A stream is in from its start to its end. A call that is in
// carries its level in its context, from where [Client] takes it along.
//
// A message of a unary call has been read when its interceptors run, so that
// what a refusal costs is bounded by what [ServerOptions] lets a connection have
// in flight. An InTapHandle would run before, but can neither wait nor send a trailer.
type Server struct{ cfg Config }

// NewServer returns a door.
func NewServer(cfg Config) *Server {
	if cfg.Admission == nil {
		cfg.Admission = flow.NewAdmission(flow.AdmissionConfig{})
	}
	return &Server{cfg}
}

// Options returns the two interceptors as options of a server.
func (s *Server) Options() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(s.Unary), grpc.ChainStreamInterceptor(s.Stream)}
}

// Unary is a [grpc.UnaryServerInterceptor].
func (s *Server) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	set := func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) } // it fails outside of a server alone
	err = s.run(ctx, info.FullMethod, set, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	return resp, err
}

// Stream is a [grpc.StreamServerInterceptor].
func (s *Server) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return s.run(ss.Context(), info.FullMethod, ss.SetTrailer, func(ctx context.Context) error {
		return handler(srv, &leveled{ss, ctx})
	})
}

// leveled is a stream with the context that has its level.
type leveled struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // of the stream, whose interface has it
}

// Context implements [grpc.ServerStream].
func (l *leveled) Context() context.Context { return l.ctx }

// run serves one call, or refuses it.
func (s *Server) run(ctx context.Context, method string, setTrailer func(metadata.MD), handler func(context.Context) error) error {
	if s.cfg.ExemptFunc != nil && s.cfg.ExemptFunc(method) {
		return handler(ctx)
	}
	v, told := s.visit(ctx, method)
	if told {
		setTrailer(metadata.Pairs(cutKey, strconv.Itoa(s.cfg.Admission.Snapshot().Cut)))
	}
	if err := s.cfg.Admission.Enter(ctx, v); err != nil {
		setTrailer(pushback(err))
		return refusal(err)
	}
	o := flow.Outcome{Kind: flow.Ignore} // of a handler that panics
	defer func() { s.cfg.Admission.Exit(o) }()
	err := handler(flow.WithLevel(ctx, v.Level))
	o = flow.Outcome{Kind: served(ctx, err), Work: 1}
	return err
}

// visit reads the head of a call. told is whether its sender said its level.
func (s *Server) visit(ctx context.Context, method string) (v flow.Visit, told bool) {
	if s.cfg.TenantFunc != nil {
		v.Tenant = s.cfg.TenantFunc(ctx, method)
	}
	if s.cfg.TrustLevel {
		md, _ := metadata.FromIncomingContext(ctx)
		if level, ok := number(md, levelKey); ok {
			v.Level = level
			return v, true
		}
	}
	class := flow.ClassNormal
	if s.cfg.ClassFunc != nil {
		class = s.cfg.ClassFunc(ctx, method)
	}
	v.Level = s.cfg.Admission.Level(class, v.Tenant)
	return v, false
}

// served is what a server learns from its own answer: whether there was room.
func served(ctx context.Context, err error) flow.Verdict {
	switch code := status.Code(err); {
	case code == codes.Unavailable, code == codes.DeadlineExceeded, errors.Is(ctx.Err(), context.DeadlineExceeded):
		return flow.Overload
	case code == codes.ResourceExhausted, ctx.Err() != nil: // not of the room here; cut short by who called
		return flow.Ignore
	}
	return flow.Done
}

// ServerOptions bounds what one connection may have open and buffered: streams
// in all, and bytes in flight by stream and connection (HTTP/2 flow control). So
// a sender blocks instead of filling the server's memory. Zero means 256 streams
// and 64 KiB a stream; a connection has four times that of one. gRPC takes no window
// below 64 KiB.
func ServerOptions(streams uint32, window int32) []grpc.ServerOption {
	if streams == 0 {
		streams = 256
	}
	window = min(max(window, 64<<10), 1<<28)
	return []grpc.ServerOption{
		grpc.MaxConcurrentStreams(streams), grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(4 * window),
		grpc.ReadBufferSize(32 << 10), grpc.WriteBufferSize(32 << 10),
	}
}
