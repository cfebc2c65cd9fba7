"""Outputs where nothing may be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from mounts import mounted, remount
from verdict import FAILED, OLD, Place, Road, give_rows, judge

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run


pytest_generate_tests = give_rows


def test_a_read_only_output_is_not_replaced(corpus: Path, raftfast: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write to read-only files")
    output = corpus.with_name("out")
    output.write_bytes(OLD)
    output.chmod(0o444)
    done = raftfast("convert", corpus.name, "-o", "out")
    assert (done.returncode, done.stderr) == (1, b"raftfast: out: Permission denied\n")
    assert output.read_bytes() == OLD


def test_a_read_only_folder_is_found_out_before_the_work(corpus: Path, raftfast: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write to read-only folders")
    locked = corpus.with_name("locked")
    locked.mkdir(mode=0o555)
    done = raftfast("convert", "-o", "locked/out", input=b"not JSON")
    assert (done.returncode, done.stderr) == (1, b"raftfast: locked/out: Permission denied\n")


def test_a_read_only_file_system_stays_as_it_is(
    road: Road, *, replacing: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "place"
    with mounted(folder / "to", "size=1m"):
        place = Place(folder, road, old=replacing)
        remount(folder / "to", "ro")
        judge(place, place.run(), codes=[FAILED])
