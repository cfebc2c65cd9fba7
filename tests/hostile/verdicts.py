"""Whether a run ended as its case says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from cases import Case, Refused, Rows

if TYPE_CHECKING:
    from pathlib import Path

    from forked import Command, Ended

MESSAGE = 400
"""Characters of a message at most, beside the name of the file."""
OBEYED = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys: C0, DEL, C1, line separators, bidi controls; and what is no text."""
PLACE = re.compile(r": line (\d+), byte (\d+): ")
SUMMARY = re.compile(r"raftfast: ([\d,]+) read = ([\d,]+) written \+ ([\d,]+) filtered")


def check(case: Case, command: Command, folder: Path, data: bytes, ending: str = "") -> None:
    """Convert a case, packed or not, and compare how that ended with its verdict."""
    source, output = folder / (case.file + ending), folder / "rows.jsonl"
    source.write_bytes(data)
    ended = command("convert", source, "-o", output, "--threads", 2)
    try:
        assert_ended(case, ended, source, output)
    finally:
        source.unlink()
        output.unlink(missing_ok=True)


def assert_ended(case: Case, ended: Ended, source: Path, output: Path) -> None:
    """Compare exit code, message, rows and memory."""
    said = clear(ended.said, source)
    if isinstance(case.verdict, Refused):
        assert (ended.code, output.exists()) == (1, False), said
        assert said.startswith("raftfast: : "), said
        assert case.verdict.words in said, said
        assert_place(case.verdict, said)
    else:
        assert ended.code == 0, said
        assert_rows(case.verdict, said, output)
    assert ended.megabytes <= case.megabytes, ended


def clear(said: str, source: Path) -> str:
    """Return a message without the name of the file: it is one line that a terminal can show."""
    assert said.endswith("\n"), said
    said = said[:-1].replace(str(source), "")
    assert not OBEYED.search(said), said
    assert len(said) <= MESSAGE, said
    return said


def assert_place(verdict: Refused, said: str) -> None:
    """Find line and byte in a message, if it has to tell them."""
    found = PLACE.search(said)
    place = tuple(map(int, found.groups())) if found else (None, None)
    assert place == (verdict.line, verdict.byte), said


def assert_rows(verdict: Rows, said: str, output: Path) -> None:
    """Compare the rows, and the account that is given of them."""
    assert pairs_of(output.read_bytes()) == verdict.pairs
    found = SUMMARY.match(said)
    assert found, said
    written = len(verdict.pairs)
    counts = tuple(int(count.replace(",", "")) for count in found.groups())
    assert counts == (written + verdict.filtered, written, verdict.filtered)


def pairs_of(rows: bytes) -> tuple[tuple[str, str], ...]:
    """Read the questions and answers of chat rows."""
    messages = (json.loads(row)["messages"] for row in rows.splitlines())
    return tuple((row[-2]["content"], row[-1]["content"]) for row in messages)
