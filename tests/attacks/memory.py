# SPDX-License-Identifier: MIT
"""memory - ten thousand streams that stall, uploads that nobody reads, and how much a server holds.

100 connections hold 100 streams each. Nine in ten of them ask for messages of 16 KiB to 1 MiB without
an end and never take them; on the tenth the client sends what the server sends back, and does not take
that either, so that the server stops to read. Beside them an honest client makes unary calls, another
one when the streams have stalled for longer than weir's stall_timeout.
"""
import subprocess
import time

MIB = 1 << 20
SETTLE_SECONDS = 15.0  # weir's stall_timeout is 10 s
MEASURE_SECONDS = 2.0
STEP_SECONDS = 0.1
TOO_MUCH = 8 << 30
LIMIT_MIB = 64
GOAL_MIB = LIMIT_MIB + 30
SLOWER = 10
BARS = "▁▂▃▄▅▆▇█"


class Run:
    """What the load did to one server."""

    def __init__(self, peer, limited):
        self.name = f"weir, {LIMIT_MIB} MiB" if limited else peer.name
        self.limited = limited
        self.rss = []  # one for each step
        self.before = 0
        self.peak = 0
        self.unloaded = {}
        self.loaded = {}
        self.later = {}
        self.ended = ""

    def plot(self, width=50):
        """The RSS over time in one line, from 0 to its peak."""
        if not self.rss:
            return ""
        step = max(1, len(self.rss) / width)
        points = [self.rss[int(i * step)] for i in range(int(len(self.rss) / step))]
        top = max(*points, 1)
        return "".join(BARS[min(len(BARS) - 1, int(point / top * len(BARS)))] for point in points)

    def slower(self):
        """By how many times the honest client's p99 grew."""
        return self.loaded.get("p99_ms", 0) / max(self.unloaded.get("p99_ms", 0), 0.001)


def measure_honest(tools, options, address):
    honest = tools.Honest(str(options.bin / "attack"), address)
    time.sleep(MEASURE_SECONDS)
    return honest.stop()


def watch(server, run, seconds):
    """Follows the RSS; a server that holds too much is ended before the machine is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.alive():
        run.rss.append(server.status("VmRSS"))
        if run.rss[-1] > TOO_MUCH:
            server.process.kill()
            run.ended = f"ended at {TOO_MUCH >> 30} GiB"
            return
        time.sleep(STEP_SECONDS)


def hold(tools, options, server, run):
    """The load, from its beginning to its end, with the honest client beside it."""
    address = server.addresses[0]
    honest = tools.Honest(str(options.bin / "attack"), address)
    load = tools.start([options.bin / "attack", "hold", address, str(options.connections),
                        str(options.streams)], stdin=subprocess.PIPE)
    try:
        while server.alive() and not run.ended:
            watch(server, run, STEP_SECONDS)
            if tools.read_line(load, 0.01).startswith("holding"):
                watch(server, run, SETTLE_SECONDS)
                break
        if server.alive():
            run.peak = server.status("VmHWM")
            run.loaded = honest.stop()
            run.later = measure_honest(tools, options, address)
        load.stdin.close()
        load.stdin = None
        if not run.ended:
            run.ended = tools.read_line(load).strip()
    finally:
        tools.end(load)
        tools.end(honest.process)


def run_peer(tools, options, peer, limited):
    run = Run(peer, limited)
    limit = ["--memory-limit", str(LIMIT_MIB * MIB)] if limited else []
    server = tools.Server(peer.command + limit)
    try:
        run.unloaded = measure_honest(tools, options, server.addresses[0])
        run.before = server.status("VmRSS")
        hold(tools, options, server, run)
    except tools.Failed as failed:
        run.ended = str(failed)
    finally:
        server.stop()
    run.peak = run.peak or max(run.rss, default=0)
    return run


def refused(measured):
    """How many of the honest client's calls."""
    return f"{measured.get('errors', 0):.0f} of {measured.get('calls', 0):.0f}"


def line_of(run):
    return [run.name, f"{run.before / MIB:.0f}", f"{run.peak / MIB:.0f}",
            f"{run.unloaded.get('p99_ms', 0):.2f}", f"{run.loaded.get('p99_ms', 0):.2f}",
            f"{run.slower():.1f}", f"{run.loaded.get('slowest_ms', 0):.0f}", refused(run.loaded),
            refused(run.later), run.ended]


def judge(run):
    """What does not hold of a server that may hold 64 MiB."""
    wrong = []
    if run.peak > GOAL_MIB * MIB:
        wrong.append(f"{run.peak / MIB:.0f} MiB at its peak, not {GOAL_MIB}")
    if not run.later.get("calls") or run.later.get("errors"):
        wrong.append(f"honest calls fail when the others have stalled for long: {run.later}")
    if run.loaded.get("errors"):
        wrong.append(f"honest calls are refused: {refused(run.loaded)}")
    if run.slower() > SLOWER:
        wrong.append(f"honest p99 is {run.slower():.1f} times what it was, not {SLOWER}")
    return wrong


def attack(tools, options, found):
    """Number of servers of weir's that do not hold."""
    runs = []
    for peer in found:
        if peer.is_weir:
            runs.append(run_peer(tools, options, peer, True))
        runs.append(run_peer(tools, options, peer, False))
    tools.table(["10,000 stalled streams", "MiB before", "peak", "honest p99 ms", "loaded", "times",
                 "slowest", "refused", "and later", "what became of the load"], [line_of(run) for run in runs])
    for run in runs:
        print(f"{run.name:>20} {run.plot()} {run.peak / MIB:.0f} MiB")
    wrong = [what for run in runs if run.limited for what in judge(run)]
    tools.tell_wrong("memory", wrong)
    return int(bool(wrong))
