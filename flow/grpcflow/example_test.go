package grpcflow_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/grpcflow"
)

func Example() {
	// The server: a door of one place where nobody may wait, to see it full.
	door := flow.NewAdmission(flow.AdmissionConfig{Limiter: flow.NewLimiter(flow.Fixed(1)), Waiting: -1})
	opts := append(grpcflow.NewServer(grpcflow.Config{Admission: door}).Options(), grpcflow.ServerOptions(0, 0)...)
	srv := grpc.NewServer(opts...)
	healthpb.RegisterHealthServer(srv, &service{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Stop()

	// The client: as many calls in flight as the server turns out to take.
	client := grpcflow.NewClient(flow.NewLimiter(flow.Knee(flow.KneeConfig{})))
	dial := append(client.Options(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	cc, err := grpc.NewClient(ln.Addr().String(), dial...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = cc.Close() }()

	ctx := context.Background()
	call := func() error {
		_, err := healthpb.NewHealthClient(cc).Check(ctx, &healthpb.HealthCheckRequest{})
		return err
	}
	fmt.Println(call())
	_ = door.Enter(ctx, flow.Visit{}) // somebody is in
	err = call()
	fmt.Println(status.Code(err), flow.RetryAfter(grpcflow.Mark(err)) > 0)
	// Output:
	// <nil>
	// Unavailable true
}
