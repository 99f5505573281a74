# SPDX-License-Identifier: MIT
"""test_server - grpcio calls weir: all kinds of method, in all three styles of handler."""
import queue
import unittest

import grpc

from support import BIN, MESSAGES, PAIRS, PATIENCE, ServerCase, echoed

MIB = 1 << 20


class EchoCase(ServerCase):
    command = (BIN / "echo_server", "--max-streams", "1000")
    service = "/weir.test.Echo/"

    def unary(self, name="Unary"):
        return self.channel.unary_unary(self.service + name)

    def server_stream(self, name="ServerStream"):
        return self.channel.unary_stream(self.service + name)

    def client_stream(self, name="ClientStream"):
        return self.channel.stream_unary(self.service + name)

    def bidi(self, name="Bidi"):
        return self.channel.stream_stream(self.service + name)

    def sleeps(self, what="ended 0"):
        """How many Sleeps were started, ended, cancelled, once `what` is true."""
        reply = self.channel.unary_unary("/weir.test.Echo/Await")(what.encode(), timeout=PATIENCE)
        return [int(number) for number in reply.split()]

    def assert_fails(self, code, call, *arguments, **named):
        with self.assertRaises(grpc.RpcError) as raised:
            result = call(*arguments, timeout=named.pop("timeout", PATIENCE), **named)
            if hasattr(result, "__iter__"):
                list(result)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        return raised.exception


class UnaryCalls:
    """What holds for Unary in each style."""

    def test_unary_answers(self):
        self.assertEqual(self.unary()(b"hello", timeout=PATIENCE), b"hello")

    def test_unary_carries_an_empty_message(self):
        self.assertEqual(self.unary()(b"", timeout=PATIENCE), b"")

    def test_unary_carries_3_mib(self):
        message = bytes(range(256)) * (3 * MIB // 256)
        self.assertTrue(self.unary()(message, timeout=PATIENCE) == message)

    def test_unary_takes_4_mib_and_not_one_byte_more(self):
        self.assertEqual(len(self.unary()(b"x" * (4 * MIB), timeout=PATIENCE)), 4 * MIB)
        self.assert_fails(grpc.StatusCode.RESOURCE_EXHAUSTED, self.unary(), b"x" * (4 * MIB + 1))

    def test_unary_metadata_comes_back_in_headers_and_trailers(self):
        _, call = self.unary().with_call(b"hello", metadata=PAIRS, timeout=PATIENCE)
        self.assertEqual(by_name(echoed(call.initial_metadata())), by_name(PAIRS))
        self.assertEqual(by_name(echoed(call.trailing_metadata())), by_name(PAIRS))

    def test_unary_status_code_comes_as_it_was_given(self):
        for code in list(grpc.StatusCode)[1:]:
            error = self.assert_fails(code, self.unary(), b"", metadata=status(code, "why"))
            self.assertEqual(error.details(), "why")

    def test_unary_status_message_is_any_text(self):
        for message in MESSAGES:
            error = self.assert_fails(grpc.StatusCode.ABORTED, self.unary(), b"",
                                      metadata=status(grpc.StatusCode.ABORTED, message))
            self.assertEqual(error.details(), message)

    def test_unary_status_details_are_any_bytes(self):
        details = bytes(range(256))
        error = self.assert_fails(
            grpc.StatusCode.NOT_FOUND, self.unary(), b"",
            metadata=status(grpc.StatusCode.NOT_FOUND, "no", details) + PAIRS)
        trailers = dict(error.trailing_metadata())
        self.assertEqual(trailers["grpc-status-details-bin"], details)
        self.assertEqual(by_name(echoed(error.trailing_metadata())), by_name(PAIRS))

    def test_two_messages_for_a_unary_method_are_one_too_many(self):
        if self.service == "/weir.test.Plain/":
            call = self.bidi("Unary")
            self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, call, iter([b"a", b"b"]))
            self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, call, iter([]))

    def test_a_deadline_long_away_changes_nothing(self):
        self.assertEqual(self.unary()(b"x", timeout=99999), b"x")

    def test_an_unknown_method_is_unimplemented(self):
        self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, self.unary("Nothing"), b"")


