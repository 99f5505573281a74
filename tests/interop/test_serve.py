# SPDX-License-Identifier: MIT
"""test_serve - grpcio calls `weir serve`: each method, and what all of them answer to."""
import datetime
import hashlib
import json
import os
import pathlib
import queue
import socket
import subprocess
import tempfile
import unittest

import grpc

from support import MESSAGES, PATIENCE, WEIR, Server, ServerCase, decode, encode

MIB = 1 << 20
MILLISECOND = 1_000_000


class Streams(ServerCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.command = (WEIR, "serve", "--listen", "127.0.0.1:0", "--max-streams", "1000", "--dir",
                       cls.folder)
        super().setUpClass()

    @staticmethod
    def path(name):
        return "/weir.demo.v1.Streams/" + name

    def tick(self, count, interval=0, **named):
        named.setdefault("timeout", PATIENCE)
        call = self.channel.unary_stream(self.path("Tick"))
        return call(encode({1: count, 2: interval}), **named)

    def chat(self, requests, **named):
        named.setdefault("timeout", PATIENCE)
        return self.channel.stream_stream(self.path("Chat"))(requests, **named)

    def upload(self, requests, **named):
        return self.channel.stream_unary(self.path("Upload"))(requests, timeout=PATIENCE, **named)

    def assert_ends(self, call, code):
        """All replies of a call that ends with `code`."""
        replies = []
        try:
            for reply in call:
                replies.append(reply)
        except grpc.RpcError:
            pass
        self.assertEqual(call.code(), code, call.details())
        return replies

    def file(self, name, data):
        (self.folder / name).write_bytes(data)
        return name

    # ---- the four kinds ----

    def test_unary(self):
        reply = self.channel.unary_unary(self.path("Tick"))(encode({1: 1}), timeout=PATIENCE)
        self.assertEqual(reply, encode({1: "message_0"}))
        reply = self.channel.unary_unary(self.path("Upload"))(encode({1: b"abc"}), timeout=PATIENCE)
        self.assertEqual(decode(reply), {1: 3, 2: hashlib.sha256(b"abc").hexdigest().encode()})

    def test_server_stream(self):
        replies = self.assert_ends(self.tick(5000), grpc.StatusCode.OK)
        self.assertEqual(replies, [encode({1: f"message_{i}"}) for i in range(5000)])

    def test_client_stream(self):
        data = os.urandom(MIB)
        reply = self.upload(encode({1: data[:size]}) for size in range(0, MIB, 65536))
        sent = b"".join(data[:size] for size in range(0, MIB, 65536))
        self.assertEqual(decode(reply), {1: len(sent),
                                         2: hashlib.sha256(sent).hexdigest().encode()})

    def test_bidi(self):
        requests = queue.Queue()
        call = self.chat(iter(requests.get, None))
        for i in range(100):
            line = encode({1: f"line {i}"})
            requests.put(line)
            self.assertEqual(next(call), line)
        requests.put(None)
        self.assertEqual(self.assert_ends(call, grpc.StatusCode.OK), [])

    # ---- messages ----

    def test_empty_messages(self):
        self.assertEqual(self.assert_ends(self.chat(iter([b""] * 50)), grpc.StatusCode.OK),
                         [b""] * 50)
        empty = hashlib.sha256(b"").hexdigest().encode()
        self.assertEqual(decode(self.upload(iter([]))).get(2), empty)
        self.assertEqual(decode(self.upload(iter([b"", b""]))).get(2), empty)

    def test_3_mib_messages(self):
        line = encode({1: "x" * (3 * MIB)})
        self.assertTrue(self.assert_ends(self.chat(iter([line] * 3)), grpc.StatusCode.OK)
                        == [line] * 3)
        self.assertEqual(decode(self.upload(iter([line] * 3)))[1], 9 * MIB)

    def test_a_message_past_4_mib_is_refused(self):
        line = encode({1: "x" * (4 * MIB)})
        self.assert_ends(self.chat(iter([line])), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_a_download_is_the_file(self):
        data = os.urandom(5 * MIB + 123)
        request = encode({1: self.file("large", data), 2: 100_000})
        call = self.channel.unary_stream(self.path("Download"))(request, timeout=PATIENCE)
        replies = [decode(reply) for reply in self.assert_ends(call, grpc.StatusCode.OK)]
        self.assertEqual(replies[0][1], len(data))
        self.assertTrue(b"".join(reply.get(2, b"") for reply in replies) == data)

    def test_tail_follows_a_file_that_grows(self):
        name = self.file("log", b"first\nsecond\nthi")
        call = self.channel.unary_stream(self.path("Tail"))(encode({1: name}), timeout=PATIENCE)
        self.assertEqual([decode(next(call))[1] for _ in range(2)], [b"first", b"second"])
        with open(self.folder / name, "ab") as log:
            log.write(b"rd\nfourth\n")
        self.assertEqual([decode(next(call))[1] for _ in range(2)], [b"third", b"fourth"])
        call.cancel()

    def test_no_path_leaves_the_directory(self):
        os.symlink("/etc/passwd", self.folder / "link")
        os.mkdir(self.folder / "inside")
        for path in ("../etc/passwd", "/etc/passwd", "link", "inside/../../etc/passwd"):
            call = self.channel.unary_stream(self.path("Download"))(encode({1: path}),
                                                                    timeout=PATIENCE)
            self.assert_ends(call, grpc.StatusCode.PERMISSION_DENIED)

    # ---- metadata and statuses ----

    def test_metadata_comes_back_duplicates_in_order(self):
        pairs = [("echo-a", "one"), ("echo-a", "two"), ("echo-b-bin", bytes(range(256))),
                 ("echo-b-bin", b""), ("trailer-echo-c", "last ~!"),
                 ("trailer-echo-d-bin", b"\x00"), ("trailer-echo-d-bin", b"\xff\xff")]
        for call in (self.tick(1, metadata=pairs), self.chat(iter([b""]), metadata=pairs)):
            self.assertEqual(len(self.assert_ends(call, grpc.StatusCode.OK)), 1)
            for got, prefix in ((call.initial_metadata(), "echo-"),
                                (call.trailing_metadata(), "trailer-echo-")):
                names = {key for key, _ in pairs if key.startswith(prefix)}
                for name in names:
                    self.assertEqual([value for key, value in got if key == name],
                                     [value for key, value in pairs if key == name])

    def test_every_status_code(self):
        for code in list(grpc.StatusCode)[1:]:
            call = self.tick(1, metadata=[("weir-status", str(code.value[0])),
                                          ("weir-status-message", "why")])
            self.assertEqual(self.assert_ends(call, code), [])
            self.assertEqual(call.details(), "why")

    def test_status_messages_are_any_text(self):
        for message in MESSAGES:
            call = self.tick(1, metadata=[("weir-status", "NOT_FOUND"),
                                          ("weir-status-message-bin", message.encode())])
            self.assert_ends(call, grpc.StatusCode.NOT_FOUND)
            self.assertEqual(call.details(), message)

    def test_a_status_with_details_after_messages(self):
        call = self.tick(10, metadata=[("weir-status", "10"), ("weir-status-after", "3"),
                                       ("weir-status-message-bin", "grün\nund mehr".encode()),
                                       ("weir-status-details-bin", bytes(range(256)))])
        self.assertEqual(len(self.assert_ends(call, grpc.StatusCode.ABORTED)), 3)
        self.assertEqual(call.details(), "grün\nund mehr")
        self.assertEqual(dict(call.trailing_metadata())["grpc-status-details-bin"],
                         bytes(range(256)))

    def test_an_unknown_method_is_unimplemented(self):
        for path in (self.path("Nothing"), "/other.Service/Tick"):
            with self.assertRaises(grpc.RpcError) as raised:
                self.channel.unary_unary(path)(b"", timeout=PATIENCE)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_a_request_that_does_not_parse_is_internal(self):
        call = self.channel.unary_stream(self.path("Tick"))(b"\xff\xff\xff", timeout=PATIENCE)
        self.assert_ends(call, grpc.StatusCode.INTERNAL)

    # ---- ends ----

    def test_a_deadline_ends_a_stream(self):
        replies = self.assert_ends(self.tick(0, MILLISECOND, timeout=0.5),
                                   grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(replies, [encode({1: f"message_{i}"}) for i in range(len(replies))])
        self.assertGreater(len(replies), 0)
        self.assert_ends(self.chat(iter(queue.Queue().get, None), timeout=0.2),
                         grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_cancel_of_the_client_ends_a_stream(self):
        call = self.tick(0, MILLISECOND)
        self.assertEqual(next(call), encode({1: "message_0"}))
        call.cancel()
        self.assert_ends(call, grpc.StatusCode.CANCELLED)
        self.assertEqual(len(self.assert_ends(self.tick(3), grpc.StatusCode.OK)), 3)

    def test_a_cancel_of_the_server_ends_a_stream(self):
        call = self.tick(0, metadata=[("weir-status", "CANCELLED"), ("weir-status-after", "2")])
        self.assertEqual(len(self.assert_ends(call, grpc.StatusCode.CANCELLED)), 2)

    def test_a_thousand_streams_at_once_on_one_connection(self):
        queues = [queue.Queue() for _ in range(1000)]
        calls = [self.chat(iter(q.get, None)) for q in queues]
        for i, q in enumerate(queues):
            q.put(encode({1: f"line {i}"}))
        for i, call in enumerate(calls):
            self.assertEqual(next(call), encode({1: f"line {i}"}))
        # All of them run, and a thousand is what one connection may have: it is one connection.
        self.assertEqual(self.connections(), 1)
        for q in queues:
            q.put(None)
        for call in calls:
            self.assertEqual(self.assert_ends(call, grpc.StatusCode.OK), [])

    def connections(self):
        """How many open TCP connections the server has."""
        port = int(self.server.address.rsplit(":", 1)[1])
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in list(table)[1:]]
        return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01")


class Ending(unittest.TestCase):
    def test_a_server_that_is_told_to_end_lets_a_call_finish(self):
        server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", "--grace", "60s")
        with grpc.insecure_channel(server.address) as channel:
            call = channel.unary_stream("/weir.demo.v1.Streams/Tick")(
                encode({1: 300, 2: MILLISECOND}), timeout=PATIENCE)
            first = next(call)
            server.process.terminate()
            self.assertEqual(len([first, *call]), 300)
            self.assertEqual(call.code(), grpc.StatusCode.OK)
        self.assertEqual(server.process.wait(PATIENCE), 0)
        server.close()

    def test_a_server_ends_while_a_client_says_nothing(self):
        server = Server(WEIR, "serve", "--listen", "127.0.0.1:0")
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE):
            server.stop()


class Log(unittest.TestCase):
    """What `weir serve --log` writes, when a call comes and a peer says goodbye in its own way."""

    DEBUG = b'"\\\n\xff'  # a quote, a backslash, the end of a line, no UTF-8

    def lines(self, form):
        server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", "--log", form)
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as peer:
            name = "{}:{}".format(*peer.getsockname())
            goaway = bytes(4) + (11).to_bytes(4, "big") + self.DEBUG
            peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) +
                         bytes([0, 0, len(goaway), 7, 0, 0, 0, 0, 0]) + goaway)
            while peer.recv(4096):
                pass
        server.process.terminate()
        self.assertEqual(server.process.wait(PATIENCE), 0)
        lines = server.said().splitlines()
        server.close()
        return name, lines

    def test_json_is_one_object_a_line(self):
        name, lines = self.lines("json")
        events = [json.loads(line) for line in lines]
        self.assertEqual([event["event"] for event in events[:2]],
                         ["connection_opened", "goaway_received"])
        self.assertIn("connection_closed", [event["event"] for event in events])
        for event in events:
            self.assertEqual((event["peer"], event["connection"]), (name, 1))
            self.assertTrue(datetime.datetime.fromisoformat(event["time"]))
        self.assertEqual((events[1]["level"], events[1]["error"], events[1]["debug"]),
                         ("warning", 11, '"\\\\\\x0a\\xff'))

    def test_text_is_one_line_with_quoted_words(self):
        name, lines = self.lines("text")
        self.assertRegex(lines[0], rf'^[-0-9]+T[:.0-9]+Z info connection_opened connection=1 '
                                   rf'peer="{name}"$')
        self.assertTrue(lines[1].endswith(
            r' warning goaway_received connection=1 peer="' + name +
            r'" error=11 debug="\"\\\\\\x0a\\xff"'), lines[1])

    def test_another_form_is_refused(self):
        said = subprocess.run([WEIR, "serve", "--log", "xml"], capture_output=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((said.returncode, said.stderr),
                         (2, b'weir serve: --log xml: no such form; "text" and "json" are\n'))


if __name__ == "__main__":
    unittest.main()
