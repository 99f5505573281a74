// SPDX-License-Identifier: MIT

// grpc-go-bench-server is bench.Echo on grpc-go, to compare weir with.
//
// One thread runs Go code by default (GOMAXPROCS), like the servers it is compared with; the
// garbage collector's threads come on top of that, and their time counts.
package main

//go:generate protoc -I../.. --go_out=benchpb --go_opt=paths=source_relative --go-grpc_out=benchpb --go-grpc_opt=paths=source_relative --go_opt=Mbench.proto=grpc-go-bench-server/benchpb --go-grpc_opt=Mbench.proto=grpc-go-bench-server/benchpb bench.proto

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"runtime"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	pb "grpc-go-bench-server/benchpb"
)

type server struct {
	pb.UnimplementedEchoServer
}

func (server) Unary(_ context.Context, req *pb.Req) (*pb.Rep, error) {
	return &pb.Rep{Data: req.Data}, nil
}

func ticks(req *pb.Req, stream grpc.ServerStreamingServer[pb.Rep]) error {
	ticker := time.NewTicker(time.Duration(req.IntervalMs) * time.Millisecond)
	defer ticker.Stop()
	for i := int32(0); i < req.Count; i++ {
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		if err := stream.Send(&pb.Rep{Data: fmt.Appendf(nil, "message_%d", i)}); err != nil {
			return err
		}
	}
	return nil
}

func (server) Down(req *pb.Req, stream grpc.ServerStreamingServer[pb.Rep]) error {
	if req.IntervalMs > 0 {
		return ticks(req, stream)
	}
	for i := int32(0); i < req.Count; i++ {
		rep := &pb.Rep{Data: bytes.Repeat([]byte{'x'}, int(max(req.Size, 0)))}
		if err := stream.Send(rep); err != nil {
			return err
		}
	}
	return nil
}

func (server) Up(stream grpc.ClientStreamingServer[pb.Req, pb.Rep]) error {
	total := 0
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&pb.Rep{Data: strconv.AppendInt(nil, int64(total), 10)})
		}
		if err != nil {
			return err
		}
		total += len(req.Data)
	}
}

func (server) Chat(stream grpc.BidiStreamingServer[pb.Req, pb.Rep]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.Rep{Data: req.Data}); err != nil {
			return err
		}
	}
}

const pieceSize = 64 * 1024

// One long transfer over one connection, as weir-path-client does it.
func transfer(target, kind string, seconds float64) error {
	conn, err := grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := time.Now()
	end := start.Add(time.Duration(seconds * float64(time.Second)))
	move := download
	if kind == "up" {
		move = upload
	}
	total, err := move(ctx, pb.NewEchoClient(conn), end)
	if err != nil {
		return err
	}
	fmt.Printf("bytes_per_second %.0f\n", float64(total)/time.Since(start).Seconds())
	return nil
}

func download(ctx context.Context, client pb.EchoClient, end time.Time) (int, error) {
	stream, err := client.Down(ctx, &pb.Req{Count: math.MaxInt32, Size: pieceSize})
	total := 0
	for err == nil && time.Now().Before(end) {
		var rep *pb.Rep
		rep, err = stream.Recv()
		total += len(rep.GetData())
	}
	return total, err
}

func upload(ctx context.Context, client pb.EchoClient, end time.Time) (int, error) {
	stream, err := client.Up(ctx)
	req := &pb.Req{Data: make([]byte, pieceSize)}
	for err == nil && time.Now().Before(end) {
		err = stream.Send(req)
	}
	if err != nil {
		return 0, err
	}
	rep, err := stream.CloseAndRecv()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(rep.Data))
}

func serverOptions(certificate, key string) []grpc.ServerOption {
	if certificate == "" {
		return nil
	}
	tls, err := credentials.NewServerTLSFromFile(certificate, key)
	if err != nil {
		log.Fatal(err)
	}
	return []grpc.ServerOption{grpc.Creds(tls)}
}

func main() {
	transferTo := flag.String("transfer", "", "HOST:PORT: be a client, and do one long transfer")
	kind := flag.String("kind", "down", "of transfer: up or down")
	seconds := flag.Float64("seconds", 5, "that it takes")
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	certificate := flag.String("tls-cert", "", "TLS, with this certificate")
	key := flag.String("tls-key", "", "and its key")
	threads := flag.Int("threads", 1, "that run Go code at once")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	if *transferTo != "" {
		if err := transfer(*transferTo, *kind, *seconds); err != nil {
			log.Fatal(err)
		}
		return
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	serving := grpc.NewServer(serverOptions(*certificate, *key)...)
	pb.RegisterEchoServer(serving, server{})
	log.Fatal(serving.Serve(listener))
}
