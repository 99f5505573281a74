# SPDX-License-Identifier: MIT
"""test_tls - TLS with grpcio at the other end, both ways, and what `openssl s_client` gets."""
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

import test_client
import test_server
from support import BIN, PATIENCE, WEIR, Server, connect, encode

folder = tempfile.TemporaryDirectory()
PEM = pathlib.Path(folder.name)
subprocess.run([BIN / "make_certificates", PEM], check=True)


def pem(name):
    return (PEM / name).read_bytes()


def client_credentials(name=None, ca="ca.pem"):
    """A client's of grpcio; `name`: with this certificate."""
    own = (pem(name + ".key"), pem(name + ".pem")) if name else (None, None)
    return grpc.ssl_channel_credentials(pem(ca), *own)


def server_credentials(name="server", client_ca=None):
    return grpc.ssl_server_credentials([(pem(name + ".key"), pem(name + ".pem"))],
                                       pem(client_ca) if client_ca else None,
                                       client_ca is not None)


TLS = ("--tls-cert", PEM / "server.pem", "--tls-key", PEM / "server.key")


# ---- everything that works without TLS ----

class Served(test_server.UnaryCalls, test_server.StreamCalls, test_server.EchoCase):
    command = (BIN / "echo_server", "--max-streams", "1000", *TLS)
    credentials = client_credentials()


class ServedByManyLoops(test_server.UnaryCalls, test_server.StreamCalls, test_server.EchoCase):
    command = (BIN / "echo_server", "--threads", "2", *TLS)
    credentials = client_credentials()


class Calling(test_client.ClientCase):
    credentials = server_credentials()
    options = ("--tls-ca", PEM / "ca.pem")


class CallingItself(test_client.AgainstItself):
    options = ("--tls-ca", PEM / "ca.pem")

    @classmethod
    def setUpClass(cls):
        cls.own = Server(BIN / "echo_server", "--max-streams", "1000", *TLS)
        cls.address = cls.own.address
        cls.addClassCleanup(cls.own.stop)
        cls.echo = cls


# ---- who is who ----

class Identity(unittest.TestCase):
    def who(self, server, credentials):
        with connect(server.address, credentials=credentials) as channel:
            return channel.unary_unary("/weir.test.Plain/Who")(b"", timeout=PATIENCE).decode()

    def serve(self, *options):
        server = Server(BIN / "echo_server", *options)
        self.addCleanup(server.stop)
        return server

    def test_a_client_is_known_by_its_certificate(self):
        server = self.serve(*TLS, "--tls-client-ca", PEM / "ca.pem")
        for _ in range(3):  # grpcio may resume its session
            self.assertEqual(self.who(server, client_credentials("client")),
                             "TLSv1.3 verified CN=a client URI:spiffe://weir/client")

    def test_a_client_that_is_not_asked_is_anonymous(self):
        server = self.serve(*TLS)
        self.assertEqual(self.who(server, client_credentials("client")).split(),
                         ["TLSv1.3", "anonymous"])

    def test_clients_that_cannot_be_verified_are_refused(self):
        server = self.serve(*TLS, "--tls-client-ca", PEM / "ca.pem")
        for credentials in (client_credentials(), client_credentials("foreign"), None):
            with self.assertRaises(grpc.RpcError) as raised:
                self.who(server, credentials)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_grpcio_refuses_what_it_should(self):
        server = self.serve("--tls-cert", PEM / "expired.pem", "--tls-key", PEM / "expired.key")
        for credentials in (client_credentials(), client_credentials(ca="other_ca.pem")):
            with self.assertRaises(grpc.RpcError) as raised:
                self.who(server, credentials)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)


class Refusals(unittest.TestCase):
    """What weir's client does not accept of grpcio's server."""

    def call(self, credentials, *options):
        _, server, address = test_client.echo_server.start(credentials=credentials)
        self.addCleanup(server.stop, None)
        return test_client.Result(test_client.run(address, "/weir.test.Echo/Unary", "--message",
                                                  "x", *options))

    def assert_refused(self, result, reason):
        self.assertEqual(result.code, test_client.UNAVAILABLE)
        self.assertIn(reason, result.message)

    def test_another_root(self):
        self.assert_refused(self.call(server_credentials(), "--tls-ca", PEM / "other_ca.pem"),
                            "the certificate of 127.0.0.1: unable to get local issuer certificate")

    def test_another_name(self):
        self.assert_refused(self.call(server_credentials(), "--tls-ca", PEM / "ca.pem",
                                      "--tls-name", "elsewhere"),
                            "the certificate of elsewhere: hostname mismatch")

    def test_an_expired_certificate(self):
        self.assert_refused(self.call(server_credentials("expired"), "--tls-ca", PEM / "ca.pem"),
                            "certificate has expired")

    def test_plain_text(self):
        self.assert_refused(self.call(None, "--tls-ca", PEM / "ca.pem"), "TLS handshake failed")

    def test_a_client_certificate_that_is_required(self):
        options = ("--tls-ca", PEM / "ca.pem", "--tls-name", "localhost")
        credentials = server_credentials(client_ca="ca.pem")
        self.assertEqual(self.call(credentials, *options).code, test_client.UNAVAILABLE)
        self.assertEqual(self.call(credentials, *options, "--tls-cert", PEM / "client.pem",
                                   "--tls-key", PEM / "client.key").code, test_client.OK)


# ---- weir serve ----

