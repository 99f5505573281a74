# SPDX-License-Identifier: MIT
"""Random messages on the wire, as no serializer writes them but every parser must take them.

Fields come in any order and more than once, repeated numbers packed and not, varints longer than they
must be, and between them are fields that the type does not have, or has with another wire type, and
groups.
"""
import struct

from google.protobuf.descriptor import FieldDescriptor as F

VARINT, FIXED64, DELIMITED, GROUP, GROUP_END, FIXED32 = range(6)
WIRE_TYPES = {
    F.TYPE_DOUBLE: FIXED64, F.TYPE_FIXED64: FIXED64, F.TYPE_SFIXED64: FIXED64,
    F.TYPE_FLOAT: FIXED32, F.TYPE_FIXED32: FIXED32, F.TYPE_SFIXED32: FIXED32,
    F.TYPE_STRING: DELIMITED, F.TYPE_BYTES: DELIMITED, F.TYPE_MESSAGE: DELIMITED,
}
MAX_NUMBER = 2**29 - 1


def varint(value, longer=0):
    """`longer` bytes more than needed, up to the 10 that are allowed."""
    value &= 2**64 - 1
    out = bytearray()
    while True:
        out.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    out += bytes(min(longer, 10 - len(out)))
    return bytes(byte | 0x80 for byte in out[:-1]) + bytes(out[-1:])


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def delimited(data):
    return varint(len(data)) + data


def is_map(field):
    return field.type == F.TYPE_MESSAGE and field.message_type.GetOptions().map_entry


