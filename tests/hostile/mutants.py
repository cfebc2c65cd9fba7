"""Broken copies of small files, converted one after the other: ``mutants.py COPIES FOLDER``.

They are converted in a process of their own because a reader may crash; the file ``copy`` in the
folder then says which copy it was. Prints how often each ending came, and the peak memory.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import resource
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import raftfast
import zstandard
from pyarrow import ipc, parquet
from verdicts import OBEYED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = 1
MEMORY = 4 << 30
"""Bytes of addresses: what is asked for because of a wrong length must not be had."""

# Files --------------------------------------------------------------------------------------------

COUNT = 3
LINES = b"".join(
    b'{"instruction":"question %d","cot_answer":"answer %d"}\n' % (number, number)
    for number in range(COUNT)
)
HALVES = (LINES[:70], LINES[70:])
"""The border is in a line."""


def records() -> pa.Table:
    """Make records with a null, and a column that no target but hf uses."""
    return pa.table(
        {
            "instruction": ["question 0", "question 1", "ä"],
            "cot_answer": ["answer 0", None, ""],
            "context": [[{"title": "t"}], None, []],
        }
    )


def zst(*, checksum: bool) -> bytes:
    """Write one frame."""
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(LINES)


def arrow(new: Callable[..., Any], **options: Any) -> bytes:  # noqa: ANN401
    """Write a file or a stream of two batches."""
    sink = io.BytesIO()
    with new(sink, records().schema, options=ipc.IpcWriteOptions(**options)) as file:
        file.write_table(records(), max_chunksize=2)
    return sink.getvalue()


def in_parquet(**options: Any) -> bytes:  # noqa: ANN401
    """Write two row groups."""
    sink = io.BytesIO()
    parquet.write_table(records(), sink, row_group_size=2, store_schema=False, **options)
    return sink.getvalue()


class Form(NamedTuple):
    """A kind of file.

    Attributes:
        make: Writes it.
        is_checked: A checksum covers its data, so that no broken copy may give other rows.

    """

    make: Callable[[], bytes]
    is_checked: bool = False


FORMS = {
    "lines": Form(lambda: LINES),
    "gz": Form(lambda: gzip.compress(LINES, mtime=0), is_checked=True),
    "gz-members": Form(lambda: b"".join(map(gzip.compress, HALVES)), is_checked=True),
    "zst": Form(lambda: zst(checksum=True), is_checked=True),
    "zst-unchecked": Form(lambda: zst(checksum=False)),
    "bz2": Form(lambda: bz2.compress(LINES), is_checked=True),
    "xz": Form(lambda: lzma.compress(LINES), is_checked=True),
    "arrow": Form(lambda: arrow(ipc.new_file)),
    "arrow-zstd": Form(lambda: arrow(ipc.new_file, compression="zstd")),
    "arrow-lz4": Form(lambda: arrow(ipc.new_file, compression="lz4")),
    "arrows": Form(lambda: arrow(ipc.new_stream)),
    "arrows-legacy": Form(lambda: arrow(ipc.new_stream, use_legacy_format=True)),
    "parquet-plain": Form(lambda: in_parquet(compression="none", use_dictionary=False)),
    "parquet-snappy": Form(in_parquet),
    "parquet-zstd": Form(lambda: in_parquet(compression="zstd")),
    "parquet-checksum": Form(lambda: in_parquet(write_page_checksum=True)),
    "parquet-v2": Form(lambda: in_parquet(data_page_version="2.0")),
}  # fmt: skip

# What is done to them -----------------------------------------------------------------------------


def cuts(data: bytes) -> Iterator[bytes]:
    """Cut after every byte."""
    return (data[:end] for end in range(1, len(data)))


def flips(data: bytes) -> Iterator[bytes]:
    """Change every byte: one bit of it, and all."""
    for at in range(len(data)):
        for bits in (1 << at % 8, 0xFF):
            yield data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def numbers(data: bytes) -> Iterator[bytes]:
    """Put huge and negative numbers wherever one of four or eight bytes can be."""
    for number in (
        struct.pack("<i", 0x7FFF_FFFF),
        struct.pack("<q", -1),
        struct.pack("<q", 1 << 40),
    ):
        for at in range(0, len(data) - len(number), len(number)):
            yield data[:at] + number + data[at + len(number) :]


def varints(data: bytes) -> Iterator[bytes]:
    """Put a huge number, as Thrift writes it, in the place of every byte of a footer."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for at in range(start, len(data) - 8):
        footer = data[start:at] + b"\xfe\xff\xff\xff\x0f" + data[at + 1 : -8]
        yield data[:start] + footer + struct.pack("<I", len(footer)) + b"PAR1"


MUTATIONS = {"cuts": cuts, "flips": flips, "numbers": numbers, "varints": varints}


def mutations(form: str) -> list[str]:
    """Tell which of them make sense for a form. Lines that are cut between two are whole."""
    more = {"arrow": ["numbers"], "parquet": ["varints"]}
    found = [name for start in more if form.startswith(start) for name in more[start]]
    return ["flips", *found] if form == "lines" else ["cuts", "flips", *found]


# How it ends --------------------------------------------------------------------------------------


def ending(path: Path, whole: tuple[bytes, ...], *, is_checked: bool) -> str:
    """Convert to the usual rows, and with every value of it."""
    try:
        found = tuple(map(rows_of, (path, path), ("chat", "hf")))
    except raftfast.Error as error:
        return "error" if not OBEYED.search(str(error)) else f"obeyed: {error!r}"
    if found == whole:
        return "rows"
    if is_checked or found[1].count(b"\n") != whole[1].count(b"\n"):
        return f"other rows: {found!r}"
    return "changed"


def rows_of(path: Path, to: str) -> bytes:
    """Convert to rows, of which there are as many as the account says."""
    rows = io.BytesIO()
    ledger = raftfast.convert(str(path), rows, to=to)
    counted = rows.getvalue().count(b"\n")
    if not counted == ledger.written == ledger.read - sum(ledger.filtered.values()):
        raise AssertionError(f"{counted} rows: {ledger}")
    return rows.getvalue()


def copies(data: bytes, mutation: str, count: int) -> list[bytes]:
    """Choose so many broken copies, the same ones each time."""
    every = list(MUTATIONS[mutation](data))
    dice = random.Random(SEED)  # noqa: S311 - it has to come out the same
    return every if len(every) <= count else dice.sample(every, count)


def endings(form: str, mutation: str, count: int, folder: Path) -> Counter[str]:
    """Convert the whole file and then its broken copies, and count how that ends."""
    path, data = folder / "mutant", FORMS[form].make()
    path.write_bytes(data)
    whole = (rows_of(path, "chat"), rows_of(path, "hf"))
    counts: Counter[str] = Counter()
    with (folder / "copy").open("wb", buffering=0) as copy:
        for number, mutant in enumerate(copies(data, mutation, count)):
            os.pwrite(copy.fileno(), f"{form} {mutation} {number:8}".encode(), 0)
            path.write_bytes(mutant)
            counts[ending(path, whole, is_checked=FORMS[form].is_checked)] += 1
    return counts


def main(count: str, folder: str) -> None:
    """Print the counts of each form and mutation, and the peak in megabytes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found = {
        f"{form}-{mutation}": endings(form, mutation, int(count), Path(folder))
        for form in FORMS
        for mutation in mutations(form)
    }
    # What getrusage tells begins with the peak of whoever started this.
    status = Path("/proc/self/status").read_text().split()
    peak = int(status[status.index("VmHWM:") + 1]) >> 10
    json.dump({"counts": found, "megabytes": peak}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
