#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""attacks - what hostile peers get from weir, and from others.

Each row of docs/design/hostile-peers.md runs against a server of its own, with an honest client
beside it. Judged are: how connections and calls ended; by how much the server's memory grew; whether
the honest client was served, and how slow it was; whether the server is at rest while what is left
of the attack is still there; and whether all descriptors are back when it is gone. Under a sanitizer
sizes and times are not judged.
"""
import argparse
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import time

import memory
import peers

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60
MIB = 1 << 20
TOO_MUCH = 4 << 30  # a server that holds more is ended, before the machine is
IDLE_SECONDS = 0.2
IDLE_SHARE = 0.1  # of one CPU, while nothing is to be done
SLOWEST_MS = 1000


class Row:
    """A row of the table: its bounds, besides those that all rows have."""

    def __init__(self, name, about, grows=16, only_weir=False, arguments=(), **at_most):
        self.arguments = arguments  # of weir's server
        self.name = name
        self.about = about
        self.grows = grows  # MiB
        self.only_weir = only_weir
        self.at_most = at_most  # of a value in each check


# weir's timers for peers that begin and do not go on are 10 to 30 s: shorter, so that they are seen.
FIRST_WORDS = ["--first-words-ms", "700"]
SERVER_ROWS = [
    Row("rapid-reset", "20,000 streams opened and reset, 20 connections", streams_taken=4500),
    Row("honest-cancels", "800 calls cancelled, then one more"),
    Row("made-you-reset", "streams that the server has to reset, 7 ways", streams_taken=2000),
    Row("continuation", "header blocks without an end", bytes=MIB),
    Row("hpack-bomb", "20 times 400 MB of headers in 110 KiB", grows=8),
    Row("header-sizes", "7 KiB is fine, 17 and 100 KiB and 20,000 fields are not", grows=8),
    Row("ping-flood", "400,000 PINGs, read or not"),
    Row("settings-flood", "400,000 SETTINGS or ACKs, read or not"),
    Row("reset-flood", "resets of ended calls, errors by the thousand, read or not"),
    Row("never-reads", "800 streams of messages and echoes that nobody reads"),
    Row("one-byte-windows", "100 streams, a byte at a time"),
    Row("closed-windows", "300 streams whose window stays 0"),
    Row("empty-frames", "400,000 frames that move nothing, 8 kinds"),
    Row("too-many-streams", "300 streams at once, and the 101st"),
    Row("window-violation", "1 MiB on 1 and on 90 streams whose windows are 64 KiB"),
    Row("tcp-aborts", "2,000 connections aborted, at 5 moments"),
    Row("slow-loris", "800 connections that say a byte each 20 ms", arguments=FIRST_WORDS),
    Row("idle-connections", "800 connections that say nothing, or nothing more",
        arguments=FIRST_WORDS),
    Row("stalled-handshakes", "800 TLS handshakes that stall", grows=64, only_weir=True,
        arguments=FIRST_WORDS),
    Row("too-many-connections", "400 connections to a server that takes 100", only_weir=True,
        arguments=["--max-connections", "100"]),
    Row("bad-headers", "CR, LF, NUL, bad names, connection headers, content-length, pseudo-headers"),
    Row("odd-requests", "odd paths, no te, other content-types"),
    Row("bad-timeouts", "broken grpc-timeouts, and 0n"),
    Row("bad-base64", "junk in -bin metadata"),
    Row("declared-4-GiB", "a message of 4 GiB is declared", ms=100),
    Row("declared-4-MB", "500 calls declare 4 MB and send 100 bytes", grows=48),
    Row("gzip-bomb", "1 GiB in 1 MiB of gzip, 4 times"),
    Row("corrupt-gzip", "wrong CRC, wrong length, cut, no gzip"),
    Row("bad-flags", "flags 2 to 255, flag 1 without an encoding, unknown encoding"),
    Row("cut-message", "bodies that end amid a message; no message, two"),
    Row("nested", "protobuf nested 102 and 100,000 deep, and other bad protobuf", only_weir=True),
]

# mode of the hostile server: (what the client does, its deadline in ms, how it may end)
FAILS = {1, 2, 4, 8, 12, 13, 14}
CLIENT_ROWS = {
    "informational": ("unary", 2000, {0}),
    "informational-for-ever": ("unary", 500, {4, 8}),
    "data-first": ("unary", 2000, {13, 14}),
    "no-status": ("unary", 2000, {2}),
    "garbled-status": ("unary", 2000, {2}),
    "two-messages": ("unary", 2000, {12}),
    "no-message": ("unary", 2000, {12}),
    "cut-message": ("unary", 2000, {13}),
    "goaway-of-unknown-code": ("unary", 1000, {4, 14}),
    "reset-of-unknown-code": ("unary", 2000, {2}),
    "ping-flood": ("unary", 500, {4, 14}),
    "deaf-ping-flood": ("unary", 500, {4, 14}),
    "settings-flood": ("unary", 500, {4, 14}),
    "empty-data": ("unary", 500, {4, 14}),
    "endless-headers": ("unary", 500, {4, 8, 14}),
    "hpack-bomb": ("unary", 2000, {8, 13}),
    "closed-windows": ("upload", 500, {4}),
    "silence": ("unary", 500, {4}),
    "never-speaks": ("impatient", 10000, {14}),
    "settings-only": ("upload", 500, {4}),
    "reads-nothing": ("upload", 500, {4}),
    "no-streams": ("unary", 500, {4}),
    "huge-message": ("unary", 2000, {8}),
    "no-windows": ("unary", 2000, {13, 14}),
    "http1": ("unary", 2000, {14}),
    "push-promise": ("unary", 2000, {13, 14}),
    "push-flood": ("unary", 2000, {13, 14}),
    "window-overflow": ("upload", 2000, {13, 14}),
    "drip": ("unary", 500, {4}),
}


class Failed(Exception):
    """What was to be measured could not be."""


def start(command, **options):
    """A process whose lines can be waited for: nothing is read ahead of them."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, **options)


