"""Files cut and changed anywhere: an error, or rows that add up; of what is checked, its own rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import mutants
import pytest

TRIALS = [(form, mutation) for form in mutants.FORMS for mutation in mutants.mutations(form)]
COPIES = "4000" if "RAFTFAST_LONG" in os.environ else "60"
SECONDS = 1200

Endings = dict[str, Any]


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Endings:
    """Convert all copies in one process."""
    folder = tmp_path_factory.mktemp("mutants")
    command = [sys.executable, mutants.__file__, COPIES, str(folder)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    last = (folder / "copy").read_text()
    assert ended.returncode == 0, (ended.returncode, last, ended.stderr.decode()[-2000:])
    found: Endings = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize(("form", "mutation"), TRIALS, ids=map("-".join, TRIALS))
def test_a_broken_copy_is_an_error_or_its_rows_add_up(
    form: str, mutation: str, endings: Endings
) -> None:
    counts = endings["counts"][f"{form}-{mutation}"]
    allowed = {"error"} if mutation == "cuts" else {"error", "rows"}
    if mutation != "cuts" and not mutants.FORMS[form].is_checked:
        allowed.add("changed")
    assert set(counts) <= allowed, counts
    assert counts["error"] > sum(counts.values()) / 10


def test_no_broken_copy_makes_memory_grow(endings: Endings) -> None:
    assert endings["megabytes"] < 400
