"""Bytes to bytes on one core: the sample corpora, and every class that is hard on a scanner.

The corpora are handed over in blocks, as the engine does it, so that the rows stay in the cache; a
single call on 128 MB would measure how fast the system can give fresh memory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import raftfast
from classes import CLASSES, lines_of
from raftfast import _raftfast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from speeds import Measure

pytest_plugins = ["speeds"]

CPU_PATHS = ("portable", "avx2", "avx512")
CLASS_BYTES = 8_000_000


@pytest.fixture(params=CPU_PATHS)
def converter(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> raftfast.Converter:
    """Make a converter to chat rows that scans on one of the CPU paths."""
    best = CPU_PATHS.index(_raftfast.cpu_path())
    if CPU_PATHS.index(request.param) > best:
        pytest.skip(f"no {request.param} on this machine")
    monkeypatch.setenv("RAFTFAST_CPU", request.param)
    return raftfast.Converter("chat", on_error="skip")


def blocks(data: bytes) -> Iterator[memoryview]:
    """Cut data into blocks of whole lines, as large as the engine takes them."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + _raftfast.DEFAULT_BLOCK_BYTES) + 1
        end = end or data.find(b"\n", start) + 1
        yield memoryview(data)[start:end]
        start = end


def rows_wanted(data: bytes) -> int:
    """Count the rows that must come out, by the ``json`` of the standard library."""
    return sum(map(has_row, data.splitlines()))


def has_row(line: bytes) -> bool:
    """Tell whether a line is a record with both texts."""
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return bool(record.get("instruction") and record.get("cot_answer"))


def bench(converter: raftfast.Converter, data: bytes, measure: Measure) -> None:
    """Check the number of rows, then time the conversion."""
    cut = list(blocks(data))
    rows = sum(converter.convert_bytes(block).count(b"\n") for block in cut)
    assert rows == rows_wanted(data)

    def convert() -> None:
        for block in cut:
            converter.convert_bytes(block)

    measure(len(data), convert)


def test_corpus(corpus: Path, converter: raftfast.Converter, measure: Measure) -> None:
    """Convert the records of everyday."""
    bench(converter, corpus.read_bytes(), measure)


@pytest.mark.parametrize("name", CLASSES)
def test_class(name: str, converter: raftfast.Converter, measure: Measure) -> None:
    """Convert the records of a bad day."""
    bench(converter, lines_of(name, CLASS_BYTES), measure)
