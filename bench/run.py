#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - what `./dev bench` runs: the same work on weir's server and on its peers.

CPU time is the server process's own, from schedstat, per message that arrived as it should. The
machine is assumed to be noisy: rounds are short and many, the servers take turns within each, and a
ratio is the median of the rounds' ratios, never one of medians taken seconds apart.
"""

import argparse
import glob
import os
import random
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1024 * 1024


class Row:
    """One load of the table of CPU time, and the ratios to reach."""

    def __init__(self, name, title, load, to_tonic, to_bare, ticks=False):
        self.name = name
        self.title = title
        self.load = load.split()
        self.ticks = ticks  # runs once through, and not for a time
        self.lines = [(title, {"tonic": to_tonic, "bare": to_bare}, {})]

    def without_goals(self):
        """They were set for what is not encrypted."""
        self.lines = [(title, dict.fromkeys(goals), instead) for title, goals, instead in self.lines]


CPU_ROWS = [
    Row("unary", "unary 100 B, 4 x 50 at once",
        "--work unary --connections 4 --streams 50", 0.40, 1.35),
    # The client spins: on a virtual machine a write that wakes a sleeping client costs many times
    # what the call does, and how many times changes from minute to minute.
    Row("unary-1", "unary 100 B, one at a time",
        "--work unary --spin", 0.85, 1.15),
    Row("down-100", "Down 100 B, 4 x 10 streams",
        "--work down --connections 4 --streams 10 --count 2000", 0.40, 2.6),
    Row("down-16k", "Down 16 KiB, 4 x 10 streams",
        "--work down --connections 4 --streams 10 --count 100 --size 16384", 0.85, 1.8),
    Row("up-100", "Up 100 B, 4 x 10 streams",
        "--work up --connections 4 --streams 10 --count 2000", 0.90, 2.4),
    Row("up-16k", "Up 16 KiB, 4 x 10 streams",
        "--work up --connections 4 --streams 10 --count 100 --size 16384", 0.85, 1.15),
    Row("ticks", "1,000 streams, a message each ms",
        "--work ticks --connections 10 --streams 100 --count 1000", 0.50, None, ticks=True),
]

# The goal was set against tokio-stream's throttle, which is what our own is like but waits anew
# after each message and so sends half as many; tokio's interval is what a careful user takes.
CPU_ROWS[-1].lines = [
    ("1,000 streams, a message each ms (tonic: throttle)", {"tonic": 0.50, "bare": None},
     {"tonic": "tonic-throttle"}),
    ("1,000 streams, a message each ms (tonic: interval)", {"tonic": None, "bare": None}, {}),
]

# Messages in structures of generated code: the row, the peer, and the ratio to reach.
TYPED_RATIOS = [("unary", "weir", 1.15), ("up-100", "tonic", 0.90)]

TICK_RATE = 975_000
THROTTLE = ("throttle", "1,000 messages 1 ms apart", "--work ticks --count 1000".split())
MEMORY_ROWS = [
    ("stall", "1,000 stalled streams of 16 KiB messages, each at its own window",
     "--work stall --connections 10 --streams 100 --size 16384 --count 100000 "
     "--connection-window 134217728".split(), 25.0),
    ("stall-shut", "the same, the connections' windows shut, too",
     "--work stall --connections 10 --streams 100 --size 16384 --count 100000".split(), 25.0),
    ("idle", "1,000 idle bidi streams",
     "--work idle --connections 10 --streams 100".split(), 3.0),
]
ROW_NAMES = [r.name for r in CPU_ROWS] + [THROTTLE[0]] + [r[0] for r in MEMORY_ROWS]
USUAL, USUAL_WITH_TLS = "weir,weir-typed,bare,tonic,tonic-throttle", "weir,tonic,grpc-go"
NO_TICKS = {"bare", "weir-typed"}
ONLY_TICKS = {"tonic-throttle"}


class Failed(Exception):
    """A load that did not go as it should: its figures are worth nothing."""


class Progress:
    """Rewrites one line on a terminal; in a pipe, one line for each thing that is done."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()

    def step(self, text):
        if self.terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def done(self, text):
        self.clear()
        print(text, file=sys.stderr, flush=True)


