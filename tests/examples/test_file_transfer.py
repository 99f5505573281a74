# SPDX-License-Identifier: MIT
"""test_file_transfer - files come through as they were, or not at all."""
import hashlib
import os
import pathlib
import pty
import subprocess
import tempfile
import unittest

import grpc

from examples import Method, messages, run, start
from support import EXAMPLES, PATIENCE, connect

pb = messages("file_transfer", "files.proto")
MIB = 1 << 20


def sha256(data):
    return hashlib.sha256(data)


class FileTransfer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.there = pathlib.Path(folder.name) / "there"
        cls.here = pathlib.Path(folder.name) / "here"
        cls.there.mkdir()
        cls.here.mkdir()
        (pathlib.Path(folder.name) / "secret").write_bytes(b"not for clients")
        cls.server = start("file_transfer", "server", cls.there)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.channel = connect(self.server.address)
        self.addCleanup(self.channel.close)
        for folder in self.there, self.here:
            for path in folder.iterdir():
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def client(self, *arguments):
        return run("file_transfer", "client", self.server.address, *arguments, cwd=self.here)

    def upload(self, parts):
        path = "/file_transfer.Files/Upload"
        return Method(self.channel, path, "stream_unary", pb.Receipt)(iter(parts))

    def download(self, name):
        path = "/file_transfer.Files/Download"
        return Method(self.channel, path, "unary_stream", pb.DownloadPart)(pb.Request(name=name))

    def assert_fails(self, code, call, *arguments):
        with self.assertRaises(grpc.RpcError) as caught:
            result = call(*arguments)
            next(result)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception

    def test_files_go_up_and_come_back_as_they_were(self):
        for size in 0, 1, 65536, 65537, 5 * MIB + 3:
            data = os.urandom(size)
            (self.here / "file").write_bytes(data)
            told = f", sha256 {sha256(data).hexdigest()}\n"
            code, out, err = self.client("upload", "file")
            self.assertEqual((code, out), (0, "uploaded" + told), err)
            self.assertEqual((self.there / "file").read_bytes(), data)
            (self.here / "file").unlink()
            code, out, err = self.client("download", "file")
            self.assertEqual((code, out), (0, "downloaded" + told), err)
            self.assertEqual((self.here / "file").read_bytes(), data)
        self.assertEqual([path.name for path in self.there.iterdir()], ["file"])

    def test_progress_in_a_pipe_is_a_line_for_each_tenth(self):
        (self.here / "file").write_bytes(bytes(10 * MIB))
        for verb in "upload", "download":
            lines = self.client(verb, "file")[2].splitlines()
            self.assertEqual([line.split(",")[0] for line in lines],
                             [f"{percent}%" for percent in range(0, 101, 10)])
            self.assertEqual(lines[-1], f"100%, {10 * MIB} of {10 * MIB} bytes")

    def test_progress_on_a_terminal_is_one_bar(self):
        (self.there / "file").write_bytes(bytes(MIB))
        ours, its = pty.openpty()
        client = subprocess.Popen(
            [str(EXAMPLES / "file_transfer" / "client"), self.server.address, "download", "file"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its, cwd=self.here)
        os.close(its)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # that is how a terminal ends
        os.close(ours)
        self.assertEqual(client.wait(PATIENCE), 0)
        bars = shown.decode().strip().split("\r")
        self.assertEqual(bars[0], f"[{'':50}]   0%")
        self.assertEqual(bars[-1], f"[{'#' * 50}] 100%")
        self.assertEqual(shown.count(b"\n"), 1)

    def test_no_name_leads_out_of_the_directory(self):
        (self.there / "link").symlink_to("../secret")
        (self.there / "folder").mkdir()
        os.mkfifo(self.there / "fifo")
        for name in "../secret", "/etc/passwd", "folder/x", ".", "..", "", ".hidden", "x" * 256:
            self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, self.download, name)
            self.assert_fails(grpc.StatusCode.INVALID_ARGUMENT, self.upload,
                              [pb.UploadPart(name=name)])
        self.assert_fails(grpc.StatusCode.NOT_FOUND, self.download, "link")
        self.assert_fails(grpc.StatusCode.NOT_FOUND, self.download, "none")
        self.assert_fails(grpc.StatusCode.FAILED_PRECONDITION, self.download, "folder")
        self.assert_fails(grpc.StatusCode.FAILED_PRECONDITION, self.download, "fifo")

    def test_an_upload_replaces_a_link_and_not_what_it_leads_to(self):
        (self.there / "link").symlink_to("../secret")
        parts = [pb.UploadPart(name="link"), pb.UploadPart(sha256=sha256(b"").digest())]
        self.assertEqual(self.upload(parts).size, 0)
        self.assertFalse((self.there / "link").is_symlink())
        self.assertEqual((self.there.parent / "secret").read_bytes(), b"not for clients")

    def test_an_upload_is_whole_or_nothing(self):
        name, data = pb.UploadPart(name="file"), pb.UploadPart(data=b"data")
        right = pb.UploadPart(sha256=sha256(b"data").digest())
        wrong = pb.UploadPart(sha256=sha256(b"other").digest())
        before, none = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT
        for parts, code in (([name, data], before), ([], before), ([data], before),
                            ([right], before), ([name, name], before),
                            ([name, data, right, data], before), ([pb.UploadPart()], none),
                            ([name, data, wrong], grpc.StatusCode.DATA_LOSS),
                            ([name, data, pb.UploadPart(sha256=b"short")],
                             grpc.StatusCode.DATA_LOSS)):
            self.assert_fails(code, self.upload, parts)
            self.assertEqual(list(self.there.iterdir()), [])
        self.assertEqual(self.upload([name, data, right]).size, 4)
        self.assertEqual((self.there / "file").read_bytes(), b"data")

    def test_a_failed_download_leaves_nothing(self):
        code, out, err = self.client("download", "none")
        self.assertEqual((code, out, err),
                         (1, "", "NOT_FOUND: none: No such file or directory\n"))
        self.assertEqual(list(self.here.iterdir()), [])

    def test_a_client_that_reads_slowly_stops_the_server_from_reading_on(self):
        size = 256 * MIB
        with open(self.there / "large", "wb") as file:
            file.truncate(size)
        small = b"small"
        (self.there / "small").write_bytes(small)
        with grpc.insecure_channel(self.server.address, [
                ("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0),
                ("grpc.max_receive_message_length", MIB)]) as channel:
            stalled = Method(channel, "/file_transfer.Files/Download", "unary_stream",
                             pb.DownloadPart)(pb.Request(name="large"))
            self.assertEqual(next(stalled).size, size)
            for _ in range(50):  # the server is at work, and others get what they ask for
                self.assertEqual([part.data for part in self.download("small")],
                                 [b"", small, b""])
            self.assertLess(self.position("large"), 4 * MIB)
            stalled.cancel()

    def position(self, name):
        """How far the server has read the file."""
        process = pathlib.Path("/proc") / str(self.server.process.pid)
        for fd in (process / "fd").iterdir():
            if os.readlink(fd).endswith("/" + name):
                text = (process / "fdinfo" / fd.name).read_text()
                return int(text.split("pos:")[1].split()[0])
        self.fail(f"the server has not opened {name}")


if __name__ == "__main__":
    unittest.main()
