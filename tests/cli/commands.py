# SPDX-License-Identifier: MIT
"""commands - the `weir` command as a user runs it: every client against `weir serve`.

Nothing sleeps to wait for something: a server says that it listens, a client's lines are read as
they come, and every wait has a bound.
"""
import contextlib
import hashlib
import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

WEIR = os.environ.get("CLI_WEIR", "build/weir")
PATIENCE = 100
MIB = 1 << 20


def start(*words, **named):
    """A running `weir`, with pipes for what was not given."""
    for name in ("stdin", "stdout", "stderr"):
        named.setdefault(name, subprocess.PIPE)
    # Unbuffered, so that what was not read can still be waited for.
    return subprocess.Popen([WEIR, *map(str, words)], bufsize=0, **named)


def run(*words, input=b"", **named):
    """Runs `weir` to its end: exit code, standard output, standard error."""
    process = start(*words, **named)
    out, err = process.communicate(input, PATIENCE)
    return process.returncode, out, (err or b"").decode()


def read_line(stream):
    """The next line of a pipe, or a failure when none comes in time."""
    if not select.select([stream], [], [], PATIENCE)[0]:
        raise AssertionError("no line came")
    return stream.readline()


class Server:
    """`weir serve`. `process` is one that was started otherwise; `addresses` has all it listens
    on, and `address` the first."""

    def __init__(self, *words, address="127.0.0.1:0", process=None, count=1):
        self.process = process or start("serve", "--listen", address, *words,
                                        stdin=subprocess.DEVNULL)
        self.addresses = [self.read_address() for _ in range(count)]
        self.address = self.addresses[0]

    def read_address(self):
        line = read_line(self.process.stdout).decode()
        assert line.startswith("listening on "), line
        return line.removeprefix("listening on ").strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, (self.process.returncode, err.decode())
        assert err == b"", err.decode()


class Case(unittest.TestCase):
    """One server with a directory of files for all tests of a class."""

    options = ()

    @classmethod
    def setUpClass(cls):
        top = tempfile.TemporaryDirectory()
        cls.addClassCleanup(top.cleanup)
        cls.top = pathlib.Path(top.name)
        cls.dir = cls.top / "dir"
        cls.dir.mkdir()
        (cls.top / "secret").write_text("secret\n")
        cls.server = Server("--dir", cls.dir, *cls.options)
        cls.addClassCleanup(cls.server.stop)
        cls.address = cls.server.address

    def file(self, name, data):
        (self.dir / name).write_bytes(data)
        return name

    def assert_fails(self, result, code, *texts):
        status, _, err = result
        self.assertEqual(status, 1, err)
        self.assertEqual(err.splitlines()[-1].split(":")[0:2], ["weir", " " + code], err)
        for text in texts:
            self.assertIn(text, err)
        self.assertNotIn(str(self.top), err)


class Tick(Case):
    def test_it_prints_messages_and_the_rate(self):
        status, out, err = run("tick", self.address, "--count", 200)
        self.assertEqual(status, 0, err)
        self.assertEqual(out, b"".join(b"message_%d\n" % i for i in range(200)))
        self.assertRegex(err, r"^200 messages in .+, \d+\.\d a second\n$")

    def test_without_an_interval_it_is_fast(self):
        status, out, err = run("tick", self.address, "--count", 20000, "--interval", 0)
        self.assertEqual(status, 0, err)
        self.assertEqual(out, b"".join(b"message_%d\n" % i for i in range(20000)))

    def test_the_interval_is_held(self):
        begin = time.monotonic()
        status, _, err = run("tick", self.address, "-n", 5, "-i", "50ms")
        self.assertEqual(status, 0, err)
        self.assertGreaterEqual(time.monotonic() - begin, 0.25)

    def test_ctrl_c_cancels_the_call(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = start("tick", self.address, "--count", 0)
            self.assertEqual(read_line(process.stdout), b"message_0\n")
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 130)
            self.assertIn(b"weir: interrupted; the call was cancelled", err)
            self.assertRegex(err, rb"\d+ messages in ")

    def test_a_timeout_is_a_deadline(self):
        self.assert_fails(run("tick", self.address, "--count", 0, "--timeout", "100ms"),
                          "DEADLINE_EXCEEDED")

    def test_a_closed_pipe_is_told(self):
        process = start("tick", self.address, "--count", 0)
        read_line(process.stdout)
        process.stdout.close()
        err = process.stderr.read().decode()
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn("weir: cannot write to standard output: Broken pipe\n", err)
        process.stderr.close()
        process.stdin.close()

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            status, _, err = run("tick", self.address, stdout=full)
        self.assertEqual(status, 1)
        self.assertIn("weir: cannot write to standard output: No space left on device\n", err)

    def test_a_reader_that_is_stuck_does_not_keep_ctrl_c_from_ending(self):
        process = start("tick", self.address, "--count", 0, "--interval", 0)
        read_line(process.stdout)  # then nobody reads, and the pipe fills
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


