#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""grpcio_server - bench.Echo on grpcio, so on gRPC's core in C, to compare weir with."""
import signal
from concurrent import futures

import grpc


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def parse(data):
    """{field: value} of a bench.Req."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def reply(data):
    out, size = bytearray([1 << 3 | 2]), len(data)
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out) + data


def unary(request, _):
    return reply(request.get(3, b""))


def down(request, _):
    message = reply(b"x" * request.get(2, 0))
    for _ in range(request.get(1, 0)):
        yield message


def up(requests, _):
    return reply(str(sum(len(request.get(3, b"")) for request in requests)).encode())


def chat(requests, _):
    for request in requests:
        yield reply(request.get(3, b""))


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=128))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, parse),
        "Down": grpc.unary_stream_rpc_method_handler(down, parse),
        "Up": grpc.stream_unary_rpc_method_handler(up, parse),
        "Chat": grpc.stream_stream_rpc_method_handler(chat, parse),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM})
    server.stop(0).wait()


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
main()