def read_line(process, patience=PATIENCE):
    readable, _, _ = select.select([process.stdout], [], [], patience)
    return process.stdout.readline().decode() if readable else ""


def end(process):
    """Ends a process that this one started."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class Server:
    """A server under attack, and what /proc knows of it."""

    def __init__(self, command):
        self.errors = tempfile.TemporaryFile()
        self.process = start(command, stdin=subprocess.DEVNULL, stderr=self.errors)
        words = read_line(self.process).split()
        if words[:2] != ["listening", "on"]:
            end(self.process)
            raise Failed(f"{command[0]} did not say where it listens: {self.said()}")
        self.addresses = words[2:]
        self.last_words = ""

    def status(self, key):
        """Bytes, by a key of /proc/PID/status."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            found = re.search(rf"^{key}:\s+(\d+) kB", file.read(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            path = f"/proc/{self.process.pid}/task/{task}/schedstat"
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def alive(self):
        return self.process.poll() is None

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-2000:]

    def stop(self):
        """How it ended when it was told to."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        code = self.process.poll()
        end(self.process)
        self.last_words = self.said()
        self.errors.close()
        return code


class Honest:
    """A client that makes one unary call after the other on its own connection."""

    def __init__(self, attack, address):
        self.process = start([attack, "honest", address], stdin=subprocess.PIPE)
        if read_line(self.process) != "ready\n":
            end(self.process)
            raise Failed("the honest client is not served")

    def stop(self):
        """{calls, errors, p50_ms, p99_ms, slowest_ms}"""
        self.process.stdin.close()
        line = read_line(self.process)
        self.process.stdin = None
        end(self.process)
        return {key: float(value) for key, value in re.findall(r"(\w+)=(-?[\d.]+)", line)}


class Result:
    """What one row did to one server."""

    def __init__(self, row):
        self.row = row
        self.checks = []
        self.growth = 0
        self.after = 0
        self.idle = 0.0
        self.descriptors = 0
        self.honest = {}
        self.wrong = []
        self.kinds = set()  # of what is wrong, in a word each

    def is_wrong(self, kind, what):
        self.kinds.add(kind)
        self.wrong.append(what)

    def endings(self):
        """How connections ended, or calls; each once."""
        seen = {}
        for check in self.checks:
            seen[check["got"]] = seen.get(check["got"], 0) + 1
        return seen


def parse_check(line):
    words = line.split()
    check = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    check["name"], check["ok"] = words[1], words[2] == "ok"
    check["streams_taken"] = (int(check.get("last", 0)) + 1) // 2
    return check


class Attacker:
    """Runs rows against a kind of server."""

    def __init__(self, options, peer):
        self.attack = str(options.bin / "attack")
        self.peer = peer
        self.bounds = not options.correctness_only
        self.scale = "0.25" if options.correctness_only else "1"

    def run(self, row):
        result = Result(row)
        server = Server(self.peer.command + list(row.arguments if self.peer.is_weir else ()))
        try:
            self.measure(server, row, result)
        except Failed as failed:
            result.is_wrong("fails", str(failed))
        code = server.stop()
        if self.peer.is_weir and code != 0:
            result.is_wrong("exit", f"the server ended with {code}: {server.last_words}")
        self.judge(result)
        return result

    def measure(self, server, row, result):
        honest = Honest(self.attack, server.addresses[0])
        descriptors, before = server.descriptors(), server.status("VmRSS")
        command = [self.attack, "row", row.name, server.addresses[0], self.scale]
        if self.peer.is_weir:
            command += ["weir", *server.addresses[1:]]
        attack = start(command, stdin=subprocess.PIPE)
        try:
            self.follow(server, attack, result)
            result.growth = server.status("VmHWM") - before
            result.honest = honest.stop()
            result.idle = self.idle_share(server)
        finally:
            end(attack)
            end(honest.process)
        result.after = server.status("VmRSS") - before
        result.descriptors = self.lost_descriptors(server, descriptors - 1)

    def follow(self, server, attack, result):
        """Reads what the attack saw, until it is over."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if not server.alive():
                raise Failed(f"the server ended with {server.process.returncode}: {server.said()}")
            if server.status("VmRSS") > TOO_MUCH:
                server.process.kill()
                raise Failed("more than 4 GiB")
            line = read_line(attack, 0.1)
            if line == "done\n":
                return
            if line.startswith("check "):
                result.checks.append(parse_check(line))
            elif attack.poll() is not None:
                raise Failed(f"the attack ended with {attack.returncode}")
        raise Failed("the attack does not end")

    @staticmethod
    def idle_share(server):
        """Of one CPU, while nobody does anything: that takes a while to be seen."""
        before = server.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        return (server.cpu_seconds() - before) / IDLE_SECONDS

    @staticmethod
    def lost_descriptors(server, before):
        """A server may wait a second for a peer to close first."""
        give_up = time.monotonic() + 5
        while server.alive() and server.descriptors() > before and time.monotonic() < give_up:
            time.sleep(0.02)
        return server.descriptors() - before if server.alive() else 0

    def judge(self, result):
        row, honest = result.row, result.honest
        for check in result.checks:
            if not check["ok"]:
                result.is_wrong("ending", f"{check['name']}: {check['got']}, not {check['want']}")
            for key, most in row.at_most.items():
                if self.bounds and int(check.get(key, 0)) > most:
                    result.is_wrong("late", f"{check['name']}: {key} is {check[key]}, "
                                            f"not at most {most}")
        if not honest.get("calls") or honest.get("errors"):
            result.is_wrong("honest", f"honest calls fail: {honest}")
        if result.descriptors > 0:
            result.is_wrong("fds", f"{result.descriptors} descriptors stay open")
        if self.bounds:
            self.judge_bounds(result)

    @staticmethod
    def judge_bounds(result):
        row, honest = result.row, result.honest
        if result.growth > row.grows * MIB:
            result.is_wrong("memory", f"memory grew by {result.growth / MIB:.1f} MiB, "
                                      f"not {row.grows}")
        if honest.get("slowest_ms", 0) > SLOWEST_MS:
            result.is_wrong("slow", f"an honest call took {honest['slowest_ms']:.0f} ms")
        if result.idle > IDLE_SHARE:
            result.is_wrong("busy", f"busy while idle: {result.idle * 100:.0f} % of a CPU")


