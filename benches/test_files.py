"""File to file in this process: raftfast on one thread and two, and its reference in Python.

Each round writes a file of a name that was not there: writing onto an existing file costs three
quarters of the speed on ext4. `compare.py` times whole processes and other tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from speeds import Measure

pytest_plugins = ["speeds"]


def bench(corpus: Path, output: Path, measure: Measure, convert: Callable[..., Any]) -> int:
    """Time a conversion and return how many rows it wrote."""
    measure(corpus.stat().st_size, convert, setup=lambda: output.unlink(missing_ok=True))
    with output.open("rb") as rows:
        return sum(1 for _ in rows)


@pytest.mark.parametrize("threads", [1, 2])
def test_raftfast(corpus: Path, threads: int, tmp_path: Path, measure: Measure) -> None:
    """The compiled core."""
    output = tmp_path / "rows.jsonl"
    ledgers = []

    def convert() -> None:
        ledgers.append(raftfast.convert(corpus, output, "chat", threads))

    assert bench(corpus, output, measure, convert) == ledgers[-1].written


def test_reference(corpus: Path, tmp_path: Path, measure: Measure) -> None:
    """The loop in Python with orjson."""
    output = tmp_path / "rows.jsonl"
    counts = []

    def convert() -> None:
        counts.append(reference.convert_file(str(corpus), str(output)))

    assert bench(corpus, output, measure, convert) == counts[-1].written
