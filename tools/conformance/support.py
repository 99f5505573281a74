# SPDX-License-Identifier: MIT
"""support - what the parts of `./dev conformance` share: other people's programs, and a word for each
case.

A part ends with 77 where a program it needs cannot be had here, with 1 when a case failed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
PATIENCE = 120


class CannotRun(Exception):
    """Why a part cannot run on this machine."""


def need(program):
    if shutil.which(program) is None:
        raise CannotRun(f"needs {program}, which was not found")


def last_line(text):
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def go_install(build, package, version, folder):
    """The program of a Go package, installed below BUILD/tools unless it is there. One compiler at a
    time: these are large, and nobody waits for them but this."""
    directory = build / "tools" / f"{folder}-{version}"
    program = directory / package.rsplit("/", 1)[-1]
    if not program.exists():
        need("go")
        print(f"installing {package}@{version} with Go", flush=True)
        environment = os.environ | {"GOBIN": str(directory.resolve())}
        done = subprocess.run(["go", "install", "-p", "1", f"{package}@{version}"], text=True,
                              stderr=subprocess.PIPE, env=environment, check=False)
        if done.returncode != 0:
            raise CannotRun(f"{package}@{version} cannot be installed: {last_line(done.stderr)}")
    return program


class Server:
    """A program that says where it listens, in the group of `pattern`, on one of its outputs."""

    def __init__(self, command, pattern=r"listening on \S*?:(\d+)$", output="stdout", env=None):
        self.process = subprocess.Popen([str(word) for word in command], text=True,
                                        stdin=subprocess.DEVNULL, env=os.environ | (env or {}),
                                        **{output: subprocess.PIPE})
        self.lines = getattr(self.process, output)
        self.port = self._port(re.compile(pattern))
        self.address = f"{LOOPBACK}:{self.port}"
        self.reader = threading.Thread(target=self.lines.read)  # so that it can go on talking
        self.reader.start()

    def _port(self, pattern):
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            for line in self.lines:
                found = pattern.search(line.rstrip())
                if found:
                    return found[1]
        finally:
            timer.cancel()
        self.process.wait()
        raise RuntimeError(f"{self.process.args[0]} did not say where it listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.lines.close()


def run(*command, **options):
    """Runs a program to its end; one that hangs counts as failed."""
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    command = [str(word) for word in command]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                              **options)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"no end after {PATIENCE} s")


class Cases:
    """Says how each case went and counts. `wanted`: only these, unless it is empty."""

    def __init__(self, wanted=()):
        self.wanted = set(wanted)
        self.seen = set()
        self.count = self.failed = 0

    def wants(self, name):
        self.seen.add(name)
        return not self.wanted or name in self.wanted

    def tell(self, name, passed, why=""):
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'FAILED':8} {name}", flush=True)
        if not passed and why:
            print("         " + why.strip().replace("\n", "\n         "), flush=True)

    def program(self, name, *command):
        """A case that is a program's exit status."""
        done = run(*command)
        self.tell(name, done.returncode == 0, done.stderr or done.stdout)

    def result(self, title):
        for name in sorted(self.wanted - self.seen):
            print(f"there is no case {name}")
            self.failed += 1
        print(f"{title}: {self.count} cases, {self.failed} failed")
        return 1 if self.failed or self.count == 0 else 0


def main(part):
    """Runs part(BUILD, words) on the words of the command line."""
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    try:
        return part(build, sys.argv[2:])
    except CannotRun as reason:
        print(f"{pathlib.Path(sys.argv[0]).name} {reason}")
        return 77
