// Calls over gRPC that wait: in a handler, for its answer, for the next message of a stream.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

type server struct {
	healthpb.UnimplementedHealthServer
}

func (s *server) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *server) Watch(r *healthpb.HealthCheckRequest, w healthpb.Health_WatchServer) error {
	if err := w.Send(&healthpb.HealthCheckResponse{}); err != nil {
		return err
	}
	<-w.Context().Done()
	return w.Context().Err()
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, &server{})
	go s.Serve(l)
	c, err := grpc.Dial(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	client := healthpb.NewHealthClient(c)
	for i := 0; i < 3; i++ {
		go func() {
			ctx, cancel := context.WithDeadline(context.Background(), time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC))
			defer cancel()
			client.Check(ctx, &healthpb.HealthCheckRequest{Service: "shop"})
		}()
	}
	for i := 0; i < 2; i++ {
		go func() {
			w, err := client.Watch(context.Background(), &healthpb.HealthCheckRequest{Service: "depot"})
			if err != nil {
				panic(err)
			}
			for {
				if _, err := w.Recv(); err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(500 * time.Millisecond)
	fmt.Printf("ready {\"address\": %q}\n", l.Addr())
	select {}
}
