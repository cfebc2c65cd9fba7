"""What the tests of many files convert, with what, and what comes of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import raftfast as library
from raftfast import _raftfast
from raftfast.folder import to_folder
from raftfast.inputs import expand
from raftfast.manifest import MANIFEST
from raftfast.sharded import to_sized_shards
from raftfast.task import Outcome, Task

Tree = dict[str, bytes]

ALL = ("a.jsonl", "b.jsonl", "sub/c.jsonl")
"""The inputs that `sources` makes."""

BAD = b'{"instruction": 5}\n'


def plant(root: Path, *names: str, data: bytes = b"") -> None:
    """Make files; a name that ends with a slash is a folder."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def tree(root: Path) -> Tree:
    """Return all files below a folder, hidden ones too, but for manifests, which hold times."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def task(output: str, *inputs: str, on_error: str = "fail", **options: Any) -> Task:  # noqa: ANN401
    run = partial(_raftfast.convert_files, converter=library.Converter("chat", on_error=on_error))  # type: ignore[arg-type]
    return Task(expand(inputs, output), output, run, **{"threads": 2, **options})


def roll(*inputs: str, output: str, size: int, **options: Any) -> Outcome:  # noqa: ANN401
    return to_sized_shards(task(output, *inputs, **options), size)


def into(output: str, *inputs: str, resume: bool = False, **options: Any) -> Outcome:  # noqa: ANN401
    made = {"to": "chat", "other": options.pop("other", None)}
    return to_folder(task(output, *inputs, **options), ".jsonl", options=made, resume=resume)


def alone(*inputs: str) -> bytes:
    """Convert inputs into one output, as is tested elsewhere."""
    library.convert([found.source for found in expand(inputs)], ".alone")
    rows = Path(".alone").read_bytes()
    Path(".alone").unlink()
    return rows


def shards_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_file())


def rows_of(*names: str) -> Tree:
    return {name: alone(f"in/{name}") for name in names}


def converted(outcome: Outcome) -> list[str]:
    return [Path(made.output).name for made in outcome.outputs if not made.kept]


def by_input(report: Path) -> dict[str, dict[str, int]]:
    facts = json.loads(report.read_bytes())
    accounts = {one["input"]: one for one in facts["by_input"]}
    for name in ("read", "written", "bytes_in", "bytes_out"):
        assert sum(one[name] for one in accounts.values()) == facts[name]
    return {name: {key: one[key] for key in ("read", "bytes_in")} for name, one in accounts.items()}
