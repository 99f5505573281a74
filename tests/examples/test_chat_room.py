# SPDX-License-Identifier: MIT
"""test_chat_room - everybody hears everybody, and who stalls slows nobody."""
import queue
import re
import signal
import subprocess
import unittest

import grpc

from examples import Lines, Method, messages, start
from support import EXAMPLES, PATIENCE, connect

pb = messages("chat_room", "chat_room.proto")


class Program:
    """The example's client, as somebody who types and reads."""

    def __init__(self, case, address, name):
        self.process = subprocess.Popen([str(EXAMPLES / "chat_room" / "client"), address, name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        case.addCleanup(self.end)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def leave(self):
        """What it still heard, and its code."""
        self.process.stdin.close()
        heard = list(iter(self.lines.next, None))
        return heard, self.process.wait(PATIENCE)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Member:
    """grpcio as somebody in the room."""

    def __init__(self, case, address, name):
        self.name = name
        self.says = queue.Queue()
        channel = connect(address)
        case.addCleanup(channel.close)
        self.hears = Method(channel, "/chat_room.ChatRoom/Join", "stream_stream",
                            pb.Line)(iter(self.says.get, None))
        case.addCleanup(self.says.put, None)
        self.hears.initial_metadata()  # from here on it is in the room

    def say(self, text):
        self.says.put(pb.Line(**{"from": self.name}, text=text))

    def hear(self):
        line = next(self.hears)
        return getattr(line, "from"), line.text


class ChatRoom(unittest.TestCase):
    def setUp(self):
        self.server = start("chat_room", "server")
        self.addCleanup(self.server.stop)
        self.address = self.server.address

    def test_everybody_hears_everybody_from_then_on(self):
        ann = Member(self, self.address, "ann")
        ann.say("alone")
        self.assertEqual(ann.hear(), ("ann", "alone"))
        bob = Member(self, self.address, "bob")
        bob.say("hello")
        for member in ann, bob:
            self.assertEqual(member.hear(), ("bob", "hello"))
        ann.say("hello bob")
        for member in ann, bob:
            self.assertEqual(member.hear(), ("ann", "hello bob"))

    def test_lines_have_numbers(self):
        ann = Member(self, self.address, "ann")
        for number in 1, 2, 3:
            ann.says.put(pb.Line(text="x", number=99))
            self.assertEqual(next(ann.hears).number, number)

    def test_the_program_says_what_is_typed_and_leaves_at_its_end(self):
        ann, bob = Member(self, self.address, "ann"), Program(self, self.address, "bob")
        bob.type("one\ntwo\n")
        for text in "one", "two":
            self.assertEqual(ann.hear(), ("bob", text))
            self.assertEqual(bob.lines.next(), f"bob: {text}")
        ann.say("three")
        self.assertEqual(bob.lines.next(), "ann: three")
        bob.type("last words")
        self.assertEqual(bob.leave(), (["bob: last words"], 0))
        self.assertEqual(ann.hear(), ("ann", "three"))
        self.assertEqual(ann.hear(), ("bob", "last words"))

    def test_a_long_line_is_said_in_pieces(self):
        ann, bob = Member(self, self.address, "ann"), Program(self, self.address, "bob")
        bob.type("x" * 10_000 + "\n")
        heard = ""
        while len(heard) < 10_000:
            heard += ann.hear()[1]
        self.assertEqual(heard, "x" * 10_000)

    def test_a_reader_that_stalls_slows_nobody_and_learns_what_it_missed(self):
        ann, eve = Member(self, self.address, "ann"), Member(self, self.address, "eve")
        stone = Program(self, self.address, "stone")
        stone.type("here\n")
        for member in ann, eve:
            self.assertEqual(member.hear(), ("stone", "here"))
        self.assertEqual(stone.lines.next(), "stone: here")
        stone.process.send_signal(signal.SIGSTOP)

        # 4 MB: many times what a window, a pipe and the room hold.
        said = [f"{i} ".ljust(4000, "x") for i in range(1000)]
        for text in said:
            ann.say(text)
            for member in ann, eve:
                self.assertEqual(member.hear(), ("ann", text))

        stone.process.send_signal(signal.SIGCONT)
        heard, missed = self.read_until(stone, said[-1])
        self.assertGreater(missed, 800)
        self.assertEqual(len(heard) + missed, len(said))
        self.assertEqual(heard, [text for text in said if text in heard])
        ann.say("welcome back")
        self.assertEqual(stone.lines.next(), "ann: welcome back")

    @staticmethod
    def read_until(program, last):
        heard, missed = [], 0
        while not heard or heard[-1] != last:
            line = program.lines.next()
            gap = re.fullmatch(r"\((\d+) lines missed\)", line)
            if gap:
                missed += int(gap[1])
            else:
                heard.append(line.removeprefix("ann: "))
        return heard, missed

    def test_a_line_that_is_too_long_ends_its_call_alone(self):
        ann, bob = Member(self, self.address, "ann"), Member(self, self.address, "bob")
        bob.say("x" * 4001)
        with self.assertRaises(grpc.RpcError):
            bob.hear()
        self.assertEqual(bob.hears.code(), grpc.StatusCode.INVALID_ARGUMENT)
        ann.say("still here")
        self.assertEqual(ann.hear(), ("ann", "still here"))

    def test_a_shutdown_ends_the_calls_well(self):
        server = start("chat_room", "server")
        ann = Member(self, server.address, "ann")
        bob = Program(self, server.address, "bob")
        bob.type("hello\n")
        self.assertEqual(bob.lines.next(), "bob: hello")
        self.assertEqual(ann.hear(), ("bob", "hello"))
        server.stop()
        self.assertEqual(list(ann.hears), [])
        self.assertEqual(ann.hears.code(), grpc.StatusCode.OK)
        self.assertEqual(bob.process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
