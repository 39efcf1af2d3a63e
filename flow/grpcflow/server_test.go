package grpcflow_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/grpcflow"
)

// service answers with what a test says.
type service struct {
	healthpb.UnimplementedHealthServer
	check  func(context.Context) error
	upload func(grpc.ServerStream) error
}

func (s *service) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if s.check != nil {
		if err := s.check(ctx); err != nil {
			return nil, err
		}
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

const uploadMethod = "/test.Bulk/Upload"

// bulk is a service with one stream from the client.
func bulk() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "test.Bulk", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Upload", ClientStreams: true, ServerStreams: true,
			Handler: func(srv any, ss grpc.ServerStream) error { return srv.(*service).upload(ss) },
		}},
	}
}

// serve starts a server in memory and returns a connection to it.
func serve(t *testing.T, s *service, server []grpc.ServerOption, client ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	ln := bufconn.Listen(1 << 16)
	srv := grpc.NewServer(server...)
	healthpb.RegisterHealthServer(srv, s)
	srv.RegisterService(bulk(), s)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }),
	}, client...)
	cc, err := grpc.NewClient("passthrough:///memory", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		srv.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return cc
}

func newDoor(n int) *flow.Admission {
	return flow.NewAdmission(flow.AdmissionConfig{
		Limiter: flow.NewLimiter(flow.Fixed(n)), Waiting: -1,
		CPU:    &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 0, 0 }},
		Memory: &flow.MemoryLoad{ReadFunc: func() float64 { return 0 }},
	})
}

func check(ctx context.Context, cc *grpc.ClientConn, opts ...grpc.CallOption) error {
	_, err := healthpb.NewHealthClient(cc).Check(ctx, &healthpb.HealthCheckRequest{}, opts...)
	return err
}

func open(ctx context.Context, cc *grpc.ClientConn) (grpc.ClientStream, error) {
	return cc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, uploadMethod)
}

