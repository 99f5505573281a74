# SPDX-License-Identifier: MIT
"""test_client - weir's client calls grpcio: all kinds of method."""
import socket
import subprocess
import threading
import unittest
import zlib

import grpc

import echo_server
from support import BIN, MESSAGES, PAIRS, PATIENCE, Server

MIB = 1 << 20
OK, CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNIMPLEMENTED, UNAVAILABLE = (
    0, 1, 4, 8, 10, 12, 14)

# Neither end ends the call by itself.
HOLD = ("--hold", "--metadata", "weir-hold=31")


class Result:
    """What echo_client printed of one call."""

    def __init__(self, lines):
        self.messages, self.initial, self.trailers = [], [], []
        self.code = self.message = self.details = None
        for kind, *words in (line.split() for line in lines):
            if kind == "message":
                self.messages.append((int(words[0]), int(words[1], 16)))
            elif kind in ("initial", "trailer"):
                pairs = self.initial if kind == "initial" else self.trailers
                pairs.append((words[0], unhex(words[1])))
            elif kind == "status":
                self.code, self.message = int(words[0]), unhex(words[1]).decode()
                self.details = unhex(words[2])
            else:
                raise AssertionError(f"{kind} {words}")


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def as_printed(message):
    return len(message), zlib.crc32(message)


def run(address, method, *options):
    command = [str(BIN / "echo_client"), *(str(option) for option in options), address, method]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stderr}")
    return done.stdout.splitlines()


def as_options(pairs):
    options = []
    for key, value in pairs:
        value = value.encode() if isinstance(value, str) else value
        options += ["--metadata", f"{key}={value.hex()}"]
    return options


def status(code, message, details=None):
    pairs = [("weir-status", str(code)), ("weir-status-message-bin", message.encode())]
    return as_options(pairs + ([("weir-status-details-bin", details)] if details else []))


def echoed(pairs):
    """Values of each name in their order: grpcio does not keep the order of different names."""
    names = {}
    for key, value in pairs:
        if key.startswith("echo-"):
            names.setdefault(key, []).append(value if isinstance(value, bytes) else value.encode())
    return names


