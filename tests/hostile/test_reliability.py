"""The table of reliability: raftfast's column can be made and has no fault, and the README shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
KEPT = REPOSITORY / "docs/benchmark/reliability.md"
# What each input becomes is the matter of the tests beside this one; a run of all takes a minute.
PART = ("--tool", "raftfast", "--cases", "5", "--megabytes", "2")


def is_faultless(told: str) -> bool:
    return told.startswith(("0 of ", "fine", "complete from "))


def test_raftfast_has_no_fault_in_its_column(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "benches/reliability.py"), *PART]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == (tmp_path / "reliability.md").read_text() + "\n"
    found = json.loads((tmp_path / "reliability.json").read_text())["found"]["raftfast"]
    assert {row: one for row, one in found.items() if not is_faultless(one["told"])} == {}


def test_the_readme_shows_the_table_that_is_kept() -> None:
    kept = KEPT.read_text(encoding="utf-8")
    table = kept[: kept.index("\n\n")]
    assert table in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [row for row in rows if not is_faultless(row[1])] == []
