# SPDX-License-Identifier: MIT
"""test_otlp_receiver - spans become lines, whatever is in them. Messages are made by hand, with the
numbers that OTLP gives its fields, so that the example's own .proto is under test, too."""
import struct
import unittest

import grpc

from examples import Lines, start
from support import PATIENCE, connect, encode, varint

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def times(start_ns, end_ns):
    """start_time_unix_nano = 7 and end_time_unix_nano = 8, which are fixed64."""
    return struct.pack("<BQBQ", 7 << 3 | 1, start_ns, 8 << 3 | 1, end_ns)


def pair(key, kind, value):
    """A KeyValue whose AnyValue has field `kind`."""
    return encode({1: key, 2: encode({kind: value})})


def span(name, fields=None, attributes=(), start_ns=0, end_ns=0):
    data = encode({1: bytes(range(16)), 2: bytes(range(8)), 5: name, **(fields or {})})
    return data + times(start_ns, end_ns) + b"".join(encode({9: a}) for a in attributes)


def request(*spans, resource=None):
    scope = encode({1: encode({1: "tests"})}) + b"".join(encode({2: s}) for s in spans)
    of = encode({1: encode({1: resource})}) if resource is not None else b""
    return encode({1: of + encode({2: scope})})


PREFIX = ("trace=000102030405060708090a0b0c0d0e0f span=0001020304050607 ")


class OtlpReceiver(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("otlp_receiver", "otlp_receiver")
        cls.addClassCleanup(cls.server.stop)
        cls.lines = Lines(cls.server.process.stdout)

    def setUp(self):
        channel = connect(self.server.address)
        self.addCleanup(channel.close)
        self.export = channel.unary_unary(METHOD)

    def told(self, data, count=1):
        self.assertEqual(self.export(data, timeout=PATIENCE), b"")
        return [self.lines.next() for _ in range(count)]

    def assert_fails(self, code, data):
        with self.assertRaises(grpc.RpcError) as caught:
            self.export(data, timeout=PATIENCE)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())

    def test_a_span_is_a_line(self):
        data = request(span("GET /", {4: b"\xab" * 8, 6: 2, 15: encode({3: 1})},
                            start_ns=1_700_000_000_000_000_000, end_ns=1_700_000_000_001_250_000),
                       resource=pair("service.name", 1, "shop"))
        self.assertEqual(self.told(data), [
            PREFIX + 'parent=abababababababab kind=server name="GET /" service="shop" '
            'took=1250us status=ok'])

    def test_values_of_all_kinds_are_told(self):
        array = b"".join(encode({1: encode({3: i})}) for i in (1, 2))
        attributes = [pair("text", 1, "x y"), pair("yes", 2, 1), pair("count", 3, 42),
                      encode({1: "half", 2: struct.pack("<Bd", 4 << 3 | 1, 0.5)}),
                      pair("list", 5, array), pair("map", 6, encode({1: pair("k", 1, "v")})),
                      pair("raw", 7, b"\x00\xff"), encode({1: "none"}),
                      encode({1: "newer", 2: encode({99: "?"})})]
        event = encode({2: "retry"})
        [line] = self.told(request(span("x", {11: event}, attributes)))
        self.assertEqual(line, PREFIX + 'parent=- kind=- name="x" service=- took=0us status=unset '
                         'event="retry" text="x y" yes=true count=42 half=0.5 list=[1 2] '
                         'map={k="v"} raw=00ff none=- newer=-')

    def test_a_span_stays_one_line_whatever_it_holds(self):
        [line] = self.told(request(span('a\nb"c\x1b[2J', {15: encode({2: "no\r\n", 3: 2})},
                                        [pair("k\ney", 1, "\x7f")])))
        self.assertEqual(line, PREFIX + r'parent=- kind=- name="a\x0ab\"c\x1b[2J" service=- '
                         r'took=0us status=error message="no\x0d\x0a" k\x0aey="\x7f"')

    def test_many_spans_come_in_order(self):
        lines = self.told(request(*(span(f"span {i}") for i in range(1000))), 1000)
        self.assertEqual([line.split('"')[1] for line in lines],
                         [f"span {i}" for i in range(1000)])

    def test_nothing_to_export_is_no_line(self):
        self.assertEqual(self.told(b"", 0), [])
        self.assertEqual(len(self.told(request(span("next")))), 1)

    def test_values_nested_too_deep_are_refused_and_the_server_stays(self):
        for depth, fails in ((40, False), (20_000, True)):
            value = encode({3: 7})
            for _ in range(depth):
                value = encode({5: encode({1: value})})
            data = request(span("deep", {}, [encode({1: "deep", 2: value})]))
            if fails:
                self.assert_fails(grpc.StatusCode.INTERNAL, data)
            else:
                self.assertIn("deep=" + "[" * depth + "7" + "]" * depth, self.told(data)[0])

    def test_what_is_no_message_is_refused_and_the_server_stays(self):
        for data in b"\x0a\xff", b"\xff" * 20, request(span("x"))[:-1]:
            self.assert_fails(grpc.StatusCode.INTERNAL, data)
        unknown = varint(1000 << 3 | 2) + b"\x03new"
        self.assertEqual(len(self.told(request(span("x")) + unknown)), 1)


if __name__ == "__main__":
    unittest.main()
