# SPDX-License-Identifier: MIT
"""test_proxy - through the proxy everything is as it is without it.

The tests of a server, of each kind of call, run through it against the same server.
"""
import unittest

import grpc

import test_server
from examples import SOURCES, run
from support import EXAMPLES, PATIENCE, Server, connect

PROXY = EXAMPLES / "proxy" / "proxy"


class Through(test_server.UnaryCalls, test_server.StreamCalls, test_server.EchoCase):
    @classmethod
    def setUpClass(cls):
        cls.behind = Server(*test_server.EchoCase.command)
        cls.addClassCleanup(cls.behind.stop)
        cls.command = (PROXY, "127.0.0.1:0", cls.behind.address)
        super().setUpClass()


class Proxy(unittest.TestCase):
    def start(self, *command):
        server = Server(*command)
        self.addCleanup(server.stop)
        return server

    def test_another_example_does_not_notice_it(self):
        features = SOURCES / "route_guide" / "features.txt"
        server = self.start(EXAMPLES / "route_guide" / "server_stream", "127.0.0.1:0", features)
        first = self.start(PROXY, "127.0.0.1:0", server.address)
        second = self.start(PROXY, "127.0.0.1:0", first.address)
        code, out, err = run("route_guide", "client", second.address)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(len(out.splitlines()), 10)

    def test_a_server_that_is_not_there_is_unavailable(self):
        proxy = self.start(PROXY, "127.0.0.1:0", "127.0.0.1:1")
        with connect(proxy.address) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                channel.unary_unary("/any.Service/Method")(b"", timeout=PATIENCE)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