class Writer:
    def __init__(self, random, strange=True):
        self.random = random
        self.strange = strange  # what protobuf-c refuses or takes otherwise, too

    # ---- values ----

    def integer(self, bits):
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.choice([0, 1, 2, 127, 128, 300])
        value = self.random.getrandbits(self.random.randint(1, bits))
        return value if kind == 1 else 2**bits - 1 - value if kind == 2 else self.random.getrandbits(bits)

    def number(self, field):
        """A number's bytes without its tag."""
        random = self.random
        if field.type == F.TYPE_BOOL:
            return varint(random.randrange(2), random.choice([0, 0, 0, 3]))
        if field.type == F.TYPE_ENUM:
            if field.file.syntax == "proto2":
                return varint(random.choice(field.enum_type.values).number)
            return varint(random.choice([0, 1, -7, random.randint(-2**31, 2**31 - 1)]))
        if field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
            value = random.choice([1.0, -2.5, 1e30, float("inf"), float("nan"), random.uniform(-9, 9)])
            return struct.pack("<d" if field.type == F.TYPE_DOUBLE else "<f", value)
        wire_type = WIRE_TYPES.get(field.type, VARINT)
        if wire_type == FIXED32:
            return struct.pack("<I", self.integer(32))
        if wire_type == FIXED64:
            return struct.pack("<Q", self.integer(64))
        longer = random.choice([0, 0, 0, 0, 1, 9])
        if field.type == F.TYPE_INT32:
            value = self.integer(32)
            return varint(value - 2**32 if value >= 2**31 else value, longer)
        return varint(self.integer(32 if field.type in (F.TYPE_UINT32, F.TYPE_SINT32) else 64), longer)

    def text(self):
        letters = "abcXYZ 0189_é漢😀\n\x7f"
        return "".join(self.random.choice(letters) for _ in range(self.random.choice([0, 1, 5, 200])))

    def blob(self):
        return self.random.randbytes(self.random.choice([0, 1, 7, 130, 300]))

    def value(self, field, depth):
        """A value's bytes without its tag, with its length where it has one."""
        if field.type == F.TYPE_MESSAGE:
            return delimited(self.message(field.message_type, depth + 1))
        if field.type == F.TYPE_STRING:
            return delimited(self.text().encode())
        if field.type == F.TYPE_BYTES:
            return delimited(self.blob())
        return self.number(field)

    # ---- fields ----

    def field(self, field, depth):
        wire_type = WIRE_TYPES.get(field.type, VARINT)
        if field.label != F.LABEL_REPEATED:
            return [tag(field.number, wire_type) + self.value(field, depth)]
        count = self.random.choice([0, 1, 2, 5, 9, 40 if depth == 0 else 3])
        if is_map(field):
            return [tag(field.number, DELIMITED) + entry
                    for entry in self.entries(field.message_type, count, depth)]
        if wire_type == DELIMITED:
            return [tag(field.number, wire_type) + self.value(field, depth) for _ in range(count)]
        pieces = []
        while count > 0:
            some = self.random.randint(1, count)
            count -= some
            if self.random.randrange(2):
                data = b"".join(self.number(field) for _ in range(some))
                pieces.append(tag(field.number, DELIMITED) + delimited(data))
            else:
                pieces += [tag(field.number, wire_type) + self.number(field) for _ in range(some)]
        return pieces

    def entries(self, entry_type, count, depth):
        """Entries of a map, each with another key: which of two wins is not for a parser to say."""
        key, value = entry_type.fields_by_number[1], entry_type.fields_by_number[2]
        keys = {F.TYPE_STRING: lambda i: delimited(b"k%d" % i if i else b""),
                F.TYPE_FIXED64: lambda i: struct.pack("<Q", i)}.get(key.type, varint)
        for i in range(min(count, 2) if key.type == F.TYPE_BOOL else count):
            fields = [tag(1, WIRE_TYPES.get(key.type, VARINT)) + keys(i)]
            if i == 0 and self.random.randrange(2):
                fields = []
            if self.random.randrange(5):
                fields.append(tag(2, WIRE_TYPES.get(value.type, VARINT)) + self.value(value, depth + 1))
            self.random.shuffle(fields)
            yield delimited(b"".join(fields))

    def unknown(self, number):
        wire_type = self.random.choice([VARINT, FIXED64, DELIMITED, FIXED32])
        values = {VARINT: varint(self.integer(64)), FIXED64: self.random.randbytes(8),
                  DELIMITED: delimited(self.blob()), FIXED32: self.random.randbytes(4)}
        return tag(number, wire_type) + values[wire_type]

    def unknown_number(self, message_type):
        while True:
            number = self.random.choice([self.random.randint(1, 30), self.random.randint(1, MAX_NUMBER)])
            if number not in message_type.fields_by_number:
                return number

    def mismatched(self, message_type):
        """A field of the type with another wire type, which is an unknown field."""
        field = self.random.choice(message_type.fields)
        piece = self.unknown(field.number)
        wire_type = piece[0] & 7
        fits = wire_type == WIRE_TYPES.get(field.type, VARINT)
        packed = wire_type == DELIMITED and field.label == F.LABEL_REPEATED
        return [] if fits or packed else [piece]

    def group(self, message_type, depth=0):
        """Skipped whatever is in it."""
        number = self.unknown_number(message_type)
        inside = b"".join(self.unknown(self.random.randint(1, 99))
                          for _ in range(self.random.randrange(3)))
        if depth < 3 and self.random.randrange(2):
            inside += self.group(message_type, depth + 1)
        return tag(number, GROUP) + inside + tag(number, GROUP_END)

    # ---- messages ----

    def chosen(self, message_type, depth):
        """Which fields come, in which order. A message comes twice only where that is well defined."""
        random = self.random
        fields = list(message_type.fields)
        if depth > 2:
            fields = [field for field in fields if field.type != F.TYPE_MESSAGE]
        some = [field for field in fields if random.random() < random.choice([0.1, 0.5, 0.9])]
        some += [field for field in fields if field.label == F.LABEL_REQUIRED and field not in some]
        again = [field for field in some if random.random() < 0.2 and
                 (field.type != F.TYPE_MESSAGE or self.strange and not is_map(field))]
        some += again
        random.shuffle(some)
        return some

    def pieces(self, message_type, depth):
        pieces = []
        for field in self.chosen(message_type, depth):
            pieces += self.field(field, depth)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            pieces.append(self.unknown(self.unknown_number(message_type)))
        if self.strange and message_type.fields:
            pieces += self.mismatched(message_type)
        return pieces

    def message(self, message_type, depth=0):
        pieces = self.pieces(message_type, depth)
        if self.random.randrange(2):
            self.random.shuffle(pieces)
        return b"".join(pieces)

    def with_groups(self, message_type):
        """A message, and the same with groups among its fields."""
        pieces = self.pieces(message_type, 0)
        more = list(pieces)
        for _ in range(self.random.randint(1, 3)):
            more.insert(self.random.randint(0, len(more)), self.group(message_type))
        return b"".join(pieces), b"".join(more)