class ClientCase(unittest.TestCase):
    compression = None  # of the server
    credentials = None  # likewise
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.echo, cls.server, cls.address = echo_server.start(cls.compression, cls.credentials)
        cls.addClassCleanup(cls.server.stop, None)

    def setUp(self):
        self.echo.cut_off.clear()

    def call(self, name, *options, address=None):
        return Result(run(address or self.address, "/weir.test.Echo/" + name, *self.options,
                          *options))

    def assert_answers(self, result, messages):
        self.assertEqual((result.code, result.message), (OK, ""))
        self.assertEqual(result.messages, [as_printed(message) for message in messages])

    def test_unary_answers(self):
        self.assert_answers(self.call("Unary", "--message", "hello"), [b"hello"])

    def test_empty_messages(self):
        self.assert_answers(self.call("Unary", "--count", 1), [b""])
        self.assert_answers(self.call("Bidi", "--count", 100), [b""] * 100)

    def test_3_mib_messages(self):
        message = b"0".ljust(3 * MIB, b"x")
        self.assert_answers(self.call("Unary", "--count", 1, "--size", 3 * MIB), [message])
        self.assert_answers(self.call("ServerStream", "--message", f"2 {3 * MIB}"),
                            [message, b"1" + message[1:]])
        self.assert_answers(self.call("ClientStream", "--count", 3, "--size", 3 * MIB),
                            [b"3 %d" % (9 * MIB)])
        self.assert_answers(self.call("Bidi", "--count", 2, "--size", 3 * MIB),
                            [message, b"1" + message[1:]])

    def test_a_message_past_the_limit_is_not_received(self):
        self.assert_answers(self.call("ServerStream", "--message", "1 1000", "--max-receive", 1000),
                            [b"0".ljust(1000, b"x")])
        result = self.call("ServerStream", "--message", "1 1001", "--max-receive", 1000)
        self.assertEqual((result.code, result.messages), (RESOURCE_EXHAUSTED, []))

    def test_server_stream_comes_in_order_and_complete(self):
        result = self.call("ServerStream", "--message", "5000 100")
        self.assert_answers(result, [str(i).encode().ljust(100, b"x") for i in range(5000)])

    def test_server_stream_of_nothing(self):
        self.assert_answers(self.call("ServerStream", "--message", "0 0"), [])

    def test_client_stream_counts_all(self):
        self.assert_answers(self.call("ClientStream", "--count", 5000, "--size", 100),
                            [b"5000 500000"])
        self.assert_answers(self.call("ClientStream"), [b"0 0"])

    def test_bidi_echoes_in_order(self):
        expected = [str(i).encode().ljust(50, b"x") for i in range(2000)]
        self.assert_answers(self.call("Bidi", "--count", 2000, "--size", 50), expected)

    def test_bidi_waits_for_each_answer(self):
        expected = [str(i).encode().ljust(50, b"x") for i in range(100)]
        self.assert_answers(self.call("Bidi", "--count", 100, "--size", 50, "--lockstep"), expected)

    def test_metadata_comes_back_in_headers_and_trailers(self):
        for name, message in (("Unary", "hello"), ("ServerStream", "3 0"), ("Bidi", "hello")):
            result = self.call(name, "--message", message, *as_options(PAIRS))
            self.assertEqual(result.code, OK)
            self.assertEqual(echoed(result.initial), echoed(PAIRS))
            self.assertEqual(echoed(result.trailers), echoed(PAIRS))

    def test_every_status_code(self):
        for code in range(1, 17):
            result = self.call("Unary", "--message", "x", *status(code, "why"))
            self.assertEqual((result.code, result.message, result.messages), (code, "why", []))

    def test_status_messages_are_any_text(self):
        for message in MESSAGES:
            result = self.call("Unary", "--message", "x", *status(ABORTED, message))
            self.assertEqual((result.code, result.message), (ABORTED, message))

    def test_a_status_with_details_comes_after_the_messages(self):
        details = bytes(range(256))
        result = self.call("Bidi", "--count", 3, *status(ABORTED, "grün\n", details),
                           *as_options(PAIRS))
        self.assertEqual(len(result.messages), 3)
        self.assertEqual((result.code, result.message, result.details),
                         (ABORTED, "grün\n", details))
        self.assertEqual(echoed(result.trailers), echoed(PAIRS))

    def test_a_deadline_ends_the_call_at_both_ends(self):
        result = self.call("Sleep", "--message", "good night", "--hold", "--timeout-ms", 300)
        self.assertEqual(result.code, DEADLINE_EXCEEDED)
        self.assertTrue(self.echo.cut_off.wait(PATIENCE))

    def test_a_cancel_reaches_the_server(self):
        result = self.call("Bidi", "--message", "once", *HOLD, "--cancel-after", 1)
        self.assertEqual((result.code, len(result.messages)), (CANCELLED, 1))
        self.assertTrue(self.echo.cut_off.wait(PATIENCE))

    def test_dropped_responses_cancel_the_call(self):
        result = self.call("Bidi", "--message", "once", *HOLD, "--drop-after", 1)
        self.assertEqual((result.code, len(result.messages)), (None, 1))
        self.assertTrue(self.echo.cut_off.wait(PATIENCE))

    def test_requests_that_fail_cancel_the_call_with_their_status(self):
        result = self.call("Bidi", "--message", "once", "--fail", ABORTED)
        self.assertEqual((result.code, result.message), (ABORTED, "the requests failed"))
        result = self.call("Bidi", "--message", "once", "--lockstep", "--fail", ABORTED,
                           "--metadata", "weir-hold=31")
        self.assertEqual((result.code, len(result.messages)), (ABORTED, 1))
        self.assertTrue(self.echo.cut_off.wait(PATIENCE))

    def test_a_cancel_of_the_server_reaches_the_client(self):
        result = self.call("Cancel", "--message", "go", "--hold")
        self.assertEqual(result.code, CANCELLED)

    def test_an_unknown_method_is_unimplemented(self):
        self.assertEqual(self.call("Nothing", "--message", "x").code, UNIMPLEMENTED)

    def test_a_thousand_calls_at_once_on_one_connection(self):
        lines = run(self.address, "/weir.test.Echo/Barrier", *self.options, "--message", "1000",
                    "--parallel", 1000)
        self.assertEqual(lines.count("status 0 - -"), 1000)
        messages = {line for line in lines if line.startswith("message")}
        self.assertEqual(len(messages), 1, "more than one connection")

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % unused.getsockname()[1]
            result = self.call("Unary", "--message", "x", address=address)
        self.assertEqual(result.code, UNAVAILABLE)

    def test_a_connection_that_closes_at_once(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)

            def close_one():
                try:
                    listener.accept()[0].close()
                except OSError:
                    pass
            thread = threading.Thread(target=close_one)
            thread.start()
            result = self.call("Unary", "--message", "x",
                               address="127.0.0.1:%d" % listener.getsockname()[1])
            thread.join()
        self.assertEqual(result.code, UNAVAILABLE)


class Gzip(ClientCase):
    """The same with all messages compressed that become smaller by it."""

    compression = grpc.Compression.Gzip
    options = ("--gzip",)


class Deflate(ClientCase):
    compression = grpc.Compression.Deflate
    options = ("--deflate",)


class AgainstItself(ClientCase):
    """The same against weir's own server, whose service behaves as grpcio's."""

    @classmethod
    def setUpClass(cls):
        cls.own = Server(BIN / "echo_server", "--max-streams", "1000")
        cls.address = cls.own.address
        cls.addClassCleanup(cls.own.stop)
        cls.echo = cls

    class cut_off:
        """Whether a handler ended is the business of the server's own tests."""

        @staticmethod
        def clear():
            pass

        @staticmethod
        def wait(_):
            return True


if __name__ == "__main__":
    unittest.main()
