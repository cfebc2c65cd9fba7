"""Rows for consumers to read, and the parts of consumers that read them.

What raftfast writes is taken by the code of those for whom it is written. Each module of tests runs
where the package of its consumer is installed, and is skipped by name elsewhere. `pip install
--no-deps -r requirements-consumers.txt` installs them all but torch, which none needs to read rows:
of axolotl and torchtune, which import it for other things, only the modules that read are loaded.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, Any]

INPUTS = Path(__file__).parent.parent / "goldens" / "targets" / "inputs.jsonl"
RECORDS = dict(
    zip(
        ("plain", "unicode", "conversation"),
        INPUTS.read_bytes().splitlines(keepends=True),
        strict=True,
    )
)
EVERY = ("plain", "unicode", "conversation")
ONE_ANSWER = ("plain", "unicode")
"""What targets take that have no place for a conversation."""
UNANSWERABLE = ("unicode",)
"""The record of which no document is the one that holds the answer."""
PREFERENCE = ("plain", "conversation")
"""The records that have a worse answer."""

COPIES = 40
"""So many that no consumer finds a file too small, and no rule of a target either."""


CALL = {"id": "abc123def", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL_TURNS: list[Row] = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "r", "name": "f", "tool_call_id": "abc123def"},
    {"role": "assistant", "content": "a", "weight": 1},
]


def need(name: str) -> ModuleType:
    """Return a module; without it, the test is skipped by its name."""
    module: ModuleType = pytest.importorskip(name)
    return module


def write(folder: Path, target: str, records: Iterable[str], copies: int = COPIES) -> Path:
    """Write the rows of some records, none of which may break a rule of the target."""
    lines = [RECORDS[name] for name in records]
    corpus, rows = folder / "corpus.jsonl", folder / "rows.jsonl"
    corpus.write_bytes(b"".join(lines) * copies)
    ledger = raftfast.convert(corpus, rows, to=target, check="strict")
    assert ledger.written == len(lines) * copies
    return rows


def read(path: Path) -> list[Row]:
    """Return the rows of a file once each, as JSON has them."""
    text = path.read_text(encoding="utf-8-sig")
    rows: list[Row] = json.loads(text) if text.startswith("[") else []
    rows = rows or [json.loads(line) for line in text.split("\n") if line]
    return rows[: len(rows) // COPIES]


def rows_of(folder: Path, target: str, records: Iterable[str]) -> list[Row]:
    """Return the rows that some records come to."""
    return read(write(folder, target, records))


def dump(path: Path, rows: Iterable[object]) -> Path:
    """Write rows that are not raftfast's."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
    return path


def said(*roles: str) -> list[Row]:
    """Return messages of these roles."""
    return [{"role": role, "content": f"{role} {number}"} for number, role in enumerate(roles)]


def unchecked(target: str, *roles: str) -> Row:
    """Return the row of a conversation that may break rules, which are not looked at."""
    (row,) = Converter(target, check="off").convert_bytes(_conversation(*roles)).splitlines()
    found: Row = json.loads(row)
    return found


def verdict(target: str, *roles: str) -> dict[str, int]:
    """Convert a conversation under the strict check; say why there is no row."""
    converter = Converter(target, check="strict", on_error="skip")
    rows = converter.convert_bytes(_conversation(*roles))
    assert converter.ledger.written == rows.count(b"\n")
    return {**converter.ledger.filtered, **converter.ledger.rejected}


def _conversation(*roles: str) -> bytes:
    return json.dumps({"messages": said(*roles), "rejected": "worse"}).encode()


def without_torch(
    monkeypatch: pytest.MonkeyPatch, name: str, parts: Mapping[str, Mapping[str, object]]
) -> ModuleType:
    """Import a module that reads rows out of a package that also trains.

    The parts are those that cannot be imported without torch, with the names that the module takes
    from them and has no use for in texts. A part without names is a package whose own beginning is
    left out.
    """
    package = name.partition(".")[0]
    before = set(sys.modules)
    spec = importlib.util.find_spec(package)
    (folder, *_) = (spec and spec.submodule_search_locations) or [""]
    for part, names in parts.items():
        module = ModuleType(part)
        vars(module).update(names)
        if not names:
            module.__path__ = [str(Path(folder, *part.split(".")[1:]))]
        monkeypatch.setitem(sys.modules, part, module)
    try:
        return need(name)
    finally:
        for loaded in set(sys.modules) - before:
            if loaded.partition(".")[0] == package and loaded not in parts:
                del sys.modules[loaded]