class Serving(unittest.TestCase):
    def setUp(self):
        for kind in ("pem", "key"):
            shutil.copy(PEM / f"server.{kind}", PEM / f"own.{kind}")
        self.server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", "--tls-cert",
                             PEM / "own.pem", "--tls-key", PEM / "own.key")
        self.addCleanup(self.server.stop)

    def tick(self):
        with connect(self.server.address, credentials=client_credentials()) as channel:
            call = channel.unary_stream("/weir.demo.v1.Streams/Tick")
            return len(list(call(encode({1: 3}), timeout=PATIENCE)))

    def test_a_hangup_reads_the_certificates_again(self):
        with connect(self.server.address, credentials=client_credentials()) as old:
            chat = old.stream_stream("/weir.demo.v1.Streams/Chat")
            line = encode({1: "x"})
            self.assertEqual(list(chat(iter([line]), timeout=PATIENCE)), [line])
            for kind in ("pem", "key"):
                shutil.copy(PEM / f"expired.{kind}", PEM / f"own.{kind}")
            self.server.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + PATIENCE
            while "read the certificates again" not in self.server.said():
                self.assertLess(time.monotonic(), deadline)
            with self.assertRaises(grpc.RpcError):
                self.tick()
            self.assertEqual(list(chat(iter([line]), timeout=PATIENCE)), [line])

    def test_stalled_handshakes_do_not_delay_an_honest_call(self):
        host, port = self.server.address.split(":")
        stalled = [socket.create_connection((host, int(port)), PATIENCE) for _ in range(200)]
        for i, one in enumerate(stalled):
            one.sendall(b"\x16\x03\x01\x02\x00\x01"[:i % 7])
        start = time.monotonic()
        self.assertEqual(self.tick(), 3)
        self.assertLess(time.monotonic() - start, PATIENCE / 10)
        for one in stalled:
            one.close()

    def test_handshakes_that_fail_and_certificates_that_are_read_are_logged(self):
        server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", "--tls-cert", PEM / "own.pem",
                        "--tls-key", PEM / "own.key", "--log", "text")
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while peer.recv(4096):
                pass
        server.process.send_signal(signal.SIGHUP)
        server.process.terminate()
        self.assertEqual(server.process.wait(PATIENCE), 0)
        said = server.said()
        server.close()
        self.assertRegex(said, r'warning tls_failed connection=1 peer="127\.0\.0\.1:[0-9]+" tls=1 '
                               r'reason="TLS handshake failed: [^"]+"')
        self.assertIn('info connection_closed connection=1', said)
        self.assertNotIn("connection_opened", said)
        self.assertRegex(said, r"Z info certificates_reloaded\n")

    def test_many_clients_at_once(self):
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.tick())) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(results, [3] * 32)


@unittest.skipIf(shutil.which("openssl") is None, "there is no openssl command")
class OpenSsl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(WEIR, "serve", "--listen", "127.0.0.1:0", *TLS)
        cls.addClassCleanup(cls.server.stop)

    def connect(self, *options, alpn="h2"):
        """What s_client prints of a handshake, and whether it was completed."""
        command = ["openssl", "s_client", "-connect", self.server.address, "-CAfile",
                   PEM / "ca.pem", "-servername", "localhost", "-verify_hostname", "localhost"]
        done = subprocess.run([*command, *(["-alpn", alpn] if alpn else []), *options],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        said = done.stdout.decode(errors="replace")
        return said, done.returncode == 0 and "Cipher is (NONE)" not in said

    def test_tls_1_2_and_1_3_are_spoken(self):
        for version in ("TLSv1.2", "TLSv1.3"):
            said, complete = self.connect("-" + version.lower().replace("v", "").replace(".", "_"))
            self.assertTrue(complete, said)
            self.assertIn(f"New, {version}", said)
            self.assertIn("ALPN protocol: h2", said)
            self.assertIn("Verify return code: 0 (ok)", said)
            self.assertIn("Compression: NONE", said)

    def test_nothing_below_1_2_is(self):
        for version in ("-tls1", "-tls1_1"):
            said, complete = self.connect(version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertFalse(complete, said)
            self.assertIn("protocol version", said)

    def test_of_1_2_only_aead_with_ephemeral_keys_is(self):
        command = ["openssl", "ciphers", "-s", "-tls1_2", "ALL:aNULL:eNULL:@SECLEVEL=0"]
        listed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        taken = set()
        for cipher in listed.split(":"):
            said, complete = self.connect("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
            if complete:
                taken.add(cipher)
            else:
                self.assertIn("handshake failure", said, cipher)
        self.assertEqual(taken, {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                 "ECDHE-ECDSA-CHACHA20-POLY1305"})

    def test_no_other_protocol_is(self):
        for alpn in (None, "http/1.1", "h2c,http/1.1"):
            said, complete = self.connect(alpn=alpn)
            self.assertFalse(complete, said)
            self.assertIn("no application protocol", said)

    def test_a_session_is_resumed(self):
        # The ticket of TLS 1.3 comes behind the handshake, when this s_client may be gone.
        said, complete = self.connect("-tls1_2", "-sess_out", PEM / "session")
        self.assertTrue(complete, said)
        said, complete = self.connect("-tls1_2", "-sess_in", PEM / "session")
        self.assertTrue(complete, said)
        self.assertIn("Reused, TLSv1.2", said)


if __name__ == "__main__":
    unittest.main()
