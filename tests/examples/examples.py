# SPDX-License-Identifier: MIT
"""examples - what the tests of the examples share: their programs, and their messages in Python."""
import importlib
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading

from support import EXAMPLES, PATIENCE, Server

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "examples"
_modules = tempfile.TemporaryDirectory()
sys.path.append(_modules.name)


def messages(example, proto, *imports):
    """The messages of examples/EXAMPLE/PROTO as protoc's own generator for Python makes them."""
    subprocess.run(["protoc", f"--python_out={_modules.name}", f"-I{SOURCES / example}", proto,
                    *imports], check=True)
    return importlib.import_module(proto.replace(".proto", "_pb2"))


def start(example, program, *arguments):
    """A server of an example, on a free port."""
    return Server(EXAMPLES / example / program, "127.0.0.1:0", *arguments)


def run(example, program, *arguments, **named):
    """A program that ends: its code, what it wrote on stdout, and on stderr."""
    done = subprocess.run([str(EXAMPLES / example / program), *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, **named)
    return done.returncode, done.stdout, done.stderr


class Method:
    """A method of a service on a channel of grpcio, called with messages."""

    def __init__(self, channel, path, kind, response):
        self.call = getattr(channel, kind)(
            path, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString)

    def __call__(self, request, **named):
        named.setdefault("timeout", PATIENCE)
        return self.call(request, **named)


class Lines:
    """The lines of a pipe. A thread takes them as they come, so that who writes them never waits."""

    def __init__(self, pipe):
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        for line in pipe:
            self.lines.put(line.decode().removesuffix("\n"))
        self.lines.put(None)

    def next(self):
        """The next line; None at the end."""
        return self.lines.get(timeout=PATIENCE)
