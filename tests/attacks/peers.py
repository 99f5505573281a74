# SPDX-License-Identifier: MIT
"""peers - the servers that are attacked, and the clients that are not hostile at all.

weir's is attacked-server. Others are those of bench/, which bench/run.py builds, and grpcio's, whose
core is gRPC's in C. What is missing is skipped, by name.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import run as bench  # noqa: E402  (bench/run.py knows how to build them)


class Peer:
    """A kind of server, and how it is started."""

    def __init__(self, name, command):
        self.name = name
        self.command = [str(word) for word in command]
        self.is_weir = name == "weir"


def certificates(options):
    """Those of a server, where the build has a program that makes some."""
    maker = options.build / "tests" / "interop" / "make_certificates"
    folder = options.bin / "certificates"
    if not maker.exists():
        return []
    folder.mkdir(exist_ok=True)
    subprocess.run([maker, folder], check=True, stdout=subprocess.DEVNULL)
    return ["--certificate", folder / "server.pem", "--key", folder / "server.key"]


def weir(options):
    return Peer("weir", [options.bin / "attacked-server", *certificates(options)])


def grpcio():
    done = subprocess.run([sys.executable, "-c", "import grpc"], stderr=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        print("grpcio: skipped, python3-grpcio was not found", file=sys.stderr)
        return None
    return [sys.executable, HERE / "grpcio_server.py"]


def find(options):
    """weir, and where that is asked for, all others that can run here."""
    if options.peer in (None, "weir"):
        yield weir(options)
    progress = bench.Progress()
    folder = str(options.build / "bench")
    os.makedirs(folder, exist_ok=True)
    others = {"grpc-go": lambda: bench.grpc_go_command(folder, progress), "grpcio": grpcio,
              "tonic": lambda: bench.tonic_command(folder, progress)}
    for name, command in others.items():
        words = command() if options.peer == name or options.peers else None
        if words is not None:
            yield Peer(name, words)


def go_heavy(options):
    """A client of grpc-go, or None."""
    go = None if options.own_client else bench.find_tool("go", "/usr/local/go/bin/go")
    if go is None:
        print("grpc-go: skipped, " + ("our own client was asked for" if options.own_client
                                      else "no go found"), flush=True)
        return None
    program = options.build / "bench" / "grpc-go-heavy"
    program.parent.mkdir(exist_ok=True)
    built = bench.build_peer("grpc-go", [go, "build", "-o", str(program), "./heavy"],
                             str(BENCH / "peers" / "grpc-go"), {}, bench.Progress())
    return program if built else None


def heavy_clients(options, address):
    """Commands of clients that are busy, and not hostile."""
    program = go_heavy(options)
    if program is not None:
        yield [str(program), "--server", address, "--seconds", str(options.seconds)]
    yield [str(options.bin / "attack"), "heavy", address, str(min(options.seconds, 10))]
