"""The rows in an output of any form, and whether two outputs hold the same."""

from __future__ import annotations

import gzip
import io
import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from raftfast.columns import opened, require_pyarrow
from raftfast.errors import Error
from raftfast.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row: TypeAlias = "bytes | dict[str, Any]"
"""A row as a line of JSON, or as a row of columns."""


def compare(expected: Path, output: Path, who: str) -> None:
    """Raise an Error unless both hold the same rows, in the same order, whatever their form."""
    for number, (one, other) in enumerate(zip_longest(rows(expected), rows(output)), 1):
        if one != other and not equal_rows(one, other):
            raise Error(f"{who} differ in row {number}")


def equal_rows(one: Row | None, other: Row | None) -> bool:
    """Tell whether two rows are the same; ``None`` is the end of a file."""
    return one is not None and other is not None and parsed(one) == parsed(other)


def parsed(row: Row) -> object:
    """Return the value of a row."""
    return json.loads(row) if isinstance(row, bytes) else row


def rows(path: Path) -> Iterator[Row]:
    """Read the rows of an output; its first bytes tell its form."""
    kind = kind_of(str(path))
    if kind is None:
        yield from lines(path)
        return
    with opened(str(path), kind, None) as (_, columns):
        for batch in columns:
            yield from batch.to_pylist()


def lines(path: Path) -> Iterator[bytes]:
    """Read the lines of a file, decompressed if need be."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head.startswith(b"\x1f\x8b"):
            yield from gzip.GzipFile(fileobj=file)
        elif head == b"\x28\xb5\x2f\xfd":
            require_pyarrow()
            from pyarrow import CompressedInputStream  # noqa: PLC0415

            yield from io.BufferedReader(CompressedInputStream(file, "zstd"))
        else:
            yield from file
