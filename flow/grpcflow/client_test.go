package grpcflow_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/grpcflow"
)

// askTo is a refusal that asks to be left alone.
func askTo(t *testing.T, code codes.Code, after time.Duration) error {
	t.Helper()
	st, err := status.New(code, "full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestServerThatAskedIsLeftAlone(t *testing.T) {
	for name, call := range map[string]func(context.Context, *grpc.ClientConn) error{
		"call": func(ctx context.Context, cc *grpc.ClientConn) error { return check(ctx, cc) },
		"stream": func(ctx context.Context, cc *grpc.ClientConn) error {
			cs, err := open(ctx, cc)
			if err != nil {
				return err
			}
			return cs.RecvMsg(new(wrapperspb.BytesValue))
		},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := askTo(t, codes.Unavailable, time.Hour)
			calls := 0
			s := &service{
				check:  func(context.Context) error { calls++; return refusal },
				upload: func(grpc.ServerStream) error { calls++; return refusal },
			}
			l := flow.NewLimiter(flow.Fixed(4))
			cc := serve(t, s, nil, grpcflow.NewClient(l).Options()...)
			if err := call(t.Context(), cc); status.Code(err) != codes.Unavailable {
				t.Fatal(err)
			}
			if l.HoldUntil().IsZero() {
				t.Fatal("got no hold, want what the server asked for")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := call(ctx, cc) // at once: its deadline is before
			if status.Code(err) != codes.Unavailable || calls != 1 {
				t.Errorf("got %v and %d calls, want the second not sent", err, calls)
			}
			if n := l.InFlight(); n != 0 {
				t.Errorf("got %d in flight, want none", n)
			}
		})
	}
}

// A stream that is refused has no permit to say so with when all are taken.
func TestRefusalOfAStreamIsNotLostWhenTheLimiterIsFull(t *testing.T) {
	refuse := make(chan struct{})
	refusal := askTo(t, codes.Unavailable, time.Hour)
	called, let := make(chan struct{}), make(chan struct{})
	s := &service{
		check:  func(context.Context) error { close(called); <-let; return nil },
		upload: func(grpc.ServerStream) error { <-refuse; return refusal },
	}
	l := flow.NewLimiter(flow.Fixed(1))
	cc := serve(t, s, nil, grpcflow.NewClient(l).Options()...)
	cs, err := open(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- check(t.Context(), cc) }()
	<-called
	close(refuse)
	if err := cs.RecvMsg(new(wrapperspb.BytesValue)); status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	close(let)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if l.HoldUntil().IsZero() {
		t.Error("got no hold, want the refusal learned with the call that ended")
	}
}

