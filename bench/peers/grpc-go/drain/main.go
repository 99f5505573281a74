// SPDX-License-Identifier: MIT

// drain calls two servers at a steady rate while one of them is told to stop, as clients do that
// know both: round_robin, and no retries. `tools/conformance/drain` runs it.
//
// It says "calling" when calls run on both, and at the end what became of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/encoding/protowire"
)

const policy = `{"loadBalancingConfig":[{"round_robin":{}}]}`

// Messages as they are: the streams need no generated code.
type raw struct{}

func (raw) Name() string                       { return "proto" }
func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

type tally struct {
	ok, failed atomic.Int64
}

func (t *tally) count(what string, err error) {
	if err == nil {
		t.ok.Add(1)
		return
	}
	if t.failed.Add(1) <= 5 {
		fmt.Printf("%s: %v\n", what, err)
	}
}

func connect(addresses string) *grpc.ClientConn {
	both := manual.NewBuilderWithScheme("both")
	state := resolver.State{}
	for _, address := range strings.Split(addresses, ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	both.InitialState(state)
	conn, err := grpc.NewClient("both:///weir", grpc.WithResolvers(both), grpc.WithDisableRetry(),
		grpc.WithDefaultServiceConfig(policy),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// A stream of so many ticks, 10 ms apart, that must come to its end.
func ticks(conn *grpc.ClientConn, count uint64) error {
	request := protowire.AppendTag(nil, 1, protowire.VarintType)
	request = protowire.AppendVarint(request, count)
	request = protowire.AppendTag(request, 2, protowire.VarintType)
	request = protowire.AppendVarint(request, uint64(10*time.Millisecond))
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true},
		"/weir.demo.v1.Streams/Tick", grpc.ForceCodec(raw{}))
	if err == nil {
		err = stream.SendMsg(&request)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	got := uint64(0)
	for err == nil {
		var reply []byte
		if err = stream.RecvMsg(&reply); err == nil {
			got++
		}
	}
	if errors.Is(err, io.EOF) && got == count {
		return nil
	}
	return fmt.Errorf("%d of %d messages, then %w", got, count, err)
}

func check(client health.HealthClient) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := client.Check(ctx, &health.HealthCheckRequest{})
	return err
}

func main() {
	addresses := flag.String("addresses", "", "HOST:PORT,HOST:PORT")
	rate := flag.Int("rate", 2000, "calls a second")
	seconds := flag.Int("seconds", 6, "that calls are made")
	streams := flag.Int("streams", 20, "that are open meanwhile, for 3 seconds each")
	flag.Parse()

	conn := connect(*addresses)
	defer conn.Close()
	client := health.NewHealthClient(conn)
	var calls, flows tally
	var running sync.WaitGroup

	for range *streams {
		running.Go(func() { flows.count("stream", ticks(conn, 300)) })
	}
	start := time.Now()
	made, said := 0, false
	for ; time.Since(start) < time.Duration(*seconds)*time.Second; time.Sleep(time.Millisecond) {
		for due := int(time.Since(start).Seconds() * float64(*rate)); made < due; made++ {
			running.Go(func() { calls.count("call", check(client)) })
		}
		if !said && time.Since(start) > time.Second {
			fmt.Println("calling")
			said = true
		}
	}
	running.Wait()
	fmt.Printf("calls %d failed %d streams %d failed %d\n", calls.ok.Load(), calls.failed.Load(),
		flows.ok.Load(), flows.failed.Load())
}