# ---- servers ----


def free_port():
    """Below the range the system picks clients' ports from, so that none is in the way."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.process = None
        self.address = None

    def start(self):
        command = [*self.command, "--listen", f"127.0.0.1:{free_port()}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        readable, _, _ = select.select([self.process.stdout], [], [], 10)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("listening on "):
            self.stop()
            raise Failed(f"{self.name} did not say where it listens")
        self.address = line.split()[-1]
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def cpu_ns(self):
        """Time on a CPU of all its threads; the 10 ms ticks of `stat` are too coarse."""
        total = 0
        self.must_run()
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total

    def must_run(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with {self.process.returncode}")

    def rss(self):
        self.must_run()
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def find_tool(name, *elsewhere):
    found = shutil.which(name)
    for path in elsewhere:
        path = os.path.expanduser(path)
        if found is None and os.access(path, os.X_OK):
            found = path
    return found


def build_peer(name, command, directory, env, progress):
    progress.step(f"building {name} (the first time takes minutes)")
    log = subprocess.run(command, cwd=directory, env={**os.environ, **env}, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if log.returncode == 0:
        return True
    last = log.stdout.strip().splitlines()[-1:] or ["no output"]
    progress.done(f"{name}: skipped, its build failed: {last[0]}")
    return False


def tonic_command(_, progress):
    directory = os.path.join(HERE, "peers", "tonic")
    cargo = find_tool("cargo", "~/.cargo/bin/cargo")
    if cargo is None:
        progress.done("tonic: skipped, no cargo found")
        return None
    if find_tool("protoc") is None:
        progress.done("tonic: skipped, no protoc found")
        return None
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(directory, "target"))
    path = os.path.dirname(cargo) + os.pathsep + os.environ.get("PATH", "")
    if not build_peer("tonic", [cargo, "build", "--release", "--quiet"], directory,
                      {"CARGO_TARGET_DIR": target, "PATH": path}, progress):
        return None
    return [os.path.join(target, "release", "tonic-bench-server")]


def grpc_go_command(build, progress):
    directory = os.path.join(HERE, "peers", "grpc-go")
    go = find_tool("go", "/usr/local/go/bin/go", "~/go/bin/go")
    if go is None:
        progress.done("grpc-go: skipped, no go found")
        return None
    output = os.path.join(build, "grpc-go-bench-server")
    if not build_peer("grpc-go", [go, "build", "-o", output, "."], directory, {}, progress):
        return None
    return [output]


def find_c_server(name, program):
    def find(build, progress):
        path = os.path.join(build, program)
        if os.access(path, os.X_OK):
            return [path]
        progress.done(f"{name}: skipped, {os.path.relpath(path)} is not built")
        return None
    return find


def with_arguments(find, *arguments):
    def command(build, progress):
        found = find(build, progress)
        return found and [*found, *arguments]
    return command


WEIR = find_c_server("weir", "weir-bench-server")
PEERS = {
    "weir": WEIR,
    # Generated code; weir itself has its messages parsed by hand.
    "weir-typed": with_arguments(WEIR, "--codec", "typed"),
    "weir-protobuf-c": with_arguments(WEIR, "--codec", "protobuf-c"),
    "bare": find_c_server("bare", "bare-nghttp2-server"),
    "tonic": tonic_command,
    # Waits anew after each message, as tokio-stream's throttle does, where tonic keeps a schedule.
    "tonic-throttle": with_arguments(tonic_command, "--ticks", "throttle"),
    "grpc-go": grpc_go_command,
}


class Certificate:
    """One that signs itself, for as long as the benchmark runs."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.files = [os.path.join(self.folder.name, name) for name in ("cert.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-out", self.files[0],
                        "-keyout", self.files[1]], check=True, stderr=subprocess.DEVNULL)

    def options(self):
        return ["--tls-cert", self.files[0], "--tls-key", self.files[1]]


# ---- measuring ----


