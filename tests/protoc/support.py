# SPDX-License-Identifier: MIT
"""What the tests of protoc-gen-weir share: running protoc and compilers, names as protobuf-c has them."""
import os
import pathlib
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROTOS = HERE / "protos"
PLUGIN = os.environ["PLUGIN"]
PROTOC = os.environ.get("PROTOC", "protoc")
PROTOC_C = shutil.which(os.environ.get("PROTOC_C", "protoc-gen-c"))
CC = os.environ.get("CC", "cc")
CXX = os.environ.get("CXX", "")
INCLUDES = [f"-I{path}" for path in os.environ["INCLUDES"].split(":")]
PROTO_PATHS = [f"-I{PROTOS}", "-I/usr/include"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def run(command, **options):
    """The process, which succeeded; its output is in the error otherwise."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{done.stderr.decode()}")
    return done


def generate(out, *protos, parameter=""):
    """What protoc-gen-weir makes of the files."""
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    options = [f"--weir_opt={parameter}"] if parameter else []
    run([PROTOC, f"--plugin=protoc-gen-weir={PLUGIN}", f"--weir_out={out}", *options, *PROTO_PATHS,
         *protos])


def generate_with_protobuf_c(out, *protos):
    """What protobuf-c's own compiler makes of them."""
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    run([PROTOC, f"--plugin=protoc-gen-c={PROTOC_C}", f"--c_out={out}", *PROTO_PATHS, *protos])


def describe(*protos):
    """The files' descriptors, as protoc itself has them, with all that they import."""
    from google.protobuf import descriptor_pb2

    done = run([PROTOC, "--include_imports", "--descriptor_set_out=/dev/stdout", *PROTO_PATHS, *protos])
    return descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file


def compile_c(source, *flags):
    run([*shlex.split(CC), "-std=c11", *INCLUDES, *flags, source])


def compile_cxx(source, *flags):
    run([*shlex.split(CXX), "-x", "c++", *INCLUDES, *flags, source])


# ---- names, made independently of the plugin's ----

KEYWORDS = set("""and and_eq asm auto bitand bitor bool break case catch char class compl const
    const_cast continue default delete do double dynamic_cast else enum explicit extern false float
    for friend goto if inline int long mutable namespace new not not_eq operator or or_eq private
    protected public register reinterpret_cast return short signed sizeof static static_cast struct
    switch template this throw true try typedef typeid typename union unsigned using virtual void
    volatile wchar_t while xor xor_eq""".split())


def snake(part):
    """fooBar is foo_bar, HTTPStatus httpstatus."""
    out = ""
    for before, letter in zip("A" + part, part):
        out += ("_" if letter.isupper() and not before.isupper() else "") + letter.lower()
    return out


def camel(part):
    return "".join(word[:1].upper() + word[1:] for word in part.split("_"))


def c_names(full_name):
    """The type and the prefix of functions."""
    parts = [part for part in full_name.split(".") if part]
    return "__".join(map(camel, parts)), "__".join(map(snake, parts))


def member(name):
    return name.lower() + ("_" if name.lower() in KEYWORDS else "")
