package grpcflow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/weir-kafka/weir/flow"
)

const (
	levelKey = "weir-level" // of a call
	cutKey   = "weir-cut"   // in the trailer of a call that has a level
	// pushbackKey is the trailer by which a server tells a client that retries by its
	// service config when to do so (gRFC A6).
	pushbackKey = "grpc-retry-pushback-ms"
)

// Mark says what an error of a call means, so that [flow.Classify] and
// [flow.RetryAfter] read it:
//
//   - UNAVAILABLE and DEADLINE_EXCEEDED are overload; RESOURCE_EXHAUSTED is when it
//     carries RetryInfo, as a quota is, and otherwise a reject (the rule of OTLP);
//   - CANCELLED is the caller's own doing and ignored;
//   - ABORTED, INTERNAL, UNKNOWN and DATA_LOSS are retried;
//   - the other codes reject: the request is at fault, or not allowed.
//
// An error that is no status stays as it is; one that is marked still has its status.
func Mark(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	after, asked := retryInfo(st)
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		return flow.Overloaded(err, after)
	case codes.ResourceExhausted:
		if asked {
			return flow.Throttled(err, after)
		}
		return flow.Permanent(err)
	case codes.Canceled:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case codes.Aborted, codes.Internal, codes.Unknown, codes.DataLoss:
		return err
	default:
		return flow.Permanent(err)
	}
}

// outcome is what a limiter learns from an error.
func outcome(err error) flow.Outcome {
	o := flow.OutcomeOf(Mark(err))
	o.Work = 1
	return o
}

func retryInfo(st *status.Status) (time.Duration, bool) {
	for _, d := range st.Details() {
		if ri, ok := d.(*errdetails.RetryInfo); ok && ri.GetRetryDelay() != nil {
			return max(ri.GetRetryDelay().AsDuration(), 0), true
		}
	}
	return 0, false
}

// refusal turns a refusal into a status with RetryInfo: RESOURCE_EXHAUSTED for a
// quota, UNAVAILABLE for want of room. An error of the call's own context
// becomes its status.
func refusal(err error) error {
	var refused *flow.RefusedError
	if !errors.As(err, &refused) {
		return status.FromContextError(err).Err()
	}
	code := codes.Unavailable
	if refused.Quota {
		code = codes.ResourceExhausted
	}
	st := status.New(code, refused.Reason)
	if with, e := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(refused.RetryAfter)}); e == nil {
		st = with
	}
	return st.Err()
}

// pushback is the trailer of a refusal.
func pushback(err error) metadata.MD {
	var refused *flow.RefusedError
	if !errors.As(err, &refused) {
		return nil
	}
	return metadata.Pairs(pushbackKey, strconv.FormatInt(refused.RetryAfter.Milliseconds(), 10))
}

// number reads a key of metadata.
func number(md metadata.MD, key string) (n int, ok bool) {
	values := md.Get(key)
	if len(values) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(values[0])
	return n, err == nil
}
