# SPDX-License-Identifier: MIT
"""test_helloworld - the greeter greets, and is as short as it is said to be."""
import signal
import unittest

import grpc

from examples import SOURCES, Method, messages, run, start
from support import connect

pb = messages("helloworld", "helloworld.proto")
MOST_LINES = 60


class HelloWorld(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("helloworld", "server")
        cls.addClassCleanup(cls.server.stop, -signal.SIGTERM)  # it has no end of its own

    def test_the_client_is_greeted(self):
        self.assertEqual(run("helloworld", "client", self.server.address, "weir"),
                         (0, "Hello weir\n", ""))

    def test_the_client_has_a_name_of_its_own(self):
        self.assertEqual(run("helloworld", "client", self.server.address)[1], "Hello world\n")

    def test_the_client_says_why_there_is_no_answer(self):
        code, out, err = run("helloworld", "client", "127.0.0.1:1")
        self.assertEqual((code, out), (1, ""))
        self.assertTrue(err.startswith("UNAVAILABLE: "), err)

    def test_grpcio_is_greeted(self):
        with connect(self.server.address) as channel:
            hello = Method(channel, "/helloworld.Greeter/SayHello", "unary_unary", pb.HelloReply)
            for name in "world", "", "\u4e2d\u6587 \U0001f30a", "x" * 100_000:
                self.assertEqual(hello(pb.HelloRequest(name=name)).message, "Hello " + name)

    def test_what_is_no_request_is_an_error_and_the_server_stays(self):
        with connect(self.server.address) as channel:
            raw = channel.unary_unary("/helloworld.Greeter/SayHello")
            with self.assertRaises(grpc.RpcError) as caught:
                raw(b"\x0a\xff")
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INTERNAL)
            self.assertEqual(raw(b"\x0a\x01x"), b"\x0a\x07Hello x")

    def test_server_and_client_are_short(self):
        lines = sum(len((SOURCES / "helloworld" / name).read_text().splitlines())
                    for name in ("server.c", "client.c"))
        self.assertLessEqual(lines, MOST_LINES)


if __name__ == "__main__":
    unittest.main()
