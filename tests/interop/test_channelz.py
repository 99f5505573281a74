# SPDX-License-Identifier: MIT
"""test_channelz - grpcio asks `weir serve --channelz` what it does.

The messages are read by Google's protobuf, from the descriptors that protoc makes of the .proto.
"""
import datetime
import ipaddress
import pathlib
import queue
import socket
import subprocess
import tempfile
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from support import PATIENCE, WEIR, Server, connect, encode

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
PACKAGE = "grpc.channelz.v1."
PAGE_MAX = 100  # of src/services/channelz.c


def descriptors():
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", "-o", out.name,
                        "grpc/channelz/v1/channelz.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


POOL = descriptors()


def message(name):
    return message_factory.MessageFactory(POOL).GetPrototype(
        POOL.FindMessageTypeByName(PACKAGE + name))


class Channelz(unittest.TestCase):
    def setUp(self):
        self.server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", "--channelz")
        self.addCleanup(self.server.stop)
        self.channel = connect(self.server.address)
        self.addCleanup(self.channel.close)

    def ask(self, name, **fields):
        method = self.channel.unary_unary(
            f"/{PACKAGE}Channelz/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(name + "Response").FromString)
        return method(message(name + "Request")(**fields), timeout=PATIENCE)

    def assert_fails(self, code, name, **fields):
        with self.assertRaises(grpc.RpcError) as raised:
            self.ask(name, **fields)
        self.assertEqual(raised.exception.code(), code)

    def server_id(self):
        return self.ask("GetServers").server[0].ref.server_id

    def sockets(self):
        return self.ask("GetServerSockets", server_id=self.server_id()).socket_ref

    def tick(self, count, **named):
        call = self.channel.unary_stream("/weir.demo.v1.Streams/Tick")
        return list(call(encode({1: count}), timeout=PATIENCE, **named))

    def assert_now(self, timestamp):
        when = datetime.datetime.fromtimestamp(timestamp.seconds + timestamp.nanos / 1e9)
        self.assertLess(abs((datetime.datetime.now() - when).total_seconds()), PATIENCE)

    def test_a_server_counts_its_calls(self):
        self.tick(3)
        with self.assertRaises(grpc.RpcError):
            self.tick(1, metadata=[("weir-status", "5")])
        while True:  # a call is over when its trailers have left, which its client may know before
            answer = self.ask("GetServers")
            if answer.server[0].data.calls_succeeded >= 1 and \
                    answer.server[0].data.calls_failed == 1:
                break
        self.assertTrue(answer.end)
        server, = answer.server
        self.assertEqual(server.ref.name, "weir serve")
        self.assertEqual(self.ask("GetServer", server_id=server.ref.server_id).server.ref,
                         server.ref)
        self.assertGreaterEqual(server.data.calls_started, 3)
        self.assert_now(server.data.last_call_started_timestamp)

    def test_a_socket_shows_who_is_connected_and_what_it_did(self):
        self.tick(3)
        ref, = self.sockets()
        shown = self.ask("GetSocket", socket_id=ref.socket_id).socket
        self.assertEqual(shown.ref, ref)
        host, port = self.server.address.split(":")
        self.assertEqual(str(ipaddress.ip_address(shown.local.tcpip_address.ip_address)), host)
        self.assertEqual(shown.local.tcpip_address.port, int(port))
        self.assertEqual(f"{host}:{shown.remote.tcpip_address.port}", ref.name)
        self.assertGreaterEqual(shown.data.streams_started, 4)
        self.assertGreaterEqual(shown.data.streams_succeeded, 3)
        self.assertEqual(shown.data.streams_failed, 0)
        self.assertGreaterEqual(shown.data.messages_sent, 5)
        self.assertGreaterEqual(shown.data.messages_received, 3)
        self.assert_now(shown.data.last_remote_stream_created_timestamp)
        self.assertFalse(shown.data.HasField("last_local_stream_created_timestamp"))
        self.assert_now(shown.data.last_message_sent_timestamp)
        self.assertGreater(shown.data.local_flow_control_window.value, 0)
        self.assertGreater(shown.data.remote_flow_control_window.value, 0)
        self.assertFalse(shown.HasField("security"))

    def test_a_stream_is_seen_while_it_runs(self):
        requests = queue.Queue()
        chat = self.channel.stream_stream("/weir.demo.v1.Streams/Chat")
        call = chat(iter(requests.get, None), timeout=PATIENCE)
        for _ in range(7):
            requests.put(encode({1: "x"}))
            next(call)
        ref, = self.sockets()
        data = self.ask("GetSocket", socket_id=ref.socket_id).socket.data
        self.assertGreaterEqual(data.messages_received, 7)
        self.assertGreater(data.streams_started, data.streams_succeeded + data.streams_failed)
        requests.put(None)

    def test_sockets_come_in_pages(self):
        host, port = self.server.address.split(":")
        others = [socket.create_connection((host, int(port)), PATIENCE) for _ in range(PAGE_MAX)]
        while True:
            first = self.ask("GetServerSockets", server_id=self.server_id())
            if not first.end:
                break
        self.assertEqual(len(first.socket_ref), PAGE_MAX)
        rest = self.ask("GetServerSockets", server_id=self.server_id(), max_results=1000,
                        start_socket_id=first.socket_ref[-1].socket_id + 1)
        self.assertTrue(rest.end)
        ids = [ref.socket_id for ref in [*first.socket_ref, *rest.socket_ref]]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(len(ids), PAGE_MAX + 1)
        two = self.ask("GetServerSockets", server_id=self.server_id(), max_results=2)
        self.assertEqual([ref.socket_id for ref in two.socket_ref], ids[:2])
        self.assertFalse(two.end)
        for other in others:
            other.close()

    def test_what_is_not_there_is_not_found(self):
        sid = self.server_id()
        for name, field in (("GetServerSockets", "server_id"), ("GetChannel", "channel_id"),
                            ("GetSubchannel", "subchannel_id"), ("GetSocket", "socket_id")):
            for value in (0, -1, sid + 1, 1 << 62, -(1 << 63), (sid << 40) + 999):
                self.assert_fails(grpc.StatusCode.NOT_FOUND, name, **{field: value})
        self.assert_fails(grpc.StatusCode.NOT_FOUND, "GetChannel", channel_id=sid)
        self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, "GetServers", max_results=-1)
        answer = self.ask("GetTopChannels")
        self.assertTrue(answer.end and len(answer.channel) == 0)
        answer = self.ask("GetServers", start_server_id=sid + 1)
        self.assertTrue(answer.end and len(answer.server) == 0)

    def test_without_the_option_nothing_is_shown(self):
        server = Server(WEIR, "serve", "--listen", "127.0.0.1:0")
        self.addCleanup(server.stop)
        with connect(server.address) as channel, self.assertRaises(grpc.RpcError) as raised:
            channel.unary_unary(f"/{PACKAGE}Channelz/GetServers")(b"", timeout=PATIENCE)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


if __name__ == "__main__":
    unittest.main()