class Diagnostics(Case):
    def test_a_status_that_was_asked_for(self):
        self.assert_fails(run("tick", self.address, "-m", "weir-status=5",
                              "-m", "weir-status-message=what for"), "NOT_FOUND", "what for")
        self.assert_fails(run("chat", self.address, "-m", "weir-status=DATA_LOSS"), "DATA_LOSS")
        self.assert_fails(run("upload", self.address, "-", "-m", "weir-status=7"),
                          "PERMISSION_DENIED")

    def test_a_status_after_messages(self):
        result = run("tick", self.address, "-m", "weir-status=10", "-m", "weir-status-after=3",
                     "-m", "weir-status-message-bin=gr\u00fcn\nund mehr")
        self.assertEqual(result[1], b"message_0\nmessage_1\nmessage_2\n")
        self.assertEqual(result[0], 1)
        self.assertTrue(result[2].endswith("weir: ABORTED: gr\u00fcn\nund mehr\n"), result[2])

    def test_a_status_that_is_none(self):
        self.assert_fails(run("tick", self.address, "-m", "weir-status=17"), "INVALID_ARGUMENT")
        self.assert_fails(run("tick", self.address, "-m", "weir-status=nonsense"),
                          "INVALID_ARGUMENT", "nonsense")

    def test_metadata_comes_back(self):
        status, _, err = run("tick", self.address, "-n", 1, "--show-metadata", "-m", "echo-a=1",
                             "-m", "echo-a=2", "-m", "echo-b-bin=\u00e4", "-m", "trailer-echo-c=3",
                             "-m", "other=4")
        self.assertEqual(status, 0, err)
        shown = [line for line in err.splitlines() if "echo" in line]
        self.assertEqual(shown, ["metadata: echo-a=1", "metadata: echo-a=2",
                                 "metadata: echo-b-bin=c3a4", "trailer: trailer-echo-c=3"])
        self.assertNotIn("other", err)

    def test_metadata_that_cannot_be_sent(self):
        for pair in ("no-value", "UPPER=1", "grpc-status=0", "a=\u00e4"):
            self.assert_fails(run("tick", self.address, "-m", pair), "INVALID_ARGUMENT", pair)


class Tail(Case):
    def test_it_follows(self):
        name = self.file("log", b"one\ntw")
        process = start("tail", self.address, name)
        self.assertEqual(read_line(process.stdout), b"one\n")
        with open(self.dir / name, "ab") as log:
            log.write(b"o\n\xff not UTF-8\n")
        self.assertEqual(read_line(process.stdout), b"two\n")
        self.assertEqual(read_line(process.stdout), b"\xff not UTF-8\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 130)

    def test_it_tells_that_a_file_became_shorter(self):
        name = self.file("cut", b"one\ntwo\n")
        process = start("tail", self.address, name, "--lines", 3)
        self.assertEqual([read_line(process.stdout) for _ in range(2)], [b"one\n", b"two\n"])
        self.file(name, b"new\n")
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (0, b"new\n"))
        self.assertIn(b"the file became shorter", err)

    def test_a_long_line_comes_whole(self):
        line = os.urandom(150_000).replace(b"\n", b"x")
        name = self.file("long", line + b"\nnext\n")
        status, out, err = run("tail", self.address, name, "--lines", 2)
        self.assertEqual(status, 0, err)
        self.assertTrue(out == line + b"\nnext\n")

    def test_from_the_end(self):
        name = self.file("end", b"old\n" * 1000)
        process = start("tail", self.address, name, "--from-end", "--lines", 1)
        while process.poll() is None:  # it may not have begun when the first line is written
            with open(self.dir / name, "ab") as log:
                log.write(b"new\n")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        self.assertEqual((process.returncode, process.communicate()[0]), (0, b"new\n"))


