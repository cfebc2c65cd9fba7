"""System calls that fail: each in turn, until a run passes untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tracing import each_time, needs_strace
from verdict import FAILED, FEW, ROADS, Place, Road, give_rows, judge

if TYPE_CHECKING:
    from pathlib import Path


class Fault(NamedTuple):
    """What a call fails with, and what becomes of the run.

    Attributes:
        calls: The system calls.
        errors: What each of them fails with.
        roads: What is written; by default lines.
        complete: Whether the run has to be complete: ``None`` if that depends on the call.
        late: Whether some outputs may have appeared by then.

    """

    calls: str
    errors: str
    roads: tuple[str, ...] = ("jsonl",)
    complete: bool | None = False
    late: bool = False


EVERY = tuple(ROADS)
SHARDS, FOLDERS = ("shards", "shards of a size"), ("a folder", "a split")
SEVERAL = ("rejects and a report", *SHARDS, *FOLDERS)
FAULTS = {
    "reads": Fault("pread64", "EIO", EVERY),
    "reads that are interrupted": Fault("pread64", "EINTR", EVERY, complete=True),
    "writes": Fault("writev", "ENOSPC EIO EDQUOT", EVERY),
    "writes that are interrupted": Fault("writev", "EINTR", EVERY, complete=True),
    "bringing bytes to the disk": Fault("fsync", "EIO ENOSPC", ("onto the disk",), late=True),
    "a name": Fault("linkat", "EIO ENOSPC EDQUOT EXDEV EMLINK", ("jsonl", "parquet")),
    "names": Fault("linkat", "EIO ENOSPC", SEVERAL, late=True),
    "taking the place of an old file": Fault("renameat", "EIO ENOSPC EXDEV", ("jsonl", "gz")),
    "taking the places of old files": Fault(
        "renameat", "EIO", ("rejects and a report", *SHARDS), late=True
    ),
    "files of a folder taking the places of old ones": Fault("rename", "EIO", FOLDERS, late=True),
    "taking old files away": Fault("unlink", "EIO", SHARDS, late=True),
    "taking files of a folder away": Fault("unlink", "EIO", FOLDERS, complete=None, late=True),
    "folders": Fault("mkdir", "ENOSPC EIO", FOLDERS, complete=None),
    "locks": Fault("flock", "EIO", (*FOLDERS, "a file beside")),
    "reserving space": Fault("fallocate", "ENOSPC EOPNOTSUPP EINTR", EVERY, complete=True),
    "giving space back": Fault("ftruncate", "EIO ENOSPC", EVERY, complete=True),
    "asking for the file system": Fault("fstatfs", "EIO", EVERY, complete=True),
    "open files": Fault("openat", "EMFILE EIO", ("jsonl", "shards"), complete=None, late=True),
    "closing": Fault("close", "EIO", ("jsonl", "shards"), complete=None, late=True),
    "threads": Fault("clone3", "EAGAIN", EVERY, complete=None),
    "memory": Fault("mmap mremap", "ENOMEM", ("jsonl", "gz", "arrow"), complete=None),
}
STEP = 7
"""How many times a call goes well between those that are made to fail, if there is no time."""


class Row(NamedTuple):
    """One error of one call on one road."""

    inject: str
    road: Road
    fault: Fault


def rows_of(fault: Fault, *, long: bool) -> dict[str, Row]:
    """Spell out what a fault stands for: all, or the first error on a few roads."""
    errors = fault.errors.split()
    roads = [road for road in fault.roads if long or road in FEW]
    return {
        f"{call} {error} {road}": Row(f"{call}:error={error}", ROADS[road], fault)
        for call in fault.calls.split()
        for error in (errors if long else errors[:1])
        for road in roads
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    give_rows(metafunc)
    long = metafunc.config.getoption("--long")
    rows = {
        f"{name}: {row}": what
        for name, fault in FAULTS.items()
        for row, what in rows_of(fault, long=long).items()
    }
    metafunc.parametrize("row", rows.values(), ids=rows)


@needs_strace
def test_a_call_that_fails(row: Row, *, replacing: bool, long: bool, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", row.road, old=replacing)
    codes = {True: [row.road.code], False: [FAILED], None: [row.road.code, FAILED]}
    hit = False
    for ended in each_time(place, row.inject, 1 if long else STEP):
        judge(place, ended.done, codes=codes[row.fault.complete], late=row.fault.late)
        hit = True
    if not hit:
        pytest.skip(f"no {row.inject.partition(':')[0]} on this road")
