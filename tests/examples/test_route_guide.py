# SPDX-License-Identifier: MIT
"""test_route_guide - both servers, which are to be told apart by nothing, and the client."""
import queue
import tempfile
import unittest

import grpc
from google.protobuf import descriptor_pb2

from examples import SOURCES, Method, messages, run, start
from support import PATIENCE, connect, decode, encode

pb = messages("route_guide", "route_guide.proto")
FEATURES = SOURCES / "route_guide" / "features.txt"

CLIENT_SAYS = """\
Old weir at 47.1370000, 8.2460000
Chapel of the millers at 47.1250000, 8.2290000
Stone bridge at 47.1290000, 8.2400000
Old weir at 47.1370000, 8.2460000
Weir keeper's house at 47.1380000, 8.2470000
Herons' island at 47.1450000, 8.2590000
4 points, 3 features, 13830 m, in 0 s
a note from before: first at the weir
a note from before: first at the weir
a note from before: second at the weir
"""


def point(latitude, longitude):
    return pb.Point(latitude=round(latitude * 1e7), longitude=round(longitude * 1e7))


def note(where, text):
    return pb.RouteNote(location=where, message=text)


class RouteGuide:
    """What holds for either server."""

    program = ""

    @classmethod
    def setUpClass(cls):
        cls.server = start("route_guide", cls.program, FEATURES)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.channel = connect(self.server.address)
        self.addCleanup(self.channel.close)

    def method(self, name, kind, response):
        return Method(self.channel, "/routeguide.RouteGuide/" + name, kind, response)

    def chat(self, requests):
        return self.method("RouteChat", "stream_stream", pb.RouteNote)(requests)

    def test_the_client_calls_all_four_methods(self):
        server = start("route_guide", self.program, FEATURES)  # one without notes
        self.addCleanup(server.stop)
        code, out, err = run("route_guide", "client", server.address)
        self.assertEqual((code, out.replace("in 1 s", "in 0 s"), err), (0, CLIENT_SAYS, ""))

    def test_a_feature_is_found_at_its_point_alone(self):
        get = self.method("GetFeature", "unary_unary", pb.Feature)
        mill = point(47.157, 8.277)
        self.assertEqual(get(mill), pb.Feature(name="Paper mill", location=mill))
        beside = point(47.1570001, 8.277)
        self.assertEqual(get(beside), pb.Feature(location=beside))
        self.assertEqual(get(pb.Point()), pb.Feature(location=pb.Point()))

    def test_features_are_listed_within_any_two_opposite_corners(self):
        listed = self.method("ListFeatures", "unary_stream", pb.Feature)
        north_east, south_west = point(47.19, 8.324), point(47.181, 8.311)
        north_west, south_east = point(47.19, 8.311), point(47.181, 8.324)
        for lo, hi in ((south_west, north_east), (north_east, south_west),
                       (north_west, south_east), (south_east, north_west)):
            names = [feature.name for feature in listed(pb.Rectangle(lo=lo, hi=hi))]
            self.assertEqual(names, ["Market bridge", "Salt house", "New weir"])
        self.assertEqual(list(listed(pb.Rectangle())), [])
        self.assertEqual(len(list(listed(pb.Rectangle(hi=point(90, 180))))), 20)

    def test_a_route_is_summed_up(self):
        record = self.method("RecordRoute", "stream_unary", pb.RouteSummary)
        # A degree of a great circle on a sphere of 6,371 km is 111,194.9 m.
        summary = record(iter([point(0, 0), point(0, 1), point(1, 1)]))
        self.assertEqual((summary.point_count, summary.feature_count), (3, 0))
        self.assertEqual(summary.distance, 222389)
        summary = record(iter([point(47.1, 8.2)] * 1000))
        self.assertEqual((summary.point_count, summary.feature_count, summary.distance),
                         (1000, 1000, 0))
        self.assertEqual(record(iter([])).point_count, 0)

    def test_a_note_is_answered_by_those_before_it_of_any_call(self):
        where, elsewhere = point(1, 1), point(1, 2)
        mine = list(self.chat(iter([note(where, "a"), note(elsewhere, "b"), note(where, "c")])))
        self.assertEqual(mine, [note(where, "a")])
        others = list(self.chat(iter([note(where, "d")])))
        self.assertEqual(others, [note(where, "a"), note(where, "c")])

    def test_a_note_is_answered_before_the_next_is_written(self):
        where = point(2, 2)
        requests = queue.Queue()
        answers = self.chat(iter(requests.get, None))
        requests.put(note(where, "first"))
        for i in range(20):
            requests.put(note(where, f"note {i}"))
            for k in range(i + 1):
                self.assertEqual(next(answers).message, f"note {k - 1}" if k else "first")
        requests.put(None)
        self.assertEqual(list(answers), [])

    def test_a_note_without_a_point_is_at_0_0(self):
        answers = list(self.chat(iter([pb.RouteNote(message="lost"), note(pb.Point(), "found")])))
        self.assertEqual(answers, [note(pb.Point(), "lost")])

    def test_a_thousand_notes_are_kept_and_no_more(self):
        def others(latitude, count):
            return [note(point(latitude, i / 1000), "x") for i in range(count)]

        old = note(point(3, 3), "old")
        self.assertEqual(list(self.chat(iter([old] + others(4, 998) + [old]))), [old])
        self.assertEqual(list(self.chat(iter(others(5, 999) + [old]))), [])

    def test_a_note_that_is_too_long_ends_its_call_alone(self):
        requests = queue.Queue()
        other = self.chat(iter(requests.get, None))
        answers = self.chat(iter([note(point(6, 6), "x" * 1001)]))
        with self.assertRaises(grpc.RpcError):
            next(answers)
        self.assertEqual(answers.code(), grpc.StatusCode.INVALID_ARGUMENT)
        requests.put(note(point(6, 6), "short"))
        requests.put(note(point(6, 6), "short, too"))
        requests.put(None)
        self.assertEqual(list(other), [note(point(6, 6), "short")])

    def test_a_message_that_is_none_is_an_error_and_the_server_stays(self):
        call = self.channel.stream_stream("/routeguide.RouteGuide/RouteChat")(iter([b"\x0a\xff"]))
        with self.assertRaises(grpc.RpcError):
            next(call)
        self.assertEqual(call.code(), grpc.StatusCode.INTERNAL)
        self.test_a_feature_is_found_at_its_point_alone()

    def test_it_tells_what_it_serves(self):
        ask = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        list_services, file_of = encode({7: ""}), encode({4: "routeguide.RouteGuide"})
        services, files = ask(iter([list_services, file_of]), timeout=PATIENCE)
        self.assertIn(b"routeguide.RouteGuide", services)
        described = descriptor_pb2.FileDescriptorProto.FromString(decode(decode(files)[4])[1])
        ours = descriptor_pb2.FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)
        for message in described.message_type:
            for field in message.field:
                field.ClearField("json_name")  # Python's generator leaves it out
        self.assertEqual(described.service, ours.service)
        self.assertEqual(described.message_type, ours.message_type)

    def test_a_line_of_the_file_that_is_none_is_named(self):
        for line, reason in (("47.1 8.2", "not \"latitude longitude name\""),
                             ("north east Nowhere", "not \"latitude longitude name\""),
                             ("91 8 Above the pole", "not a place on earth"),
                             ("nan 8 Not a number", "not a place on earth")):
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
                file.write(f"# features\n47 8 Fine\n{line}\n")
                file.flush()
                code, _, err = run("route_guide", self.program, "127.0.0.1:0", file.name)
                self.assertEqual((code, err),
                                 (1, f"INVALID_ARGUMENT: {file.name}:3: {reason}\n"))
        code, _, err = run("route_guide", self.program, "127.0.0.1:0", "/nowhere/at all")
        self.assertEqual((code, err),
                         (1, "NOT_FOUND: /nowhere/at all: No such file or directory\n"))


class Plain(RouteGuide, unittest.TestCase):
    program = "server_plain"


class Stream(RouteGuide, unittest.TestCase):
    program = "server_stream"


if __name__ == "__main__":
    unittest.main()