class Download(Case):
    def test_to_standard_output(self):
        data = os.urandom(3 * MIB + 17)
        status, out, err = run("download", self.address, self.file("big", data))
        self.assertEqual(status, 0, err)
        self.assertTrue(out == data)
        self.assertIn(hashlib.sha256(data).hexdigest(), err)
        self.assertIn(f"({len(data)} bytes)", err)

    def test_to_a_file_that_appears_when_it_is_complete(self):
        data = os.urandom(MIB)
        self.file("part", data)
        out = self.top / "out"
        out.write_bytes(b"old")
        status, _, err = run("download", self.address, "part", "-o", out)
        self.assertEqual(status, 0, err)
        self.assertTrue(out.read_bytes() == data)
        umask = os.umask(0)
        os.umask(umask)
        self.assertEqual(out.stat().st_mode & 0o777, 0o666 & ~umask)
        self.assert_fails(run("download", self.address, "missing", "-o", out), "NOT_FOUND")
        self.assertTrue(out.read_bytes() == data)
        self.assertEqual([name for name in os.listdir(self.top) if "part" in name], [])

    def test_an_empty_file(self):
        status, out, err = run("download", self.address, self.file("empty", b""))
        self.assertEqual((status, out), (0, b""), err)

    def test_chunks_of_any_size(self):
        data = os.urandom(100_000)
        name = self.file("chunked", data)
        for size in ("1KiB", "99999", "1MiB"):
            status, out, err = run("download", self.address, name, "--chunk-size", size)
            self.assertEqual(status, 0, err)
            self.assertTrue(out == data)

    def test_a_full_disk_and_a_closed_pipe_are_told(self):
        name = self.file("large", bytes(4 * MIB))
        status, _, err = run("download", self.address, name, "-o", "/dev/full")
        self.assertEqual(status, 1)
        self.assertIn("weir: cannot write /dev/full: No space left on device\n", err)
        process = start("download", self.address, name)
        process.stdout.close()
        err = process.stderr.read().decode()
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn("weir: cannot write to standard output: Broken pipe\n", err)
        process.stderr.close()
        process.stdin.close()

    def test_a_file_cannot_be_made(self):
        name = self.file("small", b"x")
        status, _, err = run("download", self.address, name, "-o", self.top / "no" / "dir")
        self.assertEqual(status, 1)
        self.assertIn("cannot open", err)

    def test_a_device_is_written_to_and_not_replaced(self):
        name = self.file("null", b"x" * 1000)
        link = self.top / "link"
        os.symlink("/dev/null", link)
        status, _, err = run("download", self.address, name, "-o", link)
        self.assertEqual(status, 0, err)
        self.assertTrue(link.is_symlink())

    def test_stalled_readers_finish_when_they_resume(self):
        data = os.urandom(2 * MIB)
        status, out, err = run("download", self.address, self.file("many", data), "--parallel", 50,
                               "--pause", "200ms")
        self.assertEqual(status, 0, err)
        lines = out.decode().splitlines()
        self.assertEqual(lines[:2], ["stalled 50 downloads", "resumed 50 downloads"])
        self.assertIn(f"finished 50 downloads of {2 * MIB} bytes each", lines[2])
        self.assertIn(hashlib.sha256(data).hexdigest(), lines[2])

    def test_other_calls_go_on_while_readers_stall(self):
        name = self.file("stall", bytes(MIB))
        stalled = start("download", self.address, name, "--parallel", 100, "--pause", "1h")
        self.assertEqual(read_line(stalled.stdout), b"stalled 100 downloads\n")
        status, out, err = run("download", self.address, name)
        self.assertEqual((status, len(out)), (0, MIB), err)
        status, _, err = run("tick", self.address, "--count", 100)
        self.assertEqual(status, 0, err)
        stalled.send_signal(signal.SIGINT)
        stalled.communicate(timeout=PATIENCE)
        self.assertEqual(stalled.returncode, 130)


