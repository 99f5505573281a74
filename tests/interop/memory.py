# SPDX-License-Identifier: MIT
"""memory - what a release build of the server holds for calls that do not move.

A client of its own, on bare sockets, so that it decides about every window: 10 connections with 100
calls each. Before each measurement every connection has answered a PING that was sent after all
else, so nothing is under way.
"""
import selectors
import socket
import struct
import sys
import time
import unittest

from support import BIN, PATIENCE, Server

MIB = 1 << 20
CONNECTIONS, CALLS = 10, 100
MESSAGE = 16 * 1024
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS = 4
WINDOW = 65535


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload


def literal(name, value):
    """One HPACK field, without indexing and without Huffman."""
    name, value = name.encode(), value.encode()
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class Connection:
    """One HTTP/2 connection that gives no window unless it is told to."""

    def __init__(self, address, connection_window=WINDOW):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE)
        self.socket.settimeout(PATIENCE)
        self.buffer = bytearray()
        self.received = {}  # bytes of DATA of each HTTP/2 stream
        self.ended = set()
        self.next_stream = 1
        self.pongs = 0
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        if connection_window > WINDOW:
            self.grant(0, connection_window - WINDOW)

    def send(self, data):
        self.socket.sendall(data)

    def grant(self, stream, size):
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size)))

    def call(self, path, request=None, end=True):
        """Opens a call; a request of None sends no message and leaves the stream open."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        block = b"".join(literal(*pair) for pair in (
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
            ("te", "trailers"), ("content-type", "application/grpc")))
        data = frame(HEADERS, END_HEADERS, stream, block)
        if request is not None:
            data += frame(DATA, END_STREAM if end else 0, stream, message(request))
        self.send(data)
        self.received[stream] = 0
        return stream

    def read_until(self, done):
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "too slow"
            self.feed(self.socket.recv(1 << 18))

    def feed(self, data):
        assert data, "the server closed the connection"
        self.buffer += data
        at = 0
        while len(self.buffer) - at >= 9:
            size = int.from_bytes(self.buffer[at:at + 3], "big")
            if len(self.buffer) - at < 9 + size:
                break
            kind, flags = self.buffer[at + 3], self.buffer[at + 4]
            stream = int.from_bytes(self.buffer[at + 5:at + 9], "big") & 0x7fffffff
            if kind == DATA:
                self.received[stream] += size
            elif kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK, 0))
            elif kind == PING and flags & ACK:
                self.pongs += 1
            elif kind in (RST_STREAM, GOAWAY):
                raise AssertionError(f"frame {kind}: {bytes(self.buffer[at + 9:at + 9 + size])}")
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                self.ended.add(stream)
            at += 9 + size
        del self.buffer[:at]

    def settle(self):
        """Returns when the server has dealt with all that was sent."""
        pongs = self.pongs
        self.send(frame(PING, 0, 0, b"are you "))
        self.read_until(lambda: self.pongs > pongs)

    def close(self):
        self.socket.close()


def rss(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class Memory(unittest.TestCase):
    def setUp(self):
        self.server = Server(BIN / "echo_server")
        self.addCleanup(self.server.stop)
        first = Connection(self.server.address)
        stream = first.call("/weir.test.Echo/Unary", b"warm")
        first.read_until(lambda: stream in first.ended)
        first.close()
        self.before = rss(self.server.process)

    def connect(self, **options):
        connections = [Connection(self.server.address, **options) for _ in range(CONNECTIONS)]
        for connection in connections:
            self.addCleanup(connection.close)
        return connections

    def assert_added(self, what, limit):
        added = (rss(self.server.process) - self.before) / MIB
        print(f"{what}: {added:.1f} MiB (at most {limit})", file=sys.stderr)
        self.assertLessEqual(added, limit)

    def finish(self, connections, size):
        """The stalled readers resume and get all of their messages."""
        for connection in connections:
            connection.grant(0, 1 << 29) # of one that sent nothing yet it must not overflow
            for stream in connection.received:
                connection.grant(stream, 1 << 30)
        with selectors.DefaultSelector() as selector:
            for connection in connections:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            while any(len(c.ended) < CALLS for c in connections):
                ready = selector.select(PATIENCE)
                assert ready, "a stalled reader got nothing more"
                for key, _ in ready:
                    key.data.feed(key.data.socket.recv(1 << 18))
        for connection in connections:
            self.assertEqual(set(connection.received.values()), {size})

    def stalled(self, what, count, connection_window, held_back):
        connections = self.connect(connection_window=connection_window)
        for connection in connections:
            for _ in range(CALLS):
                connection.call("/weir.test.Echo/ServerStream", b"%d %d" % (count, MESSAGE))
        for connection in connections:
            connection.read_until(lambda c=connection: held_back(c))
            connection.settle()
        self.assert_added(what, 25)
        self.finish(connections, count * (MESSAGE + 5))

    def test_streams_whose_own_window_is_used_up(self):
        self.stalled("1,000 stalled server streams, each at the end of its window", 8, 1 << 30,
                     lambda c: set(c.received.values()) == {WINDOW})

    def test_streams_whose_connection_has_no_window_left(self):
        self.stalled("1,000 stalled server streams, the connections' windows used up", 8, WINDOW,
                     lambda c: sum(c.received.values()) == WINDOW)

    def test_streams_of_a_client_that_does_not_read(self):
        connections = self.connect(connection_window=1 << 30)
        for connection in connections:
            for _ in range(CALLS):
                connection.call("/weir.test.Echo/ServerStream", b"8 %d" % MESSAGE)
        # The connections are read from only after another one was served: the server had its turn.
        other = self.connect()[0]
        for _ in range(50):
            other.call("/weir.test.Echo/Unary", b"again")
            other.settle()
        self.assert_added("1,000 server streams whose client does not read", 25)
        self.finish(connections, 8 * (MESSAGE + 5))

    def test_idle_bidi_streams(self):
        connections = self.connect()
        for connection in connections:
            for _ in range(CALLS - 1):
                connection.call("/weir.test.Echo/Bidi")
            stream = connection.call("/weir.test.Echo/Unary", b"last")
            connection.read_until(lambda c=connection, s=stream: s in c.ended)
            connection.call("/weir.test.Echo/Bidi")
            connection.settle()
        self.assert_added("1,000 idle bidi streams", 3)


if __name__ == "__main__":
    unittest.main()