class StreamCalls:
    """What holds for the other kinds of method in each style."""

    def test_server_stream_comes_in_order_and_complete(self):
        replies = list(self.server_stream()(b"2000 100", timeout=PATIENCE))
        self.assertEqual(replies, [str(i).encode().ljust(100, b"x") for i in range(2000)])

    def test_server_stream_of_nothing_ends_well(self):
        call = self.server_stream()(b"0 0", timeout=PATIENCE)
        self.assertEqual(list(call), [])
        self.assertEqual(call.code(), grpc.StatusCode.OK)

    def test_server_stream_of_3_mib_messages(self):
        replies = list(self.server_stream()(b"3 %d" % (3 * MIB), timeout=PATIENCE))
        self.assertEqual([len(reply) for reply in replies], [3 * MIB] * 3)

    def test_client_stream_counts_all(self):
        requests = (b"x" * (i % 300) for i in range(2000))
        reply = self.client_stream()(requests, timeout=PATIENCE)
        self.assertEqual(reply, b"2000 %d" % sum(i % 300 for i in range(2000)))

    def test_client_stream_of_nothing(self):
        self.assertEqual(self.client_stream()(iter([]), timeout=PATIENCE), b"0 0")

    def test_client_stream_of_3_mib_messages(self):
        reply = self.client_stream()(iter([b"x" * (3 * MIB)] * 3), timeout=PATIENCE)
        self.assertEqual(reply, b"3 %d" % (9 * MIB))

    def test_client_stream_of_a_message_too_large(self):
        self.assert_fails(grpc.StatusCode.RESOURCE_EXHAUSTED, self.client_stream(),
                          iter([b"fits", b"x" * (4 * MIB + 1)]))

    def test_bidi_echoes_in_order(self):
        sent = [b"%d" % i * (i % 50) for i in range(2000)]
        self.assertEqual(list(self.bidi()(iter(sent), timeout=PATIENCE)), sent)

    def test_bidi_echoes_empty_messages(self):
        self.assertEqual(list(self.bidi()(iter([b""] * 100), timeout=PATIENCE)), [b""] * 100)

    def test_bidi_echoes_3_mib_messages(self):
        sent = [bytes([i]) * (3 * MIB) for i in range(4)]
        self.assertTrue(list(self.bidi()(iter(sent), timeout=PATIENCE)) == sent)

    def test_bidi_answers_each_message_before_the_next_is_sent(self):
        requests = queue.Queue()
        call = self.bidi()(iter(requests.get, None), timeout=PATIENCE)
        for i in range(100):
            requests.put(b"%d" % i)
            self.assertEqual(next(call), b"%d" % i)
        requests.put(None)
        self.assertEqual(list(call), [])
        self.assertEqual(call.code(), grpc.StatusCode.OK)

    def test_streams_carry_metadata_and_end_with_a_status_after_their_messages(self):
        wanted = status(grpc.StatusCode.DATA_LOSS, "grün\n", b"\x00details") + PAIRS
        for call in (self.server_stream()(b"3 0", metadata=wanted, timeout=PATIENCE),
                     self.bidi()(iter([b"0", b"1", b"2"]), metadata=wanted, timeout=PATIENCE)):
            self.assertEqual([next(call) for _ in range(3)], [b"0", b"1", b"2"])
            self.assertEqual(by_name(echoed(call.initial_metadata())), by_name(PAIRS))
            with self.assertRaises(grpc.RpcError):
                next(call)
            self.assertEqual(call.code(), grpc.StatusCode.DATA_LOSS)
            self.assertEqual(call.details(), "grün\n")
            self.assertEqual(dict(call.trailing_metadata())["grpc-status-details-bin"],
                             b"\x00details")
            self.assertEqual(by_name(echoed(call.trailing_metadata())), by_name(PAIRS))

    def test_client_stream_ends_with_a_status_instead_of_an_answer(self):
        error = self.assert_fails(
            grpc.StatusCode.OUT_OF_RANGE, self.client_stream(), iter([b"a"]),
            metadata=status(grpc.StatusCode.OUT_OF_RANGE, "too far"))
        self.assertEqual(error.details(), "too far")

    def test_a_deadline_ends_the_call_at_both_ends(self):
        started, ended, cancelled = self.sleeps()
        self.assert_fails(grpc.StatusCode.DEADLINE_EXCEEDED, self.bidi("Sleep"),
                          iter([b"good night"]), timeout=0.3)
        self.assertEqual(self.sleeps(f"ended {ended + 1}"),
                         [started + 1, ended + 1, cancelled + 1])

    def test_a_cancel_of_the_client_reaches_the_handler(self):
        started, ended, cancelled = self.sleeps()
        requests = queue.Queue()
        requests.put(b"good night")
        call = self.bidi("Sleep")(iter(requests.get, None), timeout=PATIENCE)
        self.sleeps(f"started {started + 1}")
        call.cancel()
        requests.put(None)
        self.assertEqual(self.sleeps(f"ended {ended + 1}"),
                         [started + 1, ended + 1, cancelled + 1])
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)

    def test_a_cancel_in_the_middle_of_a_stream_stops_it(self):
        call = self.server_stream()(b"1000000000 1000", timeout=PATIENCE)
        for _ in range(10):
            next(call)
        call.cancel()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)
        self.assertEqual(self.unary()(b"still here", timeout=PATIENCE), b"still here")

    def test_a_cancel_of_the_server_reaches_the_client(self):
        requests = queue.Queue()
        requests.put(b"go")
        self.assert_fails(grpc.StatusCode.CANCELLED, self.bidi("Cancel"), iter(requests.get, None))
        requests.put(None)


