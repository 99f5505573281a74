#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""echo_server - the service of service.h, served by grpcio for weir's client.

Runs inside the test. `Echo.cut_off` is set when a call was over that does not end by itself: a
Sleep, or a Bidi with weir-hold in its metadata, which answers once.
"""
import concurrent.futures
import threading

import grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Echo(grpc.GenericRpcHandler):
    def __init__(self):
        self.cut_off = threading.Event()
        self.barrier = threading.Barrier(1000)

    def service(self, details):
        name = details.method.removeprefix("/weir.test.Echo/")
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "ServerStream": grpc.unary_stream_rpc_method_handler(self.server_stream),
            "ClientStream": grpc.stream_unary_rpc_method_handler(self.client_stream),
            "Bidi": grpc.stream_stream_rpc_method_handler(self.bidi),
            "Sleep": grpc.stream_stream_rpc_method_handler(self.sleep),
            "Cancel": grpc.stream_stream_rpc_method_handler(self.cancel),
            "Barrier": grpc.unary_unary_rpc_method_handler(self.wait),
        }.get(name)

    @staticmethod
    def reflect(context):
        """Sends the metadata back and sets the status that the request asks for."""
        pairs = context.invocation_metadata()
        metadata = dict(pairs)
        back = [(key, value) for key, value in pairs if key.startswith("echo-")]
        context.send_initial_metadata(back)
        if "weir-status-details-bin" in metadata:
            back.append(("grpc-status-details-bin", metadata["weir-status-details-bin"]))
        context.set_trailing_metadata(back)
        if "weir-status" in metadata:
            context.set_code(CODES[int(metadata["weir-status"])])
            context.set_details(metadata.get("weir-status-message-bin", b"").decode())

    def unary(self, request, context):
        self.reflect(context)
        if context.code() is not None:
            context.abort(context.code(), context.details())  # else grpcio sends the reply, too
        return request

    def server_stream(self, request, context):
        self.reflect(context)
        count, size = (int(number) for number in request.split())
        for i in range(count):
            yield str(i).encode().ljust(size, b"x")

    def client_stream(self, requests, context):
        self.reflect(context)
        sizes = [len(request) for request in requests]
        return b"%d %d" % (len(sizes), sum(sizes))

    def bidi(self, requests, context):
        self.reflect(context)
        if "weir-hold" not in dict(context.invocation_metadata()):
            yield from requests
        else:
            over = self.note_end(context)
            yield next(requests)
            over.wait()

    def note_end(self, context):
        """For a call that does not end by itself: an event for when it is over."""
        over = threading.Event()
        context.add_callback(self.cut_off.set)
        if not context.add_callback(over.set):
            over.set()
        return over

    def sleep(self, requests, context):
        self.note_end(context).wait()
        yield b"too late"

    def cancel(self, requests, context):
        next(requests)
        context.cancel()
        yield b"too late"

    def wait(self, request, context):
        self.barrier.wait(60)
        return context.peer().encode()


def start(compression=None, credentials=None):
    """The service, its server, and its address."""
    echo = Echo()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=1100), handlers=[echo],
                         options=[("grpc.max_concurrent_streams", 1000), ("grpc.so_reuseport", 0)],
                         compression=compression)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return echo, server, f"127.0.0.1:{port}"