def parse(output):
    lines = (line.split(" ", 1) for line in output.splitlines())
    return {pair[0]: pair[1] for pair in lines if len(pair) == 2}


class Bench:
    def __init__(self, options, progress):
        self.build = os.path.join(os.path.abspath(options.build), "bench")
        self.load = [os.path.join(self.build, "weir-load")]
        self.tls = Certificate() if options.tls else None
        if self.tls:
            self.load.append("--tls")
        self.seconds = options.seconds
        self.rounds = options.rounds
        self.progress = progress
        self.failures = []
        self.commands = {}
        for name in options.peers:
            command = PEERS[name](self.build, progress)
            if command is not None:
                self.commands[name] = command

    def names(self, ticks):
        """The peers that have a part in the rows with ticks, or in the others."""
        left_out = NO_TICKS if ticks else ONLY_TICKS
        return [name for name in self.commands if name not in left_out]

    def server(self, name):
        tls = self.tls.options() if self.tls else []
        return Server(name, [*self.commands[name], *tls]).start()

    def run_load(self, server, load, seconds):
        command = [*self.load, "--server", server.address, *load, "--seconds", str(seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=seconds + 120, check=False)
        return self.check(server, load, done.returncode, done.stdout)

    def check(self, server, load, code, output):
        result = parse(output)
        early = result.get("early", "0") if server.name.startswith("weir") else "0"
        if code == 0 and result.get("errors") == "0" and early == "0":
            return result
        why = result.get("error") or output.strip()[-200:]
        if early != "0":
            why = f"{early} messages left before their time"
        if server.process.poll() is not None:
            why += f"; the server ended with {server.process.returncode}"
        failure = f"{server.name}: {' '.join(load)}: {why}"
        self.failures.append(failure)
        raise Failed(failure)

    def once(self, server, row):
        """(ns of the server's CPU time a message, messages a second)"""
        before = server.cpu_ns()
        result = self.run_load(server, row.load, self.seconds)
        used = server.cpu_ns() - before
        return used / int(result["messages"]), float(result["messages_per_second"]), result

    def rounds_of(self, row):
        return min(self.rounds, 7) if row.ticks else self.rounds

    def round(self, servers, row, number, samples):
        order = servers[number % len(servers):] + servers[:number % len(servers)]
        for server in order:
            self.progress.step(f"{row.title}: round {number + 1} of {self.rounds_of(row)}, "
                               f"{server.name}")
            samples[server.name].append(self.once(server, row))

    def cpu(self, row):
        """All rounds of one row: {peer: [(ns, rate, result), ...]}"""
        names = self.names(row.ticks)
        servers = []
        samples = {name: [] for name in names}
        try:
            for name in names:
                servers.append(self.server(name))
            if not row.ticks:
                for server in servers:
                    self.run_load(server, row.load, 0.2)
            for number in range(self.rounds_of(row)):
                self.round(servers, row, number, samples)
        finally:
            for server in servers:
                server.stop()
        return samples

    def throttle(self, load):
        """Seconds that one rate-limited stream takes: {peer: median}"""
        seconds = {}
        for name in self.names(True):
            server = self.server(name)
            try:
                self.progress.step(f"{THROTTLE[1]}: {name}")
                results = [self.run_load(server, load, 1) for _ in range(min(self.rounds, 3))]
                seconds[name] = statistics.median(float(r["seconds"]) for r in results)
            finally:
                server.stop()
        return seconds

    def memory(self, name, load):
        """Bytes that a fresh server grows by while the load holds its calls."""
        server = self.server(name)
        command = [*self.load, "--server", server.address, *load, "--seconds", "30"]
        held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            before = server.rss()
            first = held.stdout.readline()
            if first.startswith("holding "):
                time.sleep(0.5)
            growth = server.rss() - before
            output, _ = held.communicate("", timeout=60)
            self.check(server, load, held.returncode, first + output)
            return growth
        finally:
            held.kill()
            held.wait()
            server.stop()


# ---- the report ----


def verdict(value, goal):
    return "reached" if value <= goal else "missed"


class Report:
    def __init__(self, names, tick_names):
        self.names = names
        self.tick_names = tick_names
        self.missed = []
        self.lines = []

    def table(self, head, rows):
        widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
        for line in [head, ["-" * w for w in widths], *rows]:
            cells = [c.ljust(w) if i == 0 else c.rjust(w)
                     for i, (c, w) in enumerate(zip(line, widths))]
            self.lines.append("| " + " | ".join(cells) + " |")
        self.lines.append("")

    def judge(self, what, value, goal):
        word = verdict(value, goal)
        if word == "missed":
            self.missed.append(what)
        return word

    def ratio(self, what, ours, theirs, goal):
        if not ours or not theirs:
            return "-"
        value = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs))
        if goal is None:
            return f"{value:.2f}"
        return f"{value:.2f} ({goal:.2f} {self.judge(what, value, goal)})"

    def cpu_line(self, line, samples):
        """`instead` says which peer stands in for another one in this line."""
        title, goals, instead = line
        taken = {name: samples.get(instead.get(name, name)) for name in {*self.names, *goals}}
        cells = [f"{statistics.median(s[0] for s in taken[n]):,.0f}" if taken[n] else "-"
                 for n in self.names]
        ratios = [self.ratio(f"{title}, to {n}", samples.get("weir"), taken[n], goals[n])
                  for n in ("tonic", "bare")]
        return [title, *cells, *ratios]

    def cpu(self, measured):
        head = ["CPU time of the server, ns a message", *self.names,
                "to tonic (goal)", "to bare (goal)"]
        self.table(head, [self.cpu_line(line, samples)
                          for row, samples in measured for line in row.lines])

    def typed(self, measured):
        rows = []
        for name, peer, goal in TYPED_RATIOS:
            for row, samples in measured:
                if row.name == name and samples.get("weir-typed") and samples.get(peer):
                    what = f"{row.title}, typed to {peer}"
                    rows.append([what, self.ratio(what, samples["weir-typed"], samples[peer], goal)])
        if rows:
            self.table(["Structures of generated code, CPU time", "ratio (goal)"], rows)

    def rate(self, samples):
        cells = ["1,000 such streams at once: messages a second"]
        for name in self.tick_names:
            taken = samples.get(name)
            cells.append(f"{statistics.median(s[1] for s in taken):,.0f}" if taken else "-")
        goal = f">= {TICK_RATE:,}"
        if samples.get("weir"):
            value = statistics.median(s[1] for s in samples["weir"])
            goal += " " + self.judge("ticks rate", -value, -TICK_RATE)
        return [*cells, goal]

    def seconds(self, seconds):
        cells = [THROTTLE[1] + ": seconds"]
        cells += [f"{seconds[n]:.3f}" if n in seconds else "-" for n in self.tick_names]
        goal = "1.00 +-1 %"
        if "weir" in seconds:
            goal += " " + self.judge("throttle", abs(seconds["weir"] - 1.0), 0.01)
        return [*cells, goal]

    def schedule(self, seconds, ticks):
        rows = [self.seconds(seconds)] if seconds else []
        rows += [self.rate(ticks)] if ticks else []
        if rows:
            self.table(["Rate-limited streams", *self.tick_names, "goal"], rows)

    def memory(self, rows):
        lines = []
        for title, growth, goal in rows:
            cells = [f"{growth[n] / MIB:.1f}" if n in growth else "-" for n in self.names]
            text = f"<= {goal:.0f}"
            if "weir" in growth:
                text += " " + self.judge(title, growth["weir"] / MIB, goal)
            lines.append([title, *cells, text])
        if lines:
            self.table(["Growth of a fresh server, MiB of RSS", *self.names, "goal"], lines)

    def text(self):
        return "\n".join(self.lines)


