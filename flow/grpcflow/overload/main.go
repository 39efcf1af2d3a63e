// Command overload shows a gRPC server under ten times its capacity, as it is and
// behind grpcflow, side by side.
package main

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/grpcflow"
	"github.com/weir-kafka/weir/integration/overload/trial"
)

func main() { trial.Main(subject()) }

func subject() trial.Subject { return trial.Subject{Name: "gRPC", ServeFunc: serve, DialFunc: dial} }

// worker answers the check of the health service, a call that every gRPC library
// has, with work.
type worker struct {
	healthpb.UnimplementedHealthServer
	work func()
}

func (w *worker) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	w.work()
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func serve(ctx context.Context, ln net.Listener, work func(), guarded bool) error {
	var opts []grpc.ServerOption
	if guarded {
		opts = append(grpcflow.NewServer(grpcflow.Config{}).Options(), grpcflow.ServerOptions(0, 0)...)
	}
	srv := grpc.NewServer(opts...)
	healthpb.RegisterHealthServer(srv, &worker{work: work})
	stop := context.AfterFunc(ctx, srv.Stop)
	defer stop()
	return srv.Serve(ln)
}

// connections of the load generator: a load of many clients, not of one whose
// stream limit would be what bounds it.
const connections = 16

func dial(addr string) (func(context.Context) trial.Answer, error) {
	clients := make([]healthpb.HealthClient, connections)
	for i := range clients {
		cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		clients[i] = healthpb.NewHealthClient(cc)
	}
	var next atomic.Uint64
	return func(ctx context.Context) trial.Answer {
		_, err := clients[next.Add(1)%connections].Check(ctx, &healthpb.HealthCheckRequest{})
		switch status.Code(err) {
		case codes.OK:
			return trial.Served
		case codes.Unavailable, codes.ResourceExhausted:
			if flow.RetryAfter(grpcflow.Mark(err)) == 0 {
				return trial.Bare
			}
			return trial.Refused
		default:
			return trial.Failed
		}
	}, nil
}
