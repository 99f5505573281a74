# SPDX-License-Identifier: MIT
"""support - servers to start and stop, and small things the interop tests share.

Every wait is bounded and nothing sleeps to wait for something: a server says that it listens, and a
call that waits is answered when what it waits for has happened.
"""
import os
import pathlib
import selectors
import signal
import subprocess
import tempfile
import unittest

import grpc

BIN = pathlib.Path(os.environ.get("INTEROP_BIN", "build/tests/interop"))
WEIR = pathlib.Path(os.environ.get("INTEROP_WEIR", "build/weir"))
EXAMPLES = pathlib.Path(os.environ.get("INTEROP_EXAMPLES", "build/examples"))
PATIENCE = 60 * float(os.environ.get("INTEROP_SLOWNESS", "1"))


class Server:
    """A program that says "listening on HOST:PORT" and ends cleanly when it is told to."""

    def __init__(self, *command):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE,
                                        stderr=self.errors, stdin=subprocess.DEVNULL)
        self.address = self._address()

    def _address(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = b""
            while not line.endswith(b"\n"):
                if not selector.select(PATIENCE):
                    self.process.kill()
                    raise AssertionError("the server did not say that it listens")
                piece = os.read(self.process.stdout.fileno(), 1)
                if not piece:
                    raise AssertionError(f"the server ended at once: {self.said()}")
                line += piece
        assert b"listening on" in line, line
        return "127.0.0.1:" + line.decode().split(":")[-1].split()[-1]

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def stop(self, expected=0):
        """Ends it, and fails when it crashed, leaked, or does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server does not end") from None
        said = self.said()
        self.close()
        assert code == expected, f"the server ended with {code}:\n{said}"

    def close(self):
        self.process.stdout.close()
        self.errors.close()


class ServerCase(unittest.TestCase):
    """One server for the tests of a class, and a connection of its own for each test."""

    command = ()
    compression = None
    credentials = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.command)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.channel = connect(self.server.address, self.compression, self.credentials)
        self.addCleanup(self.channel.close)


def connect(address, compression=None, credentials=None):
    options = [("grpc.use_local_subchannel_pool", 1)]
    if credentials is not None:
        return grpc.secure_channel(address, credentials, options=options, compression=compression)
    return grpc.insecure_channel(address, options=options, compression=compression)


def echoed(metadata):
    """The pairs of grpcio's metadata that the echo service sent back."""
    return [(key, value) for key, value in metadata or () if key.startswith("echo-")]


# Metadata that must come back as it went: ASCII, any bytes, the same name again, in this order.
PAIRS = [
    ("echo-ascii", "plain text, with spaces ~!"),
    ("echo-twice", "first"),
    ("echo-bin", bytes(range(256))),
    ("echo-twice", "second"),
    ("echo-empty-bin", b""),
    ("echo-one-bin", b"\x00"),
    ("echo-two-bin", b"\xff\xfe"),
    ("echo-bin", b"again"),
]

# Status messages that percent-encoding must carry.
MESSAGES = ["", "plain", "two\nlines\r\n", "grün, 中文, \U0001f30a", "100% of %41", "tab\there\x7f"]


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def encode(fields):
    """protobuf: {1: 5, 2: b"..."} as it goes over the wire."""
    out = b""
    for number, value in fields.items():
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def decode(data):
    """protobuf: {number: last value} of varints and of strings, bytes and messages."""
    fields, at = {}, 0

    def read():
        nonlocal at
        number, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            fields[tag >> 3] = read()
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            size = read()
            fields[tag >> 3] = data[at:at + size]
            at += size
    return fields