// What HTTP/2 flow control blocks keeps its permit: the limiter sees it.
func TestBlockedSendIsSeenAsPressure(t *testing.T) {
	let := make(chan struct{})
	s := &service{upload: func(ss grpc.ServerStream) error {
		<-let
		for {
			if err := ss.RecvMsg(new(wrapperspb.BytesValue)); err != nil {
				return nil //nolint:nilerr // the end of the stream
			}
		}
	}}
	l := flow.NewLimiter(flow.Fixed(2))
	cc := serve(t, s, grpcflow.ServerOptions(0, 0), grpcflow.NewClient(l).Options()...)
	cs, err := open(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 64 && err == nil; i++ {
			err = cs.SendMsg(wrapperspb.Bytes(make([]byte, 64<<10)))
		}
		sent <- err
	}()
	deadline := time.Now().Add(10 * time.Second)
	for blocked := 0; blocked < 3; { // the same send in three looks: it does not end by itself
		if time.Now().After(deadline) {
			t.Fatal("got no send blocked, want the window to end")
		}
		if l.InFlight() == 1 {
			blocked++
		} else {
			blocked = 0
		}
		select {
		case err := <-sent:
			t.Fatalf("got all sent (%v) to a receiver that does not read", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	close(let)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	_ = cs.CloseSend()
	if err := cs.RecvMsg(new(wrapperspb.BytesValue)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
	if n := l.InFlight(); n != 0 {
		t.Errorf("got %d in flight, want none", n)
	}
}

func TestSendToAStreamThatEndedGivesItsPermitBack(t *testing.T) {
	s := &service{upload: func(grpc.ServerStream) error { return nil }}
	l := flow.NewLimiter(flow.Fixed(1))
	cc := serve(t, s, nil, grpcflow.NewClient(l).Options()...)
	ctx, cancel := context.WithCancel(t.Context())
	cs, err := open(ctx, cc)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = cs.SendMsg(wrapperspb.Bytes(nil))
	}
	if status.Code(err) == codes.OK {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := cs.SendMsg(wrapperspb.Bytes(nil)); err == nil {
		t.Error("got sent to a stream that was cancelled")
	}
	if n := l.InFlight(); n != 0 {
		t.Errorf("got %d in flight, want none", n)
	}
}

func TestWaitForRoomEndsWithTheCaller(t *testing.T) {
	l := flow.NewLimiter(flow.Fixed(1))
	cc := serve(t, &service{}, nil, grpcflow.NewClient(l).Options()...)
	if !l.TryAcquire() {
		t.Fatal("no permit")
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := check(ctx, cc); status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want CANCELLED", err)
	}
	l.Done(flow.Outcome{})
	if n := l.InFlight(); n != 0 {
		t.Errorf("got %d in flight, want none", n)
	}
}

func TestClientShedsWhatTheServerWouldShed(t *testing.T) {
	calls := 0
	s := &service{check: func(ctx context.Context) error {
		calls++
		return grpc.SetTrailer(ctx, metadata.Pairs("weir-cut", "120"))
	}}
	cc := serve(t, s, nil, grpcflow.NewClient(flow.NewLimiter(flow.Fixed(4))).Options()...)
	low, high := flow.WithLevel(t.Context(), 400), flow.WithLevel(t.Context(), 100)
	if err := check(low, cc); err != nil {
		t.Fatalf("got %v before anything is known", err)
	}
	if err := check(low, cc); status.Code(err) != codes.Unavailable || calls != 1 {
		t.Errorf("got %v and %d calls, want the second shed at home", err, calls)
	}
	if err := check(high, cc); err != nil {
		t.Errorf("got %v for what the server takes", err)
	}
}

func TestMarkSaysWhatAnErrorMeans(t *testing.T) {
	if grpcflow.Mark(nil) != nil {
		t.Error("got an error made of none")
	}
	plain := errors.New("plain")
	if got := grpcflow.Mark(plain); !errors.Is(got, plain) || flow.Classify(got) != flow.Retry {
		t.Errorf("got %v, want it as it was", got)
	}
	for code, want := range map[codes.Code]flow.Verdict{
		codes.Unavailable: flow.Overload, codes.DeadlineExceeded: flow.Overload, codes.ResourceExhausted: flow.Reject,
		codes.Canceled: flow.Ignore, codes.Aborted: flow.Retry, codes.Internal: flow.Retry, codes.Unknown: flow.Retry,
		codes.DataLoss: flow.Retry, codes.InvalidArgument: flow.Reject, codes.NotFound: flow.Reject,
		codes.PermissionDenied: flow.Reject, codes.Unimplemented: flow.Reject, codes.FailedPrecondition: flow.Reject,
	} {
		got := grpcflow.Mark(status.Error(code, "x"))
		if v := flow.Classify(got); v != want {
			t.Errorf("%s: got %s, want %s", code, v, want)
		}
		if status.Code(got) != code {
			t.Errorf("%s: got the status %s, want it kept", code, status.Code(got))
		}
	}
	asked := grpcflow.Mark(askTo(t, codes.ResourceExhausted, 2*time.Second))
	if flow.Classify(asked) != flow.Overload || flow.RetryAfter(asked) != 2*time.Second {
		t.Errorf("got %s after %s, want overload after 2s", flow.Classify(asked), flow.RetryAfter(asked))
	}
}
