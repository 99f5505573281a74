#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""corpus.py FOLDER - the inputs of corpus.hex as files in FOLDER, as clang's fuzzer wants them.

corpus.py --add FOLDER adds the files of FOLDER to corpus.hex: what a fuzzer found, for all to replay.
"""
import pathlib
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus.hex"


def lines():
    return [line for line in CORPUS.read_text().splitlines() if not line.startswith("#")]


def add(folder):
    head = [line for line in CORPUS.read_text().splitlines() if line.startswith("#")]
    inputs = {*lines(), *(path.read_bytes().hex() for path in folder.iterdir())}
    CORPUS.write_text("\n".join([*head, *sorted(inputs, key=lambda line: (len(line), line))]) + "\n")


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for i, line in enumerate(lines()):
        (folder / f"{i:04}").write_bytes(bytes.fromhex(line))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--add"]:
        add(pathlib.Path(sys.argv[2]))
    else:
        write(pathlib.Path(sys.argv[1]))