class Paths(Case):
    """What must not be opened, and what is said about it, by both methods that open files."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.dir / "sub").mkdir()
        os.symlink("../secret", cls.dir / "out")
        os.symlink(cls.top / "secret", cls.dir / "absolute")
        os.symlink("..", cls.dir / "up")
        os.mkfifo(cls.dir / "fifo")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(cls.dir / "socket"))
        (cls.dir / "inside").write_text("inside\n")
        os.symlink("inside", cls.dir / "link")

    def both(self, path, code, *texts):
        for command in ("download", "tail"):
            with self.subTest(command=command, path=path):
                self.assert_fails(run(command, self.address, "--", path), code, *texts)

    def test_no_path_leaves_the_directory(self):
        for path in ("../secret", "/etc/passwd", "sub/../../secret", "out", "absolute",
                     "up/secret", "..", "/proc/self/environ"):
            self.both(path, "PERMISSION_DENIED")

    def test_only_regular_files(self):
        for path in ("fifo", "sub", ".", "socket", "sub/"):
            self.both(path, "FAILED_PRECONDITION", "not a regular file")

    def test_what_is_not_there(self):
        for path in ("missing", "sub/missing", "inside/x", "a" * 200):
            self.both(path, "NOT_FOUND")

    def test_what_is_no_path(self):
        self.both("", "INVALID_ARGUMENT")
        self.both("x" * 300, "INVALID_ARGUMENT")
        self.both("x/" * 3000, "INVALID_ARGUMENT")

    @unittest.skipIf(os.getuid() == 0, "root may read everything")
    def test_what_may_not_be_read(self):
        (self.dir / "locked").write_text("x")
        (self.dir / "locked").chmod(0)
        self.both("locked", "PERMISSION_DENIED")

    def test_a_link_that_stays_inside_is_fine(self):
        status, out, err = run("download", self.address, "link")
        self.assertEqual((status, out), (0, b"inside\n"), err)

    def test_a_server_without_a_directory(self):
        server = Server()
        for command in ("download", "tail"):
            self.assert_fails(run(command, server.address, "inside"), "FAILED_PRECONDITION",
                              "--dir")
        server.stop()


class Upload(Case):
    def test_a_file(self):
        data = os.urandom(5 * MIB + 3)
        path = self.top / "up"
        path.write_bytes(data)
        status, out, err = run("upload", self.address, path)
        self.assertEqual(status, 0, err)
        self.assertEqual(out.decode(), f"{hashlib.sha256(data).hexdigest()}  {path}\n")
        self.assertIn(f"uploaded 5.0 MiB ({len(data)} bytes) in ", err)

    def test_standard_input(self):
        status, out, err = run("upload", self.address, "-", input=b"abc")
        self.assertEqual(status, 0, err)
        self.assertEqual(out.decode(),
                         f"{hashlib.sha256(b'abc').hexdigest()}  standard input\n")

    def test_nothing(self):
        status, out, err = run("upload", self.address, "-")
        self.assertEqual(status, 0, err)
        self.assertTrue(out.startswith(hashlib.sha256(b"").hexdigest().encode()))

    def test_what_cannot_be_read(self):
        for path, reason in ((self.top / "missing", "No such file"), (self.top, "directory")):
            status, out, err = run("upload", self.address, path)
            self.assertEqual((status, out), (1, b""))
            self.assertIn(reason, err)

    def test_a_call_that_ends_while_standard_input_waits(self):
        process = start("upload", self.address, "-", "--timeout", "100ms")
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn(b"DEADLINE_EXCEEDED", process.communicate()[1])

    def test_ctrl_c_while_standard_input_waits(self):
        process = start("upload", self.address, "-")
        process.stdin.write(bytes(MIB))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        process.communicate()


class Chat(Case):
    def test_lines_come_back(self):
        sent = b"".join(b"line %d with \xc3\xbc\n" % i for i in range(20000))
        status, out, err = run("chat", self.address, input=sent)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out == sent)

    def test_each_comes_back_at_once(self):
        process = start("chat", self.address)
        for line in (b"first\n", b"\n", b"third\n"):
            process.stdin.write(line)
            process.stdin.flush()
            self.assertEqual(read_line(process.stdout), line)
        self.assertEqual(process.communicate(timeout=PATIENCE), (b"", b""))
        self.assertEqual(process.returncode, 0)

    def test_a_last_line_without_an_end(self):
        self.assertEqual(run("chat", self.address, input=b"one\ntwo")[:2], (0, b"one\ntwo\n"))

    def test_nothing(self):
        self.assertEqual(run("chat", self.address), (0, b"", ""))

    def test_what_is_not_utf8_is_told(self):
        status, _, err = run("chat", self.address, input=b"fine\n\xff\n")
        self.assertEqual(status, 1)
        self.assertEqual(err, "weir: line 2 is not UTF-8, which a gRPC string must be\n")

    def test_a_nul_is_told(self):
        status, _, err = run("chat", self.address, input=b"fine\ncut\0off\n")
        self.assertEqual(status, 1)
        self.assertEqual(err, "weir: line 2 holds a NUL, which ends a string\n")

    def test_a_line_too_long_is_told(self):
        status, _, err = run("chat", self.address, input=b"x" * (MIB + 1))
        self.assertEqual(status, 1)
        self.assertEqual(err, "weir: line 1 is longer than 1 MiB\n")

    def test_a_call_that_ends_while_the_user_types_nothing(self):
        process = start("chat", self.address, "--timeout", "100ms")
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn(b"DEADLINE_EXCEEDED", process.communicate()[1])

    def test_a_closed_pipe_is_told(self):
        process = start("chat", self.address)
        process.stdout.close()
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        err = process.stderr.read()
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertIn(b"weir: cannot write to standard output: Broken pipe\n", err)
        process.stderr.close()
        process.stdin.close()


class Terminal(Case):
    def test_a_terminal_gets_a_bar(self):
        name = self.file("bar", bytes(2 * MIB))
        top, end = pty.openpty()
        process = start("download", self.address, name, "--chunk-size", "1KiB",
                        stdout=subprocess.DEVNULL, stderr=end)
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is there
            while select.select([top], [], [], PATIENCE)[0]:
                shown += os.read(top, 65536)
        os.close(top)
        process.stdin.close()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn(b"downloaded 2.0 MiB (2097152 bytes)", shown)
        self.assertIn(b"\r\x1b[K", shown)


class Serve(unittest.TestCase):
    def test_many_threads(self):
        server = Server("--threads", 4)
        clients = [start("tick", server.address, "--count", 200) for _ in range(8)]
        for client in clients:
            out, err = client.communicate(timeout=PATIENCE)
            self.assertEqual((client.returncode, out.count(b"\n")), (0, 200), err)
        server.stop()

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(address=f"unix:{folder}/socket")
            self.assertEqual(server.address, f"unix:{folder}/socket")
            self.assertEqual(run("chat", server.address, input=b"hi\n")[:2], (0, b"hi\n"))
            server.stop()

    def test_an_abstract_socket(self):
        server = Server(address=f"unix-abstract:weir-commands-{os.getpid()}")
        self.assertEqual(run("chat", server.address, input=b"hi\n")[:2], (0, b"hi\n"))
        server.stop()

    def test_many_addresses(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server("-l", f"unix:{folder}/socket", "-l", "[::1]:0", count=3)
            for address in server.addresses:
                self.assertEqual(run("chat", address, input=b"hi\n")[:2], (0, b"hi\n"))
            server.stop()
            self.assertEqual(os.listdir(folder), [])

    def test_a_socket_whose_server_was_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            killed = Server(address=f"unix:{folder}/socket")
            killed.process.kill()
            killed.process.communicate()
            server = Server(address=f"unix:{folder}/socket")
            self.assertEqual(run("chat", server.address, input=b"hi\n")[:2], (0, b"hi\n"))
            server.stop()

    def test_a_descriptor(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            fd = listener.fileno()
            address = "127.0.0.1:%d" % listener.getsockname()[1]
            server = Server(process=start("serve", "-l", f"fd:{fd}", stdin=subprocess.DEVNULL,
                                          pass_fds=[fd]))
        self.assertEqual(server.address, f"fd:{fd}")
        self.assertEqual(run("chat", address, input=b"hi\n")[:2], (0, b"hi\n"))
        server.stop()

    def connect(self, server):
        host, port = server.address.rsplit(":", 1)
        client = socket.create_connection((host, int(port)), PATIENCE)
        self.addCleanup(client.close)
        return client

    def assert_closes(self, client):
        with contextlib.suppress(ConnectionResetError):
            while client.recv(4096):
                pass

    def test_the_most_connections(self):
        server = Server("--max-connections", 1)
        self.assertNotEqual(self.connect(server).recv(1), b"")
        self.assert_closes(self.connect(server))
        status, _, err = run("tick", server.address)
        self.assertEqual(status, 1)
        self.assertIn("weir: UNAVAILABLE", err)
        server.stop()

    def test_the_time_for_first_words(self):
        server = Server("--handshake-timeout", "100ms")
        self.assert_closes(self.connect(server))
        server.stop()

    def test_the_time_for_headers(self):
        server = Server("--header-timeout", "100ms")
        client = self.connect(server)
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        client.sendall(bytes([0, 0, 1, 1]))
        self.assert_closes(client)
        server.stop()

    def test_the_most_headers(self):
        server = Server("--max-header-size", "1KiB")
        status, _, err = run("tick", server.address, "--count", 1, "-m", "a=" + "x" * 1024)
        self.assertEqual(status, 1)
        self.assertIn("weir: RESOURCE_EXHAUSTED", err)
        self.assertEqual(run("tick", server.address, "--count", 1)[0], 0)
        server.stop()

    def test_an_address_that_is_taken(self):
        server = Server()
        status, out, err = run("serve", "--listen", server.address)
        self.assertEqual((status, out), (1, b""))
        self.assertIn(f"weir serve: --listen {server.address}: UNAVAILABLE", err)
        server.stop()

    def test_a_running_call_may_finish(self):
        server = Server("--grace", "60s")
        client = start("tick", server.address, "--count", 300)
        read_line(client.stdout)
        server.stop()
        out, err = client.communicate(timeout=PATIENCE)
        self.assertEqual((client.returncode, out.count(b"\n")), (0, 299), err)

    def test_an_endless_call_ends_after_the_grace(self):
        server = Server("--grace", "100ms")
        client = start("tick", server.address, "--count", 0)
        read_line(client.stdout)
        server.stop()
        _, err = client.communicate(timeout=PATIENCE)
        self.assertEqual(client.returncode, 1, err)

    def test_closed_standard_streams_are_nobody_elses(self):
        """Nothing the server opens takes their place, and what it prints goes nowhere."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/socket"
            process = start("serve", "--listen", "unix:" + path,
                            preexec_fn=lambda: (os.close(0), os.close(1)))
            self.addCleanup(process.kill)
            deadline = time.monotonic() + PATIENCE
            status = None
            while status != 0 and time.monotonic() < deadline:
                status, out, _ = run("tick", "unix:" + path, "--count", "1")
            self.assertEqual((status, out), (0, b"message_0\n"))
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(err, b"weir: cannot write to standard output: Bad file descriptor\n")

    def test_a_second_signal_ends_it_at_once(self):
        server = Server("--grace", "1h")
        client = start("tick", server.address, "--count", 0)
        read_line(client.stdout)
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(0.1)
        self.assertEqual(server.process.returncode, -signal.SIGINT)
        client.communicate(timeout=PATIENCE)
        self.assertEqual(client.returncode, 1)
        server.process.communicate()


