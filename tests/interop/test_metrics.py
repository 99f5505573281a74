# SPDX-License-Identifier: MIT
"""test_metrics - what `weir serve --metrics` says of calls by grpcio, read by Prometheus' client."""
import contextlib
import http.client
import os
import socket
import subprocess
import unittest

import grpc
from prometheus_client.parser import text_string_to_metric_families

from support import PATIENCE, WEIR, Server, connect, encode

TICK = "weir.demo.v1.Streams/Tick"
CHECK = "grpc.health.v1.Health/Check"
SIZES = [0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
         268435456, 1073741824, 4294967296]
MAX_CONNECTIONS = 16  # of cli/metrics_server.c


class MetricsServer(Server):
    """`weir serve --metrics`, and where its metrics are: "metrics on http://HOST:PORT/metrics"."""

    def __init__(self, address="127.0.0.1:0", *options):
        super().__init__(WEIR, "serve", "--listen", "127.0.0.1:0", "--metrics", address, *options)
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(self.process.stdout.fileno(), 1)
        assert line.startswith(b"metrics on http://") and line.endswith(b"/metrics\n"), line
        host, port = line.decode().split("/")[2].rsplit(":", 1)
        self.http = host.strip("[]"), int(port)

    def ask(self, method="GET", path="/metrics"):
        connection = http.client.HTTPConnection(*self.http, timeout=PATIENCE)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def families(self):
        answer, body = self.ask()
        assert answer.status == 200, body
        return {family.name: family for family in text_string_to_metric_families(body)}

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Metrics(unittest.TestCase):
    def setUp(self):
        self.server = MetricsServer()
        self.addCleanup(self.server.stop)
        self.channel = connect(self.server.address)
        self.addCleanup(self.channel.close)

    def tick(self, count, **named):
        call = self.channel.unary_stream("/" + TICK)(encode({1: count}), timeout=PATIENCE, **named)
        try:
            return len(list(call)), call.code()
        except grpc.RpcError:
            return 0, call.code()

    def values(self, family, suffix=""):
        """{(labels in the order of their names): value} of the samples of this suffix."""
        family = self.server.families().get(family)
        if family is None:
            return {}  # nothing was counted yet
        return {tuple(value for _, value in sorted(sample.labels.items())): sample.value
                for sample in family.samples if sample.name == family.name + suffix}

    def wait_for(self, family, suffix, labels, value):
        """A call is counted when its stream is closed, which the client may know before."""
        while self.values(family, suffix).get(labels) != value:
            pass

    def test_calls_are_counted_by_method_and_status(self):
        self.assertEqual(self.tick(5), (5, grpc.StatusCode.OK))
        self.assertEqual(self.tick(7), (7, grpc.StatusCode.OK))
        self.assertEqual(self.tick(1, metadata=[("weir-status", "5")])[1],
                         grpc.StatusCode.NOT_FOUND)
        self.channel.unary_unary("/" + CHECK)(b"", timeout=PATIENCE)
        duration = "grpc_server_call_duration_seconds"
        self.wait_for(duration, "_count", (CHECK, "OK"), 1)
        self.assertEqual(self.values(duration, "_count"), {
            (TICK, "OK"): 2, (TICK, "NOT_FOUND"): 1, (CHECK, "OK"): 1})
        self.assertTrue(all(0 < value < PATIENCE for value in
                            self.values(duration, "_sum").values()))
        self.assertEqual(self.values("grpc_server_call_started", "_total"),
                         {(TICK,): 3, (CHECK,): 1})
        self.assertEqual(self.values("weir_server_call_sent_messages", "_total"),
                         {(TICK,): 12, (CHECK,): 1})
        self.assertEqual(self.values("weir_server_call_rcvd_messages", "_total"),
                         {(TICK,): 3, (CHECK,): 1})
        self.assertEqual(self.values("weir_server_connection_active"), {(): 1})
        self.assertEqual(self.values("weir_server_call_active"), {(TICK,): 0, (CHECK,): 0})
        self.assertEqual(set(self.values("weir_server_call_waited_seconds", "_total")),
                         {("peer",), ("memory",), ("socket",)})
        self.assertGreater(self.values("weir_server_memory_held_bytes")[()], 0)

    def test_sizes_are_those_of_the_messages(self):
        reply = encode({1: "message_0"})
        self.assertEqual(self.tick(3), (3, grpc.StatusCode.OK))
        sent = "grpc_server_call_sent_total_compressed_message_size_bytes"
        received = "grpc_server_call_rcvd_total_compressed_message_size_bytes"
        self.wait_for(sent, "_count", (TICK, "OK"), 1)
        self.assertEqual(self.values(sent, "_sum"), {(TICK, "OK"): 3 * len(reply)})
        self.assertEqual(self.values(received, "_sum"), {(TICK, "OK"): len(encode({1: 3}))})
        buckets = self.values(sent, "_bucket")
        self.assertEqual([float(le) for _, _, le in buckets], SIZES + [float("inf")])
        self.assertEqual(list(buckets.values()), [0] + [1] * len(SIZES))

    def test_methods_that_are_not_served_are_one(self):
        for i in range(20):
            with self.assertRaises(grpc.RpcError):
                self.channel.unary_unary(f"/no.Such/Method{i}")(b"", timeout=PATIENCE)
        self.wait_for("grpc_server_call_duration_seconds", "_count", ("other", "UNIMPLEMENTED"), 20)
        self.assertEqual(self.values("grpc_server_call_started", "_total"), {("other",): 20})

    def test_every_sample_has_help_and_a_type_and_a_unit(self):
        self.tick(1)
        for name, family in self.server.families().items():
            self.assertTrue(family.documentation.endswith("."), name)
            self.assertIn(family.type, ("counter", "gauge", "histogram"), name)
            self.assertEqual(name.endswith("_seconds"), "duration" in name or "waited" in name)
            self.assertEqual(name.endswith("_bytes"), "size" in name or "memory_" in name)

    def test_only_metrics_are_served_and_only_to_be_read(self):
        answer, body = self.server.ask()
        self.assertEqual((answer.status, answer.getheader("Content-Type")),
                         (200, "text/plain; version=0.0.4; charset=utf-8"))
        answer, nothing = self.server.ask("HEAD")
        self.assertEqual((answer.status, nothing), (200, ""))
        self.assertGreater(int(answer.getheader("Content-Length")), len(body) // 2)
        self.assertEqual(self.server.ask(path="/")[0].status, 404)
        self.assertEqual(self.server.ask(path="/metrics/../etc/passwd")[0].status, 404)
        answer, _ = self.server.ask("POST")
        self.assertEqual((answer.status, answer.getheader("Allow")), (405, "GET, HEAD"))

    def test_connections_are_few_and_others_wait(self):
        before = self.server.files()
        idle = [socket.create_connection(self.server.http, PATIENCE) for _ in range(30)]
        self.assertEqual(self.tick(1), (1, grpc.StatusCode.OK))
        self.assertLessEqual(self.server.files(), before + MAX_CONNECTIONS + 2)
        for connection in idle:
            connection.close()
        self.server.families()


class Refusals(unittest.TestCase):
    def test_connections_past_the_most_are_counted(self):
        server = MetricsServer("127.0.0.1:0", "--max-connections", "1")
        self.addCleanup(server.stop)
        with contextlib.closing(connect(server.address)) as channel:
            list(channel.unary_stream("/" + TICK)(encode({1: 1}), timeout=PATIENCE))
            host, port = server.address.rsplit(":", 1)
            for _ in range(3):
                with socket.create_connection((host, int(port)), PATIENCE) as refused:
                    self.assertEqual(refused.recv(1), b"")
            families = server.families()
        self.assertEqual([sample.value for name in ("refused", "opened") for sample in
                          families[f"weir_server_connection_{name}"].samples], [3, 1])


class Addresses(unittest.TestCase):
    def test_it_listens_on_what_was_said_and_nowhere_else(self):
        server = MetricsServer("127.0.0.2:0")
        self.addCleanup(server.stop)
        server.families()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.http[1]), PATIENCE)

    def assert_refused(self, address, words):
        said = subprocess.run([WEIR, "serve", "--listen", "127.0.0.1:0", "--metrics", address],
                              capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(said.stderr.decode(), f"weir serve: --metrics {address}: {words}\n")
        self.assertEqual(said.stdout, b"")

    def test_what_is_wrong_with_an_address_is_said(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.assert_refused(f"127.0.0.1:{taken.getsockname()[1]}", "Address already in use")
        for address in ("127.0.0.1", ":9090", "127.0.0.1:", "127.0.0.1:http", "::1:9090", "[::1]",
                        "127.0.0.1:65536", "127.0.0.1:99999"):
            self.assert_refused(address, "host:port or [v6]:port is an address")
        self.assert_refused("192.0.2.1:9090", "Cannot assign requested address")


if __name__ == "__main__":
    unittest.main()
