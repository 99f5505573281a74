#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""path.py - what `./dev bench path` runs: one long transfer through a long path, on weir and grpc-go.

A relay between client and server delays what passes, so that windows decide how fast it goes. Each
round runs all of them, one after the other; a ratio is the median of the rounds' ratios.
"""
import argparse
import os
import statistics
import subprocess
import sys

import run

GOAL = 0.9
WAYS = {"down": "download", "up": "upload"}
# A path's megabits a second (0: what the machine can), weir's largest window (0: its own), and whether
# the goal is for this line.
PATHS = [(400, 0, True), (0, 0, True), (0, 4 << 20, False)]


class Path:
    """A server, and a relay in front of it."""

    def __init__(self, build, server, delay_ms, mbit):
        self.server = run.Server(*server)
        self.relay = None
        self.command = [os.path.join(build, "weir-relay"), "--delay-ms", str(delay_ms)]
        if mbit:
            self.command += ["--mbit", str(mbit)]

    def __enter__(self):
        self.server.start()
        self.relay = run.Server("relay", [*self.command, "--to", self.server.address])
        self.relay.start()
        return self.relay.address

    def __exit__(self, *_):
        self.relay.stop()
        self.server.stop()


class Weir:
    name = "weir"

    def __init__(self, build):
        self.build = build

    def server(self, window):
        window = ["--max-window", str(window)] if window else []
        return [os.path.join(self.build, "weir-bench-server"), *window]

    def client(self, address, kind, seconds, window):
        return [os.path.join(self.build, "weir-path-client"), address, kind, str(seconds), str(window)]


class GrpcGo:
    name = "grpc-go"

    def __init__(self, command):
        self.command = command

    def server(self, _):
        return self.command

    def client(self, address, kind, seconds, _):
        return [*self.command, "--transfer", address, "--kind", kind, "--seconds", str(seconds)]


class Bench:
    def __init__(self, options):
        self.build = os.path.join(os.path.abspath(options.build), "bench")
        self.options = options
        self.progress = run.Progress()
        go = run.grpc_go_command(self.build, self.progress)
        self.peers = [Weir(self.build)] + ([GrpcGo(go)] if go else [])

    def rate(self, peer, path, kind):
        mbit, window, _ = path
        server = peer.name, peer.server(window)
        with Path(self.build, server, self.options.delay_ms, mbit) as address:
            done = subprocess.run(peer.client(address, kind, self.options.seconds, window), text=True,
                                  check=False, stdout=subprocess.PIPE, timeout=self.options.seconds + 60)
        if done.returncode != 0:
            raise run.Failed(f"{peer.name}: the {WAYS[kind]} failed")
        return float(run.parse(done.stdout)["bytes_per_second"])

    def measure(self, path, kind):
        rates = {peer.name: [] for peer in self.peers}
        for number in range(self.options.rounds):
            for peer in self.peers:
                self.progress.step(f"{WAYS[kind]}: round {number + 1} of {self.options.rounds}, {peer.name}")
                rates[peer.name].append(self.rate(peer, path, kind))
        return rates


def line(path, kind, rates):
    """One line of the table, and whether its goal was missed."""
    mbit, window, counts = path
    title = f"{WAYS[kind]}, {f'{mbit} Mbit/s' if mbit else 'any speed'}"
    title += f", windows to {window >> 20} MiB" if window else ""
    cells = [f"{name} {statistics.median(values) / 1e6:6.1f}" for name, values in rates.items()]
    if "grpc-go" not in rates:
        return f"{title:<44} {'  '.join(cells)}", False
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["weir"], rates["grpc-go"]))
    word = "reached" if ratio >= GOAL else "missed"
    goal = f" ({GOAL} {word})" if counts else ""
    return f"{title:<44} {'  '.join(cells)}  to grpc-go {ratio:.2f}{goal}", counts and word == "missed"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench path", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one transfer (default: 5)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay-ms", type=int, default=25, help="one way (default: 25)")
    options = parser.parse_args()
    bench, missed = Bench(options), False
    print(f"One transfer of {options.seconds:g} s through {2 * options.delay_ms} ms there and back, MB/s:\n", flush=True)
    for path in PATHS:
        for kind in WAYS:
            text, miss = line(path, kind, bench.measure(path, kind))
            bench.progress.clear()
            print(text, flush=True)
            missed |= miss
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