// mustRefuse fails unless err has the code, RetryInfo, and the trailer that says the same.
func mustRefuse(t *testing.T, err error, code codes.Code, trailer metadata.MD) {
	t.Helper()
	if status.Code(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	marked := grpcflow.Mark(err)
	after := flow.RetryAfter(marked)
	if flow.Classify(marked) != flow.Overload || after < time.Second {
		t.Errorf("got %s after %s, want overload that says for how long", flow.Classify(marked), after)
	}
	ms := trailer.Get("grpc-retry-pushback-ms")
	if len(ms) != 1 || ms[0] != strconv.FormatInt(after.Milliseconds(), 10) {
		t.Errorf("got pushback %v, want the %s of RetryInfo", ms, after)
	}
}

func TestFullServerRefusesCallsAndStreams(t *testing.T) {
	a := newDoor(1)
	cc := serve(t, &service{}, grpcflow.NewServer(grpcflow.Config{Admission: a}).Options())
	if err := a.Enter(t.Context(), flow.Visit{}); err != nil {
		t.Fatal(err)
	}
	var trailer metadata.MD
	err := check(t.Context(), cc, grpc.Trailer(&trailer))
	mustRefuse(t, err, codes.Unavailable, trailer)

	cs, err := open(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, cs.RecvMsg(new(wrapperspb.BytesValue)), codes.Unavailable, cs.Trailer())

	a.Exit(flow.Outcome{Kind: flow.Done})
	if err := check(t.Context(), cc); err != nil {
		t.Errorf("got %v, want served: there is room", err)
	}
	if n := a.Snapshot().InFlight; n != 0 {
		t.Errorf("got %d in flight, want none", n)
	}
}

func TestTenantOverItsQuotaIsExhausted(t *testing.T) {
	a := flow.NewAdmission(flow.AdmissionConfig{Quotas: &flow.Quotas{RateFunc: func(string) (float64, int) { return 0.001, 1 }}})
	cc := serve(t, &service{}, grpcflow.NewServer(grpcflow.Config{
		Admission: a, TenantFunc: func(_ context.Context, method string) string { return method },
	}).Options())
	if err := check(t.Context(), cc); err != nil {
		t.Fatal(err)
	}
	var trailer metadata.MD
	err := check(t.Context(), cc, grpc.Trailer(&trailer))
	mustRefuse(t, err, codes.ResourceExhausted, trailer)
}

func TestPlaceIsGivenBackHoweverACallEnds(t *testing.T) {
	a := newDoor(1)
	s := &service{upload: func(ss grpc.ServerStream) error { return ss.RecvMsg(new(wrapperspb.BytesValue)) }}
	cc := serve(t, s, grpcflow.NewServer(grpcflow.Config{Admission: a}).Options())
	for _, err := range []error{nil, status.Error(codes.Internal, "broken"), status.Error(codes.Unavailable, "full"), errors.New("plain")} {
		s.check = func(context.Context) error { return err }
		got := check(t.Context(), cc)
		if status.Code(got) != status.Code(err) {
			t.Errorf("got %v, want %v", got, err)
		}
		if n := a.Snapshot().InFlight; n != 0 {
			t.Fatalf("got %d in flight after %v, want none", n, err)
		}
	}
	func() { // a panic goes on to the server, which has no recovery of its own
		defer func() { _ = recover() }()
		info := &grpc.UnaryServerInfo{FullMethod: "/a/b"}
		_, _ = grpcflow.NewServer(grpcflow.Config{Admission: a}).Unary(t.Context(), nil, info, func(context.Context, any) (any, error) { panic("broken") })
	}()
	if n := a.Snapshot().InFlight; n != 0 {
		t.Errorf("got %d in flight after a panic, want none", n)
	}
}

func TestExemptMethodsAreAlwaysServed(t *testing.T) {
	a := newDoor(1)
	if err := a.Enter(t.Context(), flow.Visit{}); err != nil {
		t.Fatal(err)
	}
	cc := serve(t, &service{upload: func(grpc.ServerStream) error { return nil }}, grpcflow.NewServer(grpcflow.Config{
		Admission: a, ExemptFunc: func(method string) bool { return method == healthpb.Health_Check_FullMethodName },
	}).Options())
	if err := check(t.Context(), cc); err != nil {
		t.Errorf("got %v for an exempt method", err)
	}
	cs, err := open(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	if err := cs.RecvMsg(new(wrapperspb.BytesValue)); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v for another one, want refused", err)
	}
}

func TestLevelGoesFromServerToServer(t *testing.T) {
	door := newDoor(4)
	got := make(chan int, 1)
	inner := serve(t, &service{check: func(ctx context.Context) error {
		level, _ := flow.LevelOf(ctx)
		got <- level
		return nil
	}}, grpcflow.NewServer(grpcflow.Config{Admission: door, TrustLevel: true}).Options(),
		grpcflow.NewClient(flow.NewLimiter(flow.Fixed(4))).Options()...)
	outer := serve(t, &service{check: func(ctx context.Context) error { return check(ctx, inner) }},
		grpcflow.NewServer(grpcflow.Config{
			Admission: newDoor(4), ClassFunc: func(context.Context, string) int { return flow.ClassBulk },
		}).Options())
	ctx := metadata.AppendToOutgoingContext(t.Context(), "weir-level", "0") // not trusted there
	if err := check(ctx, outer); err != nil {
		t.Fatal(err)
	}
	if level, want := <-got, door.Level(flow.ClassBulk, ""); level != want {
		t.Errorf("got level %d, want the %d that the outer server found", level, want)
	}
}

func TestStreamKnowsItsLevel(t *testing.T) {
	got := make(chan bool, 1)
	cc := serve(t, &service{upload: func(ss grpc.ServerStream) error {
		_, ok := flow.LevelOf(ss.Context())
		got <- ok
		return nil
	}}, grpcflow.NewServer(grpcflow.Config{Admission: newDoor(4)}).Options())
	cs, err := open(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	if err := cs.RecvMsg(new(wrapperspb.BytesValue)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if !<-got {
		t.Error("got a stream without a level")
	}
}

func TestServerBoundsWhatAConnectionHasOpen(t *testing.T) {
	let := make(chan struct{})
	started := make(chan struct{}, 4)
	cc := serve(t, &service{check: func(context.Context) error {
		started <- struct{}{}
		<-let
		return nil
	}}, grpcflow.ServerOptions(2, 0))
	errs := make(chan error, 3)
	for range 2 {
		go func() { errs <- check(t.Context(), cc) }()
	}
	<-started
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := check(ctx, cc); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v for a third call, want that it never starts", err)
	}
	close(let)
	for range 2 {
		if err := <-errs; err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
	if len(started) != 0 {
		t.Error("got a third call started")
	}
}
