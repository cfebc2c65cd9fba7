"""Hostile lines, in files of every compression: taken whole, or refused with line and byte."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import os
from typing import TYPE_CHECKING

import pytest
import zstandard
from cases import LARGE, LINES, MB, Case, Refused
from corpora import Fault, converters, run
from verdicts import check, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forked import Command

pytest_plugins = ["forked"]

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
}
EACH_LINE = pytest.mark.parametrize("case", LINES, ids=[case.name for case in LINES])
CORES = converters("chat")
LAYOUTS = list(itertools.product(CORES, (1, 3), (1 << 10, 256 << 10)))


@EACH_LINE
def test_a_line_ends_as_it_must_in_every_compression(
    case: Case, command: Command, tmp_path: Path
) -> None:
    for ending, pack in PACKERS.items():
        check(case, command, tmp_path, pack(case.make()), ending)


@EACH_LINE
def test_neither_cpu_nor_threads_nor_blocks_change_a_verdict(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.make())
    outcomes = {
        run(core, [path], tmp_path, threads=threads, block_bytes=block).rows
        for core, threads, block in LAYOUTS
    }
    assert len(outcomes) == 1, outcomes
    found = outcomes.pop()
    if isinstance(case.verdict, Refused):
        assert isinstance(found, Fault)
        assert case.verdict.words in found.message
        assert (found.line, found.offset) == (case.verdict.line, case.verdict.byte)
    else:
        assert isinstance(found, bytes)
        assert pairs_of(found) == case.verdict.pairs


@pytest.mark.parametrize("case", LARGE, ids=[case.name for case in LARGE])
def test_a_large_record_ends_as_it_must_in_bounded_memory(
    case: Case, command: Command, tmp_path: Path
) -> None:
    check(case, command, tmp_path, case.make())


@pytest.mark.skipif("RAFTFAST_LONG" not in os.environ, reason="1 GB; RAFTFAST_LONG=1 runs it")
def test_a_record_of_1_gb_is_refused_or_taken_as_it_is_asked(
    command: Command, tmp_path: Path
) -> None:
    source, output = tmp_path / "long.jsonl", tmp_path / "rows.jsonl"
    with source.open("wb") as file:
        file.write(b'{"instruction":"i","cot_answer":"c","tail":"')
        for _ in range(1024):
            file.write(b"x" * MB)
        file.write(b'"}\n')
    refused = command("convert", source, "-o", output)
    assert (refused.code, "record longer than" in refused.said) == (1, True)
    assert refused.megabytes < 600
    taken = command("convert", source, "-o", output, "--max-record-bytes", "2GiB")
    assert (taken.code, pairs_of(output.read_bytes())) == (0, (("i", "c"),))