def measure_cpu(bench, wanted, progress):
    measured = []
    for row in CPU_ROWS:
        if row.name not in wanted:
            continue
        try:
            samples = bench.cpu(row)
        except (Failed, subprocess.TimeoutExpired) as why:
            progress.done(f"{row.title}: failed: {why}")
            continue
        figures = ", ".join(f"{n} {statistics.median(s[0] for s in taken):,.0f} ns"
                            for n, taken in samples.items())
        progress.done(f"{row.title}: {figures}")
        measured.append((row, samples))
    return measured


def measure_throttle(bench, wanted, progress):
    if THROTTLE[0] not in wanted:
        return {}
    try:
        seconds = bench.throttle(THROTTLE[2])
    except (Failed, subprocess.TimeoutExpired) as why:
        progress.done(f"{THROTTLE[1]}: failed: {why}")
        return {}
    progress.done(f"{THROTTLE[1]}: " + ", ".join(f"{n} {s:.3f} s" for n, s in seconds.items()))
    return seconds


def measure_memory(bench, wanted, progress):
    rows = []
    for name, title, load, goal in MEMORY_ROWS:
        if name not in wanted:
            continue
        growth = {}
        for peer in bench.names(False):
            progress.step(f"{title}: {peer}")
            try:
                growth[peer] = bench.memory(peer, load)
            except (Failed, subprocess.TimeoutExpired) as why:
                progress.done(f"{title}: failed: {why}")
        progress.done(f"{title}: " +
                      ", ".join(f"{n} {g / MIB:.1f} MiB" for n, g in growth.items()))
        rows.append((title, growth, goal))
    return rows