# ---- the client's side ----


class ClientResult:
    """One hostile server, one client."""

    def __init__(self, name, line, code, seconds):
        self.name = name
        self.values = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}
        self.code = code
        self.seconds = seconds
        self.wrong = []


def run_client(options, mode):
    """A weir client that meets a hostile server."""
    kind, deadline, accepted = CLIENT_ROWS[mode]
    server = start([options.bin / "attack", "server", mode], stdin=subprocess.DEVNULL)
    try:
        address = read_line(server).split()[-1]
        began = time.monotonic()
        done = subprocess.run([options.bin / "attacked-client", address, kind, str(deadline)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE, check=False)
        result = ClientResult(mode, done.stdout, done.returncode, time.monotonic() - began)
    except subprocess.TimeoutExpired:
        result = ClientResult(mode, "", None, PATIENCE)
        result.wrong.append("the client does not end")
        return result
    finally:
        end(server)
    if done.returncode != 0:
        result.wrong.append(f"the client ended with {done.returncode}: {done.stderr[-2000:]}")
    if result.values.get("status") not in accepted:
        result.wrong.append(f"status {result.values.get('status')}, not one of {accepted}")
    late = 500 if not options.correctness_only else 5000
    if result.values.get("ms", 0) > deadline + late:
        result.wrong.append(f"took {result.values['ms']} ms, and its deadline is {deadline}")
    if result.values.get("end_ms", 0) > deadline + late + 1500:
        result.wrong.append(f"ended after {result.values['end_ms']} ms")
    if not options.correctness_only and result.values.get("grown_kib", 0) > 16 * 1024:
        result.wrong.append(f"memory grew by {result.values['grown_kib'] // 1024} MiB")
    return result


# ---- the table ----


def table(head, lines):
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    for line in [head, ["-" * width for width in widths], *lines]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
    print(flush=True)


def ending_text(result):
    """The commonest endings first; in words where they are short."""
    names = sorted(result.endings().items(), key=lambda pair: -pair[1])
    text = ", ".join(name.rstrip(":") for name, _ in names[:3])
    return text + (", ..." if len(names) > 3 else "")


def line_of(result):
    honest = result.honest
    return [result.row.name, ending_text(result),
            f"{result.growth / MIB:+.1f} ({result.row.grows})",
            f"{honest.get('slowest_ms', 0):.1f} / {honest.get('p99_ms', 0):.1f}",
            f"{result.idle * 100:.0f} %", str(max(result.descriptors, 0)),
            ", ".join(sorted(result.kinds)) or "holds"]


HEAD = ["what the peer does", "how it ends", "RSS MiB (bound)", "honest slowest / p99 ms",
        "idle CPU", "fds left", "what does not hold"]


def tell_wrong(name, wrong):
    for what in wrong:
        print(f"{name}: {what}", flush=True)


def attack_servers(options, names):
    """Number of rows that do not hold; only weir's count."""
    broken = 0
    for peer in peers.find(options):
        attacker = Attacker(options, peer)
        results = []
        for row in SERVER_ROWS:
            if row.name not in names or (row.only_weir and not peer.is_weir):
                continue
            result = attacker.run(row)
            results.append(result)
            if peer.is_weir:
                tell_wrong(row.name, result.wrong)
                broken += bool(result.wrong)
        print(f"{peer.name}:")
        table(HEAD, [line_of(result) for result in results])
    return broken


def attack_clients(options, names):
    broken, lines = 0, []
    for mode in CLIENT_ROWS:
        if f"client/{mode}" not in names:
            continue
        result = run_client(options, mode)
        tell_wrong(mode, result.wrong)
        broken += bool(result.wrong)
        values = result.values
        lines.append([mode, f"status {values.get('status', '?')}", str(values.get("ms", "?")),
                      str(CLIENT_ROWS[mode][1]), str(values.get("end_ms", "?")), f"{values.get('grown_kib', 0) / 1024:+.1f}",
                      "holds" if not result.wrong else "BROKEN"])
    table(["what the server does", "the call ends with", "ms", "deadline", "exit ms", "RSS MiB", ""], lines)
    return broken


def heavy(options):
    """50 bidi streams of tiny messages at full speed: nobody may take that for an attack."""
    server = Server(peers.weir(options).command)
    try:
        for command in peers.heavy_clients(options, server.addresses[0]):
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False,
                                  timeout=options.seconds + PATIENCE)
            print(done.stdout, end="", flush=True)
            if done.returncode != 0 or "check 50-streams-of-tiny-messages ok" not in done.stdout:
                print(f"honest-heavy: {' '.join(command)}: broken", flush=True)
                return 1
    finally:
        code = server.stop()
    tell_wrong("honest-heavy", [f"the server ended with {code}"] if code != 0 else [])
    return int(code != 0)