class StreamStyle(UnaryCalls, StreamCalls, EchoCase):
    def test_a_thousand_calls_at_once_on_one_connection(self):
        barrier = self.unary("Barrier")
        calls = [barrier.future(b"1000", timeout=PATIENCE) for _ in range(1000)]
        addresses = {call.result() for call in calls}
        self.assertEqual(len(addresses), 1, "more than one connection")
        self.assertRegex(addresses.pop().decode(), r"^127\.0\.0\.1:\d+$")

    def test_a_hundred_bidi_streams_at_once_keep_apart(self):
        queues = [queue.Queue() for _ in range(100)]
        calls = [self.bidi()(iter(q.get, None), timeout=PATIENCE) for q in queues]
        for turn in range(10):
            for i, q in enumerate(queues):
                q.put(b"%d of %d" % (turn, i))
            for i, call in enumerate(calls):
                self.assertEqual(next(call), b"%d of %d" % (turn, i))
        for q in queues:
            q.put(None)
        for call in calls:
            self.assertEqual(list(call), [])


class BlockingStyle(UnaryCalls, StreamCalls, EchoCase):
    service = "/weir.test.Blocking/"


class UnaryStyle(UnaryCalls, EchoCase):
    service = "/weir.test.Plain/"


class ManyLoops(UnaryCalls, StreamCalls, EchoCase):
    """The same with two loops; a connection stays on one of them."""

    command = (BIN / "echo_server", "--threads", "2")

    def test_more_calls_than_the_server_allows_wait_for_their_turn(self):
        calls = [self.unary().future(b"%d" % i, timeout=PATIENCE) for i in range(500)]
        self.assertEqual([call.result() for call in calls], [b"%d" % i for i in range(500)])


class Gzip(UnaryCalls, StreamCalls, EchoCase):
    """The same with all messages compressed that become smaller by it."""

    command = (BIN / "echo_server", "--max-streams", "1000", "--gzip")
    compression = grpc.Compression.Gzip


class Deflate(UnaryCalls, EchoCase):
    compression = grpc.Compression.Deflate


def by_name(pairs):
    """Values of each name in their order; the order of different names is not kept by grpcio."""
    names = {}
    for key, value in pairs:
        names.setdefault(key, []).append(value)
    return names


def status(code, message, details=None):
    pairs = [("weir-status", str(code.value[0])), ("weir-status-message-bin", message.encode())]
    return pairs + ([("weir-status-details-bin", details)] if details is not None else [])


if __name__ == "__main__":
    unittest.main()
