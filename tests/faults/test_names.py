"""Hostile names are names, and are shown so that a terminal obeys nothing of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run


NAMES = {
    "like an option": b"-o.jsonl",
    "with a space": b"a b.jsonl",
    "with a newline": b"a\nb.jsonl",
    "with an escape": b"a\x1b[31mb.jsonl",
    "not UTF-8": b"a\xffb.jsonl",
    "bidi": "a\u202eb.jsonl".encode(),
    "a pattern": b"[a]*?.jsonl",
    "a format": b"%s{0}.jsonl",
    "hidden": b"...",
    "the longest": b"n" * 255,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_are_names(name: bytes, corpus: Path, raftfast: Run) -> None:
    inside = os.fsdecode(name)
    Path("in").mkdir()
    corpus.rename(Path("in") / inside)
    os.chdir("in")
    arguments = ["-o", f"../{inside}", "--report", "../report"]
    done = raftfast("convert", *arguments, "--", inside, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert len(Path("..", inside).read_bytes().splitlines()) == 2


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("data", [b"", b'{"a": NaN}\n'], ids=["missing", "malformed"])
def test_hostile_names_are_escaped_in_messages(
    name: bytes, data: bytes, folder: Path, raftfast: Run
) -> None:
    if data:
        (folder / os.fsdecode(name)).write_bytes(data)
    done = raftfast("convert", "-o", "out", "--", os.fsdecode(name))
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.endswith("\n")
    assert said[:-1].isprintable()
    assert list(folder.iterdir()) == ([folder / os.fsdecode(name)] if data else [])
