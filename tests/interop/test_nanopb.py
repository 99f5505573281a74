# SPDX-License-Identifier: MIT
"""test_nanopb - examples/nanopb: its client and grpcio against its server."""
import subprocess
import unittest

import grpc

from support import EXAMPLES, PATIENCE, ServerCase, decode, encode

FOLDER = EXAMPLES / "nanopb"


def zigzag(number):
    return number >> 1 ^ -(number & 1)


def reading(data):
    fields = decode(data)
    return fields[1].decode(), fields.get(2, 0), zigzag(fields.get(3, 0))


class Station(ServerCase):
    command = (FOLDER / "server", "127.0.0.1:0")

    def client(self, *arguments):
        return subprocess.run([FOLDER / "client", self.server.address, *arguments],
                              capture_output=True, text=True, timeout=PATIENCE)

    def measure(self, request):
        return self.channel.unary_unary("/station.Station/Measure")(request, timeout=PATIENCE)

    def watch(self, sensor, count):
        call = self.channel.unary_stream("/station.Station/Watch")
        return call(encode({1: sensor, 2: count}), timeout=PATIENCE)

    def assert_refused(self, code, call):
        with self.assertRaises(grpc.RpcError) as caught:
            list(call())
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def test_its_client_measures_once_and_watches(self):
        done = self.client("roof", "2")
        self.assertEqual(done.stdout, "roof #0: -5.000 degrees\n" * 2 + "roof #1: -4.875 degrees\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_its_client_says_what_the_server_says(self):
        done = self.client("cellar")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "NOT_FOUND: no sensor 'cellar', but 'roof'\n")

    def test_its_client_refuses_a_name_that_has_no_room(self):
        done = self.client("x" * 16)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("INVALID_ARGUMENT", done.stderr)

    def test_grpcio_measures(self):
        self.assertEqual(reading(self.measure(encode({1: "roof"}))), ("roof", 0, -5000))

    def test_grpcio_watches_thousands(self):
        got = [reading(data) for data in self.watch("roof", 5000)]
        self.assertEqual(len(got), 5000)
        self.assertEqual(got[4321], ("roof", 4321, -5000 + 4321 % 400 * 125))

    def test_an_unknown_sensor_is_not_found(self):
        self.assert_refused(grpc.StatusCode.NOT_FOUND, lambda: self.watch("cellar", 1))
        self.assert_refused(grpc.StatusCode.NOT_FOUND, lambda: self.measure(encode({1: "cellar"})))

    def test_what_is_no_message_is_internal(self):
        """Truncated, of a wrong type, larger than its field: and then the connection goes on."""
        for request in (b"\x0a\x7froof", b"\x08\x01", encode({1: "x" * 16})):
            details = self.assert_refused(grpc.StatusCode.INTERNAL, lambda: self.measure(request))
            self.assertIn("station.MeasureRequest", details)
        self.test_grpcio_measures()


if __name__ == "__main__":
    unittest.main()
