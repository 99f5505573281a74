#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""corpus.py NAME FOLDER - the inputs of corpus/NAME.hex as files in FOLDER, as clang's fuzzer wants them.

corpus.py --keep NAME FOLDER makes the files of FOLDER the corpus; corpus.py --add NAME FILE... adds
some: what a fuzzer found, for all to replay. Comments in a corpus stay, and belong to the input below.
"""
import pathlib
import sys

CORPORA = pathlib.Path(__file__).resolve().parent / "corpus"


def read(path):
    """The inputs, each with the comment lines above it."""
    inputs, comment = [], []
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("#"):
            comment.append(line)
        else:
            inputs.append((comment, line))
            comment = []
    return inputs


def write(path, inputs):
    path.write_text("".join("\n".join([*comment, line]) + "\n" for comment, line in inputs))


def hex_of(paths):
    return sorted({path.read_bytes().hex() for path in paths}, key=lambda line: (len(line), line))


def add(name, files):
    path = CORPORA / f"{name}.hex"
    inputs = read(path)
    known = {line for _, line in inputs}
    write(path, inputs + [([], line) for line in hex_of(files) if line not in known])


def keep(name, folder):
    """Those with a comment, and what is in the folder."""
    path = CORPORA / f"{name}.hex"
    named = [(comment, line) for comment, line in read(path) if comment]
    known = {line for _, line in named}
    write(path, named + [([], line) for line in hex_of(folder.iterdir()) if line not in known])


def unfold(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for i, (_, line) in enumerate(read(CORPORA / f"{name}.hex")):
        (folder / f"{i:04}").write_bytes(bytes.fromhex(line))


def main(arguments):
    if arguments[:1] == ["--add"]:
        add(arguments[1], [pathlib.Path(file) for file in arguments[2:]])
    elif arguments[:1] == ["--keep"]:
        keep(arguments[1], pathlib.Path(arguments[2]))
    else:
        unfold(arguments[0], pathlib.Path(arguments[1]))


main(sys.argv[1:])
