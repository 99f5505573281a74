#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Generated code and protobuf-c against Debian's protobuf for Python, on random messages.

The program `repack` unpacks each message in every way there is and packs it again. What it answers must
be the same message to Python. It checks by itself, too, that all ways of packing agree, and that
messages which are not peculiar are the same to protobuf-c.
"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

import support
import wire

COUNT = int(os.environ.get("MESSAGES", "1500"))
GROUP, WIRE_TYPE, TAG, MERGE, BOOL, DEPTH = (1 << bit for bit in range(6))
MODULES = ["everything2", "everything3", "optional", "groups"]


def load_types():
    """The message types, in the order of tested_types in check.c."""
    with tempfile.TemporaryDirectory() as folder:
        support.run([support.PROTOC, f"--python_out={folder}", *support.PROTO_PATHS,
                     *(f"{name}.proto" for name in MODULES)])
        sys.path.insert(0, folder)
        modules = [__import__(f"{name}_pb2") for name in MODULES]
        sys.path.remove(folder)
    return [modules[0].Everything, modules[1].Everything, modules[2].Everything,
            modules[3].WithGroups]


TYPES = load_types()
TWO, THREE, OPTIONAL, WITH_GROUPS = range(4)


def repack(questions):
    """For each type and bytes: peculiarities, and what ours and protobuf-c made of it, or None."""
    data = b"".join(bytes([kind]) + struct.pack("<I", len(message)) + message
                    for kind, message in questions)
    done = support.run([os.environ["REPACK"]], input=data).stdout
    answers, at = [], 0
    for _ in questions:
        peculiar, at = done[at], at + 1
        packed = []
        for _ in range(2):
            there, size = struct.unpack_from("<BI", done, at)
            packed.append(done[at + 5:at + 5 + size] if there else None)
            at += 5 + size
        answers.append((peculiar, *packed))
    assert at == len(done)
    return answers


def canonical(kind, data):
    return TYPES[kind].FromString(data).SerializeToString(deterministic=True)


class Messages(unittest.TestCase):
    maxDiff = 2000

    def questions(self, seed, strange, kinds=(TWO, THREE, OPTIONAL)):
        writer = wire.Writer(random.Random(seed), strange)
        return [(kind, writer.message(TYPES[kind].DESCRIPTOR)) for _ in range(COUNT) for kind in kinds]

    def check(self, questions, expected=None):
        answers = repack(questions)
        for i, ((kind, data), (_, ours, _)) in enumerate(zip(questions, answers)):
            self.assertIsNotNone(ours, data.hex())
            wanted = canonical(kind, expected[i] if expected else data)
            self.assertEqual(wanted.hex(), canonical(kind, ours).hex(), data.hex())
        return answers

    def test_what_python_writes_is_read_and_written(self):
        questions = [(kind, canonical(kind, data)) for kind, data in self.questions(1, False)]
        for peculiar, _, theirs in self.check(questions):
            self.assertEqual((0, True), (peculiar, theirs is not None))

    def test_any_order_packed_or_not_and_unknown_fields(self):
        for peculiar, _, theirs in self.check(self.questions(2, False)):
            self.assertEqual((0, True), (peculiar, theirs is not None))

    def test_wrong_wire_types_are_unknown_fields_and_messages_are_merged(self):
        answers = self.check(self.questions(3, True))
        self.assertLess(COUNT // 10, sum(answer[0] & WIRE_TYPE != 0 for answer in answers))
        self.assertLess(COUNT // 10, sum(answer[0] & MERGE != 0 for answer in answers))

    def test_groups_are_skipped(self):
        writer = wire.Writer(random.Random(4))
        pairs = [(kind, *writer.with_groups(TYPES[kind].DESCRIPTOR))
                 for _ in range(COUNT // 5) for kind in (TWO, THREE, OPTIONAL)]
        answers = self.check([(kind, more) for kind, _, more in pairs], [data for _, data, _ in pairs])
        self.assertTrue(all(answer[0] & GROUP for answer in answers))

    def test_declared_groups_are_skipped(self):
        message = TYPES[WITH_GROUPS](before=1, after="x")
        plain = message.SerializeToString()
        message.old.inner = 3
        message.old.older.add(name="name")
        message.many.add()
        self.check([(WITH_GROUPS, message.SerializeToString())], [plain])

    def test_damaged_messages_are_refused_by_both_or_by_none(self):
        """repack compares the verdicts; here it is seen that there are some of each."""
        chance = random.Random(5)
        questions = []
        for kind, data in self.questions(6, False)[:COUNT]:
            for _ in range(4):
                damaged = bytearray(data[:chance.choice([len(data), chance.randint(0, len(data))])])
                for _ in range(chance.choice([1, 1, 3])):
                    if damaged:
                        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
                questions.append((kind, bytes(damaged)))
        answers = repack(questions)
        plain = [ours is not None for peculiar, ours, _ in answers if peculiar == 0]
        self.assertGreater(len(plain), len(questions) // 3)
        self.assertGreater(sum(plain), len(questions) // 20)
        self.assertGreater(len(plain) - sum(plain), len(questions) // 20)

    def test_python_takes_whatever_is_taken_and_nothing_else_of_proto2(self):
        chance = random.Random(7)
        questions = [(TWO, data[:chance.randint(0, len(data))])
                     for _, data in self.questions(8, True, kinds=(TWO,))]
        for (kind, data), (_, ours, _) in zip(questions, repack(questions)):
            try:
                taken = TYPES[kind].FromString(data).IsInitialized()
            except Exception:
                taken = False
            self.assertEqual(taken, ours is not None, data.hex())

    def test_nesting_ends_at_a_hundred(self):
        def nested(levels, group):
            data = b""
            for _ in range(levels):
                data = (wire.tag(5, wire.GROUP) + data + wire.tag(5, wire.GROUP_END) if group
                        else wire.tag(5, wire.DELIMITED) + wire.delimited(data))
            return data

        for group in (False, True):
            inner = [nested(levels, group) for levels in (98, 99, 100)]
            questions = [(THREE, wire.tag(17, wire.DELIMITED) + wire.delimited(data)) for data in inner]
            taken = [ours is not None for _, ours, _ in repack(questions)]
            self.assertEqual([True, True, False], taken)
            self.assertEqual(taken, [self.python_takes(THREE, data) for _, data in questions])

    def python_takes(self, kind, data):
        try:
            TYPES[kind].FromString(data)
            return True
        except Exception:
            return False

    def test_hundreds_of_thousands_of_levels_are_refused(self):
        data = b""
        for _ in range(2000):
            data = wire.tag(5, wire.DELIMITED) + wire.delimited(data)
        deep = wire.tag(1, wire.GROUP) * 300000
        answers = repack([(THREE, wire.tag(17, wire.DELIMITED) + wire.delimited(data)), (THREE, deep)])
        self.assertEqual([None, None], [ours for _, ours, _ in answers])


if __name__ == "__main__":
    unittest.main()
