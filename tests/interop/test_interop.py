# SPDX-License-Identifier: MIT
"""test_interop - gRPC's own interoperability tests: weir's client against weir's server, and grpcio,
with messages of Google's protobuf, against weir's server.

The official clients and servers of other languages do the same in `./dev conformance`.
"""
import pathlib
import subprocess
import tempfile
import threading
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from support import BIN, PATIENCE, ServerCase

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
SERVER = (BIN / "weir-interop-server", "--port", "0")
CLIENT = BIN / "weir-interop-client"
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
CODE = grpc.StatusCode
MILLISECOND_US = 1000

CASES = ("empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong",
         "empty_stream", "custom_metadata", "status_code_and_message", "special_status_message",
         "unimplemented_method", "unimplemented_service", "cancel_after_begin",
         "cancel_after_first_response", "timeout_on_sleeping_server", "client_compressed_unary",
         "server_compressed_unary", "client_compressed_streaming", "server_compressed_streaming")


def run_case(name, address):
    host, port = address.rsplit(":", 1)
    return subprocess.run([CLIENT, "--server_host", host, "--server_port", port, "--test_case",
                           name], capture_output=True, text=True, timeout=PATIENCE, check=False)


class WeirOnWeir(ServerCase):
    command = SERVER

    def test_the_client_has_every_case(self):
        listed = subprocess.run([CLIENT], capture_output=True, text=True, check=True).stdout
        self.assertEqual(tuple(listed.split()), CASES)

    def test_a_case_that_fails_says_what_was_expected(self):
        done = run_case("empty_unary", "127.0.0.1:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("expected OK, got UNAVAILABLE", done.stderr)

    def test_an_unknown_case_is_a_wrong_argument(self):
        self.assertEqual(run_case("no_such_case", self.server.address).returncode, 2)


def add_case(name):
    def test(self):
        done = run_case(name, self.server.address)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    setattr(WeirOnWeir, "test_" + name, test)


for case in CASES:
    add_case(case)


def load_messages():
    """Classes of google.protobuf for the messages of test.proto, by their short names."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "test.descriptors"
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports",
                        f"--descriptor_set_out={path}", "grpc/testing/test.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {message.name: factory.GetPrototype(
                pool.FindMessageTypeByName("grpc.testing." + message.name))
            for file in files.file for message in file.message_type}


class Grpcio(ServerCase):
    command = SERVER

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.messages = load_messages()

    def make(self, name, **fields):
        return self.messages[name](**fields)

    def payload(self, size):
        return self.make("Payload", body=bytes(size))

    def outputs(self, *sizes, interval_us=0, **fields):
        """A request for responses of these sizes."""
        parameters = [self.make("ResponseParameters", size=size, interval_us=interval_us)
                      for size in sizes]
        return self.make("StreamingOutputCallRequest", response_parameters=parameters, **fields)

    def method(self, kind, name, response, service="TestService"):
        return getattr(self.channel, kind)(
            f"/grpc.testing.{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.messages[response].FromString)

    def unary(self, **fields):
        call = self.method("unary_unary", "UnaryCall", "SimpleResponse")
        return call(self.make("SimpleRequest", **fields), timeout=PATIENCE)

    def duplex(self, requests, name="FullDuplexCall", **named):
        call = self.method("stream_stream", name, "StreamingOutputCallResponse")
        return call(iter(requests), timeout=named.pop("timeout", PATIENCE), **named)

    def assert_zeros(self, payload, size):
        self.assertEqual(len(payload.body), size)
        self.assertFalse(any(payload.body))

    def assert_sizes(self, responses, sizes):
        responses = list(responses)
        self.assertEqual([len(response.payload.body) for response in responses], sizes)
        for response, size in zip(responses, sizes):
            self.assert_zeros(response.payload, size)

    def assert_ends(self, code, call, details=None):
        with self.assertRaises(grpc.RpcError) as raised:
            list(call())
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        if details is not None:
            self.assertEqual(raised.exception.details(), details)

    def test_empty_unary(self):
        call = self.method("unary_unary", "EmptyCall", "Empty")
        self.assertEqual(call(self.make("Empty"), timeout=PATIENCE), self.make("Empty"))

    def test_large_unary(self):
        response = self.unary(response_size=314159, payload=self.payload(271828))
        self.assert_zeros(response.payload, 314159)

    def test_client_streaming(self):
        call = self.method("stream_unary", "StreamingInputCall", "StreamingInputCallResponse")
        requests = [self.make("StreamingInputCallRequest", payload=self.payload(size))
                    for size in (27182, 8, 1828, 45904)]
        response = call(iter(requests), timeout=PATIENCE)
        self.assertEqual(response.aggregated_payload_size, 74922)

    def test_server_streaming(self):
        call = self.method("unary_stream", "StreamingOutputCall", "StreamingOutputCallResponse")
        sizes = [31415, 9, 2653, 58979]
        self.assert_sizes(call(self.outputs(*sizes), timeout=PATIENCE), sizes)

    def test_ping_pong(self):
        sizes = [31415, 9, 2653, 58979]
        requests = [self.outputs(size, payload=self.payload(received))
                    for size, received in zip(sizes, (27182, 8, 1828, 45904))]
        self.assert_sizes(self.duplex(requests), sizes)

    def test_empty_stream(self):
        self.assertEqual(list(self.duplex([])), [])

    def test_half_duplex_answers_after_the_last_request(self):
        requests = [self.outputs(1, 2), self.outputs(), self.outputs(3)]
        self.assert_sizes(self.duplex(requests, name="HalfDuplexCall"), [1, 2, 3])

    def test_custom_metadata(self):
        method = self.method("unary_unary", "UnaryCall", "SimpleResponse")
        _, unary = method.with_call(self.make("SimpleRequest"), metadata=(INITIAL, TRAILING),
                                    timeout=PATIENCE)
        duplex = self.duplex([self.outputs(314159)], metadata=(INITIAL, TRAILING))
        self.assert_sizes(duplex, [314159])
        for call in (unary, duplex):
            self.assertIn(INITIAL, call.initial_metadata())
            self.assertIn(TRAILING, call.trailing_metadata())

    def test_status_code_and_message(self):
        status = self.make("EchoStatus", code=2, message="test status message")
        self.assert_ends(CODE.UNKNOWN, lambda: self.unary(response_status=status),
                         "test status message")
        self.assert_ends(CODE.UNKNOWN,
                         lambda: self.duplex([self.outputs(response_status=status)]),
                         "test status message")

    def test_special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
        status = self.make("EchoStatus", code=2, message=text)
        self.assert_ends(CODE.UNKNOWN, lambda: self.unary(response_status=status), text)

    def test_unimplemented_method_and_service(self):
        for service in ("TestService", "UnimplementedService"):
            call = self.method("unary_unary", "UnimplementedCall", "Empty", service)
            self.assert_ends(CODE.UNIMPLEMENTED,
                             lambda: call(self.make("Empty"), timeout=PATIENCE))

    def test_cancel_after_first_response(self):
        held = threading.Event()  # the requests do not end
        self.addCleanup(held.set)

        def requests():
            yield self.outputs(31415)
            held.wait()

        call = self.duplex(requests())
        self.assert_zeros(next(call).payload, 31415)
        call.cancel()
        self.assert_ends(CODE.CANCELLED, lambda: call)

    def test_a_sleeping_server_is_timed_out(self):
        self.assert_ends(CODE.DEADLINE_EXCEEDED, lambda: self.duplex(
            [self.outputs(1, interval_us=600_000_000)], timeout=0.05))

    def test_an_interval_comes_before_each_response(self):
        call = self.method("unary_stream", "StreamingOutputCall", "StreamingOutputCallResponse")
        # Three waits of 40 ms do not fit into 100, and each response comes on its own.
        with self.assertRaises(grpc.RpcError) as raised:
            responses = call(self.outputs(1, 2, 3, interval_us=40 * MILLISECOND_US), timeout=0.1)
            for _ in responses:
                pass
        self.assertEqual(raised.exception.code(), CODE.DEADLINE_EXCEEDED)

    def test_compressed_messages_both_ways(self):
        yes = self.make("BoolValue", value=True)
        call = self.method("unary_unary", "UnaryCall", "SimpleResponse")
        response = call(self.make("SimpleRequest", payload=self.payload(271828),
                                  response_size=314159, expect_compressed=yes,
                                  response_compressed=yes),
                        compression=grpc.Compression.Gzip, timeout=PATIENCE)
        self.assert_zeros(response.payload, 314159)
        call = self.method("stream_unary", "StreamingInputCall", "StreamingInputCallResponse")
        request = self.make("StreamingInputCallRequest", payload=self.payload(27182),
                            expect_compressed=yes)
        response = call(iter([request] * 3), compression=grpc.Compression.Deflate,
                        timeout=PATIENCE)
        self.assertEqual(response.aggregated_payload_size, 3 * 27182)
        parameters = [self.make("ResponseParameters", size=size,
                                compressed=self.make("BoolValue", value=size > 5))
                      for size in (31415, 5, 92653)]
        call = self.method("unary_stream", "StreamingOutputCall", "StreamingOutputCallResponse")
        request = self.make("StreamingOutputCallRequest", response_parameters=parameters)
        self.assert_sizes(call(request, timeout=PATIENCE), [31415, 5, 92653])

    def test_what_the_server_cannot_do_is_refused(self):
        compressed = self.make("BoolValue", value=True)  # and it is not
        for fields in ({"response_size": -1}, {"response_size": 1 << 30}, {"response_type": 7},
                       {"expect_compressed": compressed}):
            self.assert_ends(CODE.INVALID_ARGUMENT, lambda: self.unary(**fields))


if __name__ == "__main__":
    unittest.main()
