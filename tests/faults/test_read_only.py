"""Outputs where nothing may be written."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from conftest import COMMAND
from mounts import mounted, remount
from prefixes import usable
from verdict import FAILED, OLD, Place, Road, give_rows, judge

if TYPE_CHECKING:
    from pathlib import Path


pytest_generate_tests = give_rows


@cache
def under_permissions() -> list[str]:
    """Return what goes before a command, so that permissions hold for it though root runs it."""
    return usable("setpriv", "--bounding-set=-dac_override", "--") if os.geteuid() == 0 else []


def refused(folder: Path, *arguments: str) -> bytes:
    """Convert in a folder, fail unless that fails, and return what it says."""
    command = [*under_permissions(), *COMMAND, "convert", *arguments]
    done = subprocess.run(command, cwd=folder, input=b"not JSON", capture_output=True, check=False)
    assert done.returncode == FAILED
    return done.stderr


def test_a_read_only_output_is_not_replaced(corpus: Path) -> None:
    output = corpus.with_name("out")
    output.write_bytes(OLD)
    output.chmod(0o444)
    said = refused(corpus.parent, corpus.name, "-o", "out")
    assert said == b"raftfast: out: Permission denied\n"
    assert output.read_bytes() == OLD


def test_a_read_only_folder_is_found_out_before_the_work(corpus: Path) -> None:
    corpus.with_name("locked").mkdir(mode=0o555)
    said = refused(corpus.parent, "-o", "locked/out")
    assert said == b"raftfast: locked/out: Permission denied\n"


def test_a_read_only_file_system_stays_as_it_is(
    road: Road, *, replacing: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "place"
    with mounted(folder / "to", "size=1m"):
        place = Place(folder, road, old=replacing)
        remount(folder / "to", "ro")
        judge(place, place.run(), codes=[FAILED])