def build_type(build):
    try:
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
            for line in cache:
                if line.startswith("CMAKE_BUILD_TYPE:"):
                    return line.strip().split("=", 1)[1]
    except OSError:
        pass
    return "unknown"


def read_options():
    parser = argparse.ArgumentParser(description="The benchmark of weir and its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--row", action="append", choices=ROW_NAMES, metavar="NAME",
                        help="only this row (may be repeated): " + ", ".join(ROW_NAMES))
    parser.add_argument("--peers", help=f"of {', '.join(PEERS)} (default: {USUAL})")
    parser.add_argument("--tls", action="store_true",
                        help="all with TLS; peers: weir,tonic,grpc-go unless they are given")
    parser.add_argument("--rounds", type=int, help="of each row (20; quick: 5)")
    parser.add_argument("--seconds", type=float, help="of each load (0.3; quick: 0.2)")
    parser.add_argument("--build", default=os.path.join(HERE, os.pardir, "build"),
                        help="the build directory (default: build)")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables there, too")
    options = parser.parse_args()
    options.peers = (options.peers or (USUAL_WITH_TLS if options.tls else USUAL)).split(",")
    if not set(options.peers) <= set(PEERS):
        parser.error("--peers: unknown name")
    if options.tls and "bare" in options.peers:
        parser.error("--tls: bare has none; see --peers")
    if options.tls and shutil.which("openssl") is None:
        parser.error("--tls: needs the openssl command, to make a certificate")
    options.rounds = options.rounds or (5 if options.quick else 20)
    options.seconds = options.seconds or (0.2 if options.quick else 0.3)
    return options


def main():
    options = read_options()
    progress = Progress()
    bench = Bench(options, progress)
    wanted = options.row or ([row.name for row in CPU_ROWS] if options.tls else ROW_NAMES)
    if options.tls:
        for row in CPU_ROWS:
            row.without_goals()
    kind = build_type(options.build)
    if kind != "Release":
        progress.done(f"warning: the build type is {kind}, not Release")
    if not os.access(bench.load[0], os.X_OK):
        sys.exit("run.py: weir-load is not built: use ./dev bench")

    report = Report(bench.names(False), bench.names(True))
    measured = measure_cpu(bench, wanted, progress)
    if measured:
        report.cpu(measured)
        report.typed(measured)
    ticks = next((samples for row, samples in measured if row.name == "ticks"), {})
    report.schedule(measure_throttle(bench, wanted, progress), ticks)
    report.memory(measure_memory(bench, wanted, progress))

    report.lines.append(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f}, "
                        f"{options.rounds} rounds of {options.seconds:g} s, {kind} build.")
    print(report.text())
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(report.text() + "\n")
    for what in report.missed:
        print(f"missed: {what}")
    for what in bench.failures:
        print(f"failed: {what}")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
