"""Full disks: the old file or nothing, and one line that says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from mounts import mounted, remount
from verdict import FAILED, Place, Road, give_rows, judge

if TYPE_CHECKING:
    from pathlib import Path

pytest_generate_tests = give_rows

PAGE = 4096
SHARES = {"no room": 0.0, "a tenth": 0.1, "a half": 0.5, "nearly enough": 0.95}


def sizes(place: Place) -> list[int]:
    """Tell how long the files are that a run makes."""
    made = (what for name, what in place.complete.items() if place.before.get(name) != what)
    return [int(what.split()[0]) for what in made if what != "folder"]


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_a_full_disk_leaves_what_was_there(
    road: Road, share: float, *, replacing: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "place"
    with mounted(folder / "to", "size=1m"):
        place = Place(folder, road, old=replacing)
        there = os.statvfs(folder / "to")
        used = (there.f_blocks - there.f_bfree) * there.f_frsize
        remount(folder / "to", f"size={used + int(sum(sizes(place)) * share) // PAGE * PAGE}")
        done = place.run()
        judge(place, done, codes=[FAILED])
        assert b"No space left on device" in done.said


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_files_that_may_not_be_so_long_leave_what_was_there(
    road: Road, share: float, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", road, old=True)
    blocks = int(max(sizes(place)) * share) // 512
    done = place.run("/bin/sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
    judge(place, done, codes=[FAILED])
    assert b"File too large" in done.said


@pytest.mark.parametrize("more", [0, 3])
def test_no_more_files_can_be_made(road: Road, more: int, tmp_path: Path) -> None:
    folder = tmp_path / "place"
    with mounted(folder / "to", "size=20m"):
        place = Place(folder, road, old=True)
        there = os.statvfs(folder / "to")
        remount(folder / "to", f"nr_inodes={there.f_files - there.f_ffree + more}")
        done = place.run()
        judge(place, done, codes=[FAILED] if more == 0 else None)


def test_nothing_is_written_to_the_folder_for_temporary_files(road: Road, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", road)
    with mounted(tmp_path / "full", f"size={PAGE}"):
        (tmp_path / "full/all").write_bytes(bytes(PAGE))
        done = place.run(env={**os.environ, "TMPDIR": str(tmp_path / "full")})
        judge(place, done, codes=[road.code])
