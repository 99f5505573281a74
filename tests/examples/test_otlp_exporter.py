# SPDX-License-Identifier: MIT
"""test_otlp_exporter - a real OpenTelemetry exporter sends spans to the receiver.

The exporter is a package for Python that Debian has not: pip puts it into a virtual environment in the
build directory, once. Where pip does not reach it, the test is skipped.
"""
import os
import pathlib
import subprocess
import sys
import unittest

from examples import Lines, start
from support import PATIENCE

VENV = pathlib.Path(os.environ.get("EXAMPLES_VENV", "build/tests/examples/venv"))
PACKAGE = "opentelemetry-exporter-otlp-proto-grpc==1.39.1"
EXPORT = pathlib.Path(__file__).with_name("otlp_export.py")


def install():
    """None, or why the package cannot be had."""
    python = VENV / "bin" / "python"
    check = [python, "-c", "import opentelemetry.exporter.otlp.proto.grpc.trace_exporter"]
    if python.exists() and subprocess.run(check, capture_output=True).returncode == 0:
        return None
    for command in ([sys.executable, "-m", "venv", "--clear", VENV],
                    [python, "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout",
                     "20", PACKAGE]):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            return (done.stdout.strip().splitlines() or ["no reason given"])[-1]
    return None


class OtlpExporter(unittest.TestCase):
    def test_spans_of_the_sdk_arrive(self):
        server = start("otlp_receiver", "otlp_receiver")
        self.addCleanup(server.stop)
        environment = {key: value for key, value in os.environ.items()
                       if key != "PYTHONPATH" and not key.startswith("OTEL_")}
        exported = subprocess.run([str(VENV / "bin" / "python"), str(EXPORT), server.address],
                                  capture_output=True, text=True, timeout=2 * PATIENCE,
                                  env=environment)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        trace, order, pay = exported.stdout.split()
        lines = Lines(server.process.stdout)
        told = {line.split('name="')[1].split('"')[0]: line
                for line in (lines.next(), lines.next())}
        self.assertRegex(told["pay"], f'^trace={trace} span={pay} parent={order} kind=client '
                         'name="pay" service="shop" took=[0-9]+us status=error '
                         'message="declined" event="declined"$')
        self.assertRegex(told["order"], f'^trace={trace} span={order} parent=- kind=server '
                         'name="order" service="shop" took=[0-9]+us status=unset items=3 '
                         'express=true$')


if __name__ == "__main__":
    missing = install()
    if missing is not None:
        print(f"skipped: {PACKAGE} cannot be installed: {missing}")
        sys.exit(77)  # ctest calls it skipped
    unittest.main()
