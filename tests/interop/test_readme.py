# SPDX-License-Identifier: MIT
"""test_readme - the README's client calls the README's server."""
import signal
import subprocess
import unittest

from support import EXAMPLES, PATIENCE, Server


class Readme(unittest.TestCase):
    def test_the_client_prints_what_the_server_sends(self):
        server = Server(EXAMPLES / "readme_server", "127.0.0.1:0")
        self.addCleanup(server.stop, -signal.SIGTERM)  # it has no end of its own
        done = subprocess.run([str(EXAMPLES / "readme_client"), server.address], check=True,
                              stdout=subprocess.PIPE, timeout=PATIENCE, text=True)
        self.assertEqual(done.stdout.splitlines(),
                         ["hello"] + [f"message_{i:03}" for i in range(1000)])


if __name__ == "__main__":
    unittest.main()