def select_rows(words):
    """(rows of servers, rows of clients, others)"""
    kinds = ({row.name for row in SERVER_ROWS}, {f"client/{mode}" for mode in CLIENT_ROWS},
             {"honest-heavy", "memory"})
    groups = {"server": kinds[0], "client": kinds[1]}
    chosen = set()
    for word in words or ["server", "client", *kinds[2]]:
        if word not in groups and not any(word in kind for kind in kinds):
            sys.exit(f"no such row: {word}\nserver: {' '.join(sorted(kinds[0]))}\n"
                     f"client: {' '.join(sorted(kinds[1]))}\nothers: {' '.join(sorted(kinds[2]))}")
        chosen |= groups.get(word, {word})
    return [chosen & kind for kind in kinds]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build")
    parser.add_argument("--peers", action="store_true", help="grpc-go, grpcio and tonic, too")
    parser.add_argument("--peer", help="weir, or one of these, alone")
    parser.add_argument("--correctness-only", action="store_true",
                        help="judge no sizes and times: for builds with sanitizers")
    parser.add_argument("--seconds", type=float, default=60, help="of honest-heavy")
    parser.add_argument("--own-client", action="store_true", help="honest-heavy without Go")
    parser.add_argument("--connections", type=int, default=100, help="of memory")
    parser.add_argument("--streams", type=int, default=100, help="of memory, on each connection")
    parser.add_argument("rows", nargs="*", metavar="ROW",
                        help="a row, or server, client, honest-heavy, memory; default: all")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.bin = options.build / "tests" / "attacks"
    servers, clients, others = select_rows(options.rows)
    broken = 0
    if servers:
        broken += attack_servers(options, servers)
    if clients:
        broken += attack_clients(options, clients)
    if "honest-heavy" in others:
        broken += heavy(options)
    if "memory" in others:
        found = [peer for peer in peers.find(options) if peer.name != "grpcio"]
        broken += memory.attack(sys.modules[__name__], options, found)
    print(f"{broken} rows do not hold" if broken else "all rows hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
