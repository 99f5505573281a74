#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What protoc-gen-weir writes: files, byte for byte and compiled, and the same to C as protobuf-c's.

With WRITE_GOLDEN set, the files in golden/ are written instead of compared.
"""
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import support
from support import HERE, PROTOS, WARNINGS

GOLDEN = [name + ending for name in ["comments", "names", "optional", "options", "shared"]
          for ending in (".pb-c.h", ".pb-c.c")] + ["services.weir.h", "services.weir.c"]
ALL = sorted(path.stem for path in PROTOS.glob("*.proto"))
IMPORTED = ["google/protobuf/empty.proto"]  # and not in protos/
# protoc-c crashes on groups and refuses optional fields of proto3; its output of the first is no C.
REFUSED_BY_PROTOBUF_C = ["beyond", "groups", "optional"]


def protos(names):
    return [f"{name}.proto" for name in names]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(pathlib.Path(folder).rglob("*.*"))}


class Generated(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.out = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def test_files_are_what_they_were(self):
        support.generate(self.out, *protos(ALL))
        for name in GOLDEN:
            golden = HERE / "golden" / (name + ".golden")
            if os.environ.get("WRITE_GOLDEN"):
                golden.write_text((self.out / name).read_text())
            self.assertEqual(golden.read_text(), (self.out / name).read_text())

    def test_the_same_input_gives_the_same_output(self):
        support.generate(self.out / "a", *protos(ALL))
        support.generate(self.out / "b", *protos(ALL))
        for name in reversed(ALL):
            support.generate(self.out / "c", f"{name}.proto")
        self.assertEqual(contents(self.out / "a"), contents(self.out / "b"))
        self.assertEqual(contents(self.out / "a"), contents(self.out / "c"))

    def test_all_of_it_compiles_as_c11(self):
        support.generate(self.out, *protos(ALL), *IMPORTED)
        for name in ALL:
            for ending in (".pb-c.c", ".weir.c"):
                support.compile_c(self.out / (name + ending), *WARNINGS, "-pedantic", "-O2",
                                  f"-I{self.out}", "-c", "-o", "/dev/null")

    def test_all_of_it_compiles_as_cxx(self):
        if not support.CXX:
            self.skipTest("no C++ compiler was found")
        support.generate(self.out, *protos(ALL), *IMPORTED)
        for name in ALL:
            for ending in (".pb-c.c", ".pb-c.h", ".weir.c", ".weir.h"):
                support.compile_cxx(self.out / (name + ending), *WARNINGS, f"-I{self.out}",
                                    "-fsyntax-only")

    def test_messages_can_be_left_to_protobuf_c(self):
        names = ["services.proto", "shared.proto", *IMPORTED]
        support.generate(self.out, *names, parameter="messages=protobuf-c")
        self.assertEqual([], [name for name in contents(self.out) if "pb-c" in name])
        support.generate_with_protobuf_c(self.out, *names)
        support.compile_c(self.out / "services.weir.c", *WARNINGS, f"-I{self.out}", "-c", "-o",
                          "/dev/null")


class SameAsProtobufC(unittest.TestCase):
    """A program that prints all there is to see is built twice, and prints the same."""
    maxDiff = 4000

    def test_structs_and_descriptors(self):
        names = [name for name in ALL if name not in [*REFUSED_BY_PROTOBUF_C, "services"]]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            support.generate(folder / "weir", *protos(names))
            support.generate_with_protobuf_c(folder / "protobuf-c", *protos(names))
            (folder / "main.c").write_text(dump_program(names))
            ours, theirs = (self.build_and_run(folder, kind, names)
                            for kind in ("weir", "protobuf-c"))
        self.assertIn("offsetof", theirs)
        self.assertEqual(theirs.splitlines(), ours.splitlines())

    def build_and_run(self, folder, kind, names):
        sources = [folder / kind / f"{name}.pb-c.c" for name in names]
        library = [flag for flag in os.environ["LIBRARY"].split(":") if flag]
        # protobuf-c's compiler leaves trigraphs in literals, which gnu11 does not read.
        support.compile_c(folder / "main.c", "-std=gnu11", f"-I{folder / kind}", f"-I{HERE}", HERE / "dump.c",
                          *sources, "-o", folder / f"dump-{kind}", *library, "-lprotobuf-c")
        return support.run([folder / f"dump-{kind}"]).stdout.decode()


def dump_program(names):
    lines = ['#include "dump.h"', "#include <stddef.h>", "#include <stdio.h>"]
    lines += [f'#include "{name}.pb-c.h"' for name in names]
    body = []
    for file in support.describe(*protos(names)):
        if f"{file.name[:-6]}" in names:
            dump_file(file, body)
    return "\n".join([*lines, "int main(void)", "{", *body, "    return 0;", "}", ""])


def dump_file(file, out):
    package = "short.Pkg" if file.name == "options.proto" else file.package
    for enum in file.enum_type:
        dump_enum(package, enum, out)
    for message in file.message_type:
        dump_message(package, message, out)


def dump_enum(scope, enum, out):
    type_name, lower = support.c_names(f"{scope}.{enum.name}")
    out.append(f"    dump_enum(&{lower}__descriptor);")
    upper = "__".join(support.snake(part).upper() for part in f"{scope}.{enum.name}".split(".") if part)
    for value in enum.value:
        out.append(f'    printf("{value.name} %d\\n", (int)({type_name}){upper}__{value.name});')


def dump_message(scope, message, out):
    full = f"{scope}.{message.name}"
    type_name, lower = support.c_names(full)
    upper = "__".join(support.snake(part).upper() for part in full.split(".") if part)
    for enum in message.enum_type:
        dump_enum(full, enum, out)
    for nested in message.nested_type:
        dump_message(full, nested, out)
    out.append(f"    dump_message(&{lower}__descriptor);")
    out.append("    {")
    out.append(f"        {type_name} initial = {upper}__INIT;")
    out.append(f'        dump_initial("INIT", (const ProtobufCMessage *)&initial);')
    out.append(f"        {lower}__init(&initial);")
    out.append(f'        dump_initial("init", (const ProtobufCMessage *)&initial);')
    out.append("    }")
    for name in members(message):
        out.append(f'    printf("{type_name}.{name} offsetof %zu size %zu\\n", '
                   f"offsetof({type_name}, {name}), sizeof((({type_name} *)0)->{name}));")


def members(message):
    for field in message.field:
        name = support.member(field.name)
        yield name
        if field.label == field.LABEL_REPEATED:
            yield f"n_{name}"
    for oneof in message.oneof_decl:
        yield f"{support.snake(oneof.name)}_case"


class BadInput(unittest.TestCase):
    def plugin(self, data):
        return subprocess.run([support.PLUGIN], input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def test_what_is_no_request_is_refused(self):
        for data in (b"", b"garbage", b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x7f", b"\x00"):
            done = self.plugin(data)
            self.assertEqual((1, b""), (done.returncode, done.stdout))
            self.assertIn(b"not a request of protoc", done.stderr)

    def test_arguments_are_refused(self):
        done = subprocess.run([support.PLUGIN, "--help"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(2, done.returncode)
        self.assertIn(b"usage: protoc", done.stderr)

    def answer(self, request):
        from google.protobuf.compiler import plugin_pb2

        done = self.plugin(request.SerializeToString())
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return plugin_pb2.CodeGeneratorResponse.FromString(done.stdout)

    def request(self, **fields):
        from google.protobuf.compiler import plugin_pb2

        request = plugin_pb2.CodeGeneratorRequest(file_to_generate=["a.proto"], **fields)
        request.proto_file.add(name="a.proto", syntax="proto3")
        return request

    def test_a_file_without_anything_is_a_file(self):
        answer = self.answer(self.request())
        self.assertFalse(answer.HasField("error"))
        self.assertIn("a.pb-c.h", [file.name for file in answer.file])
        self.assertTrue(answer.supported_features & answer.FEATURE_PROTO3_OPTIONAL)

    def test_an_unknown_option_is_named(self):
        answer = self.answer(self.request(parameter="messages=weir,colour=red"))
        self.assertIn("unknown option 'colour=red'", answer.error)
        self.assertEqual(0, len(answer.file))

    def test_a_missing_file_is_named(self):
        request = self.request()
        request.file_to_generate.append("b.proto")
        self.assertIn("b.proto", self.answer(request).error)

    def test_a_missing_import_is_named(self):
        request = self.request()
        request.proto_file[0].dependency.append("gone.proto")
        self.assertIn("gone.proto", self.answer(request).error)

    def test_a_missing_type_is_named(self):
        request = self.request()
        field = request.proto_file[0].message_type.add(name="M").field.add(name="f", number=1)
        field.type, field.type_name = field.TYPE_MESSAGE, ".Gone"
        self.assertIn(".Gone", self.answer(request).error)

    def test_an_unknown_syntax_is_named(self):
        request = self.request()
        request.proto_file[0].syntax = "editions"
        self.assertIn('syntax "editions"', self.answer(request).error)

    def test_a_descriptor_that_is_not_whole_is_named(self):
        def message(request):
            return request.proto_file[0].message_type.add(name="M")

        for harm in (lambda request: request.proto_file[0].message_type.add(),
                     lambda request: request.proto_file[0].message_type.add(name="a; int b"),
                     lambda request: request.proto_file[0].enum_type.add(name="E"),
                     lambda request: request.proto_file[0].service.add(name="S").method.add(),
                     lambda request: message(request).field.add(name="f"),
                     lambda request: message(request).field.add(name="f", number=1, oneof_index=0),
                     lambda request: message(request).field.add(number=1, type=5)):
            request = self.request()
            harm(request)
            self.assertRegex(self.answer(request).error, "a.proto: the .* is not whole")

    def test_damaged_requests_crash_nothing(self):
        from google.protobuf.compiler import plugin_pb2

        request = plugin_pb2.CodeGeneratorRequest(file_to_generate=["names.proto", "options.proto"])
        request.proto_file.extend(support.describe("names.proto", "options.proto"))
        whole, chance = request.SerializeToString(), random.Random(1)
        results = set()
        for _ in range(300):
            damaged = bytearray(whole[chance.choice([0, 2000]):])
            for _ in range(chance.choice([1, 3, 30])):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            results.add(self.plugin(bytes(damaged)).returncode)
        self.assertLessEqual(results, {0, 1})


if __name__ == "__main__":
    unittest.main()
