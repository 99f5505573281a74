// SPDX-License-Identifier: MIT

// grpc-go-heavy is a client that is busy and not hostile: 50 bidi streams of tiny messages at full
// speed on one connection. It fails when one of them ends before its time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "grpc-go-bench-server/benchpb"
)

// send sends until the time is up, and half-closes.
func send(stream grpc.BidiStreamingClient[pb.Req, pb.Rep], until time.Time) error {
	req := &pb.Req{Data: []byte("x")}
	for time.Now().Before(until) {
		if err := stream.Send(req); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// receive counts what comes back until the server has sent all of it.
func receive(stream grpc.BidiStreamingClient[pb.Req, pb.Rep], received *atomic.Int64) error {
	for {
		_, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		received.Add(1)
	}
}

func main() {
	server := flag.String("server", "", "HOST:PORT")
	streams := flag.Int("streams", 50, "at once")
	seconds := flag.Float64("seconds", 60, "how long")
	flag.Parse()
	conn, err := grpc.NewClient(*server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	until := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	var group sync.WaitGroup
	var received, failed atomic.Int64
	for range *streams {
		stream, err := pb.NewEchoClient(conn).Chat(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		group.Go(func() {
			if err := send(stream, until); err != nil {
				failed.Add(1)
			}
		})
		group.Go(func() {
			if err := receive(stream, &received); err != nil {
				log.Print(err)
				failed.Add(1)
			}
		})
	}
	group.Wait()
	verdict := "ok"
	if failed.Load() != 0 {
		verdict = "WRONG"
	}
	fmt.Printf("grpc-go: messages=%d streams=%d seconds=%.0f\n", received.Load(), *streams, *seconds)
	fmt.Printf("check 50-streams-of-tiny-messages %s got=failed:%d want=failed:0\n", verdict, failed.Load())
}
