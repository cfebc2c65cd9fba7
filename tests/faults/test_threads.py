"""Threads that are not to be had: a run is complete with fewer, or says so."""

from __future__ import annotations

import gzip
import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from conftest import COMMAND, jsonl, record
from prefixes import usable
from verdict import FAILED, Place, Road, give_rows, judge

if TYPE_CHECKING:
    from pathlib import Path

pytest_generate_tests = give_rows

# The limit is not kept for root. Another user may look into the folders of root if allowed to.
_ALLOWED = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
_AS_ANOTHER_USER = ["setpriv", "--reuid=65534", *_ALLOWED, "--"]


@cache
def limited(limit: int) -> list[str]:
    """Return what goes before a command, so that its user may have so many threads only."""
    another = _AS_ANOTHER_USER if os.geteuid() == 0 else []
    return usable(*another, "prlimit", f"--nproc={limit}")


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_with_few_threads_a_run_is_complete_or_says_so(
    road: Road, limit: int, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", road)
    done = place.run(*limited(limit))
    judge(place, done, codes=[FAILED] if limit == 1 else None)
    assert done.code == road.code or b"cannot start a thread" in done.said


# The blocks before the cut were lost with the only thread there was; the run was a complete one.
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_with_few_threads_what_is_cut_is_told(limit: int, tmp_path: Path) -> None:
    cut, rows = tmp_path / "cut.jsonl.gz", tmp_path / "rows"
    whole = gzip.compress(jsonl(*[record(cot_answer="A" * 90)] * 60_000), 1)
    cut.write_bytes(whole[:-4])
    command = [*limited(limit), *COMMAND, "convert", str(cut), "-o", str(rows), "--threads", "8"]
    ended = subprocess.run(command, check=False, capture_output=True)
    assert (ended.returncode, rows.exists()) == (FAILED, False)
    assert b"ends inside a member" in ended.stderr or b"cannot start a thread" in ended.stderr