class Activation(unittest.TestCase):
    """Sockets that a service manager passes: descriptors 3 and up, told by the environment."""

    # Becomes the server, as a service manager's child does: argv is the number of the first
    # descriptor, variables of the environment, "--", and the command.
    CHILD = """
import os, sys
first, words = int(sys.argv[1]), sys.argv[2:]
end = words.index("--")
os.environ.update(word.split("=", 1) for word in words[:end])
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
for i in range(2):
    os.dup2(first + i, 3 + i, inheritable=True)
os.execv(words[end + 1], words[end + 1:])
"""
    FIRST = 100  # out of the way of 3 and 4

    def setUp(self):
        self.addresses = []
        for i in range(2):
            listener = socket.create_server(("127.0.0.1", 0))
            self.addresses.append("127.0.0.1:%d" % listener.getsockname()[1])
            os.dup2(listener.fileno(), self.FIRST + i)
            listener.close()
            self.addCleanup(os.close, self.FIRST + i)

    def activate(self, variables, *words):
        return subprocess.Popen(
            [sys.executable, "-c", self.CHILD, str(self.FIRST), *variables, "--", WEIR, "serve",
             *words], bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, pass_fds=[self.FIRST, self.FIRST + 1])

    def serves(self, address):
        return run("chat", address, "--timeout", "60s", input=b"hi\n")[:2] == (0, b"hi\n")

    def test_all(self):
        server = Server(process=self.activate(["LISTEN_FDS=2"], "-l", "systemd"))
        self.assertEqual(server.address, "systemd")
        self.assertTrue(all(map(self.serves, self.addresses)))
        server.stop()

    def test_a_name(self):
        server = Server(process=self.activate(
            ["LISTEN_FDS=2", "LISTEN_FDNAMES=other:api"], "-l", "systemd:api"))
        self.assertTrue(self.serves(self.addresses[1]))
        server.stop()

    def assert_told(self, process, *texts):
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (1, b""))
        for text in texts:
            self.assertIn(text, err)

    def test_nothing_passed(self):
        self.assert_told(self.activate(["LISTEN_PID=1", "LISTEN_FDS=2"], "-l", "systemd"),
                         b"weir serve: --listen systemd: UNAVAILABLE: ", b"LISTEN_FDS")
        self.assert_told(self.activate(["LISTEN_FDS=2"], "-l", "systemd:web"),
                         b"weir serve: --listen systemd:web: UNAVAILABLE: ", b" named web ")

    def test_systemds_own_command(self):
        tool = shutil.which("systemd-socket-activate")
        if tool is None:
            self.skipTest("systemd-socket-activate: not found")
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen([tool, "-l", f"{folder}/socket", WEIR, "serve", "-l",
                                        "systemd"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            while not os.path.exists(f"{folder}/socket"):
                self.assertIsNone(process.poll())
            self.assertTrue(self.serves(f"unix:{folder}/socket"))
            process.terminate()
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 0)


class CommandLine(unittest.TestCase):
    commands = ("serve", "tick", "tail", "download", "upload", "chat")

    def assert_usage(self, words, *texts):
        status, out, err = run(*words)
        self.assertEqual((status, out), (2, b""), err)
        for text in texts:
            self.assertIn(text, err)

    def test_help(self):
        status, out, _ = run("--help")
        self.assertEqual(status, 0)
        for command in self.commands:
            self.assertIn(f"  {command} ".encode(), out)
            status, text, err = run(command, "--help")
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(text.startswith(f"Usage: weir {command}".encode()))
            self.assertIn(b"Examples:", text)
            self.assertEqual(run("help", command), (0, text, ""))
        self.assertEqual(run("help")[:2], (0, out))

    def test_help_fits_a_terminal(self):
        for command in ((), *((command,) for command in self.commands)):
            for line in run(*command, "--help")[1].decode().splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_version(self):
        self.assertRegex(run("--version")[1], rb"^weir \d+\.\d+\.\d+\n$")

    def test_errors_name_the_option_and_the_value(self):
        self.assert_usage((), "weir --help")
        self.assert_usage(("tock",), "tock", "tick")
        self.assert_usage(("tick",), "ADDRESS")
        self.assert_usage(("tick", "x:1", "--interval", "5"), "--interval", "5", "1ms")
        self.assert_usage(("tick", "x:1", "--count", "-1"), "--count", "-1")
        self.assert_usage(("download", "x:1", "a", "--parallel", "0"), "--parallel", "least is 1")
        self.assert_usage(("download", "x:1", "a", "-o", "b", "--pause", "1s"), "b", "--pause")
        self.assert_usage(("serve", "--threads", "0"), "--threads", "0")
        self.assert_usage(("serve", "--max-connections", "0"), "--max-connections", "least is 1")
        self.assert_usage(("serve", "--max-connections", "x"), "--max-connections", "x", "digits")
        self.assert_usage(("serve", "--max-header-size", "1"), "--max-header-size", "least is 1.0 KiB")
        self.assert_usage(("serve", "--max-header-size", "2GiB"), "--max-header-size", "most is 1.0 MiB")
        self.assert_usage(("serve", "--handshake-timeout", "5"), "--handshake-timeout", "5", "1ms")
        self.assert_usage(("serve", "--header-timeout", "0"), "--header-timeout", "0")
        self.assert_usage(("serve", "--dir", "/nowhere"), "--dir", "/nowhere", "No such file")
        self.assert_usage(("serve", "--nonsense"), "--nonsense")

    def test_an_address_that_is_none(self):
        self.assert_usage(("tick", "nonsense"), "INVALID_ARGUMENT")
        self.assert_usage(("serve", "--listen", "nonsense"), "--listen nonsense")

    def test_help_to_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            status, _, err = run("--help", stdout=full)
        self.assertEqual(status, 1)
        self.assertIn("No space left on device", err)

    def test_nobody_listens(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            status, _, err = run("tick", f"127.0.0.1:{bound.getsockname()[1]}")
        self.assertEqual(status, 1)
        self.assertIn("weir: UNAVAILABLE", err)


if __name__ == "__main__":
    unittest.main()
