"""What a run may leave behind and say after a fault: one verdict for all tests of faults."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import raftfast as library
from conftest import COMMAND, jsonl, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

OLD = b"old\n"
FAILED, USAGE, REJECTED, CLOSED_PIPE = 1, 2, 3, 128 + signal.SIGPIPE
ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""How a run ends that caught a signal."""

_QUIET = {CLOSED_PIPE, *ENDINGS.values(), *(-number for number in (*ENDINGS, signal.SIGKILL))}
_MARK = "/_SUCCESS"
# What differs from run to run by right: times, and the names of folders.
_VARYING = rb'"(seconds|name|mtime_ns|input|output)": ("[^"]*"|[\d.e-]+)'
_NAMED_PART = re.compile(r"to/(rows/)?\.raftfast-[0-9a-f]{12}\.part")
_HIDDEN_FOLDER = re.compile(r"to/(rows/\.|\.rows\.)raftfast-parts(/.*)?")

Seen = dict[str, str]
"""What is in a folder, by its name: the digest of each file."""


class Road(NamedTuple):
    """A way to write.

    Attributes:
        arguments: Those of ``convert``; everything is written below ``to``.
        old: What an earlier run left there.
        code: How a complete run ends.

    """

    arguments: str
    old: tuple[str, ...]
    code: int = 0

    @property
    def command(self) -> list[str]:
        """What the command line is, after the name of the command."""
        return ["convert", *shlex.split(self.arguments)]


ROADS = {
    "jsonl": Road("in.jsonl -o to/out", ("to/out",)),
    "gz": Road("in.jsonl -o to/out.gz", ("to/out.gz",)),
    "zst": Road("in.jsonl -o to/out.zst", ("to/out.zst",)),
    "arrow": Road("in.jsonl -o to/out.arrow", ("to/out.arrow",)),
    "parquet": Road("in.jsonl -o to/out.parquet", ("to/out.parquet",)),
    "rejects and a report": Road(
        "in.jsonl nan.jsonl -o to/out --on-error skip --rejects to/bad --report to/report",
        ("to/bad", "to/report", "to/out"),
        REJECTED,
    ),
    "shards": Road(
        "in.jsonl -o to/out.jsonl --shards 2",
        ("to/out-00000-of-00002.jsonl", "to/out-00004-of-00005.jsonl"),
    ),
    "shards of a size": Road(
        "in.jsonl -o to/out.jsonl --shard-size 2MB",
        ("to/out-00000-of-00002.jsonl", "to/out-00004-of-00005.jsonl"),
    ),
    "a folder": Road("in.jsonl more.jsonl -o to/rows/", ("to/rows/more.jsonl", "to/rows/_SUCCESS")),
    "a split": Road(
        "in.jsonl -o to/rows/ --split train=0.9,test=0.1",
        ("to/rows/test.jsonl", "to/rows/_SUCCESS"),
    ),
    "a file beside": Road(
        "in.jsonl -o to/rows/ --to alpaca", ("to/rows/in.jsonl", "to/rows/_SUCCESS")
    ),
    "onto the disk": Road("in.jsonl -o to/out --sync --report to/report", ("to/report", "to/out")),
}


FEW = ("jsonl", "gz", "parquet", "rejects and a report", "shards", "a folder")
"""The roads that are taken unless there is time for all (``--long``)."""


def give_rows(metafunc: pytest.Metafunc) -> None:
    """Be the ``pytest_generate_tests`` of a module: give its tests roads, old states and seeds."""
    long = metafunc.config.getoption("--long")
    rows: dict[str, dict[str, object]] = {
        "road": {name: road for name, road in ROADS.items() if long or name in FEW},
        "replacing": {"old files": True, **({"no files": False} if long else {})},
        "seed": {str(seed): seed for seed in range(20 if long else 1)},
    }
    for name in rows.keys() & metafunc.fixturenames:
        metafunc.parametrize(name, rows[name].values(), ids=rows[name])


class Done(NamedTuple):
    """How a run ended, negative for a signal that it did not catch, and what it said."""

    code: int
    said: bytes


class Place:
    """A folder with inputs, in which a command is to write below ``to``.

    Attributes:
        before: What is there.
        complete: What a run leaves there that nothing disturbs.

    """

    def __init__(self, folder: Path, road: Road, *, old: bool = False) -> None:
        """Make the folder, with or without what an earlier run left."""
        self.folder, self.road, self.old = folder, road, old
        self.complete = dict(complete(road, old=old))
        self.before = fill(folder, road, old=old)

    def renew(self) -> None:
        """Begin again."""
        shutil.rmtree(self.folder)
        fill(self.folder, self.road, old=self.old)

    def take_inputs_as_they_are(self) -> None:
        """Expect that the inputs stay as somebody else has changed them."""
        now = seen(self.folder)
        changed = {name: now.get(name) for name in {*now, *self.before} if "to" not in name}
        for state in (self.before, self.complete):
            state.update({name: what for name, what in changed.items() if what is not None})
            for name in changed.keys() - now.keys():
                del state[name]

    def start(self, *prefix: str, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
        """Start the command, through another one where that is named."""
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([*prefix, *COMMAND, *self.road.command], cwd=self.folder, **options)

    def run(self, *prefix: str, **options: Any) -> Done:  # noqa: ANN401 - those of Popen
        """Run the command to its end."""
        with self.start(*prefix, **options) as process:
            try:
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        return Done(process.returncode, said or b"")


def fill(folder: Path, road: Road, *, old: bool) -> Seen:
    """Put the inputs into a folder, and what an earlier run left."""
    above = folder / "to"
    above.mkdir(parents=True, exist_ok=True)
    for name, data in inputs().items():
        (folder / name).write_bytes(data)
    for name in ["to/kept", *(road.old if old else ())]:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"" if name.endswith(_MARK) else OLD)
    return seen(folder)


@cache
def inputs() -> dict[str, bytes]:
    """Make the inputs: some megabytes, so that there are several blocks and portions."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "in.jsonl")
        library.sample(corpus, 6_000_000)
        data = corpus.read_bytes()
    return {
        "in.jsonl": data,
        "more.jsonl": data[: data.index(b"\n", 600_000) + 1],
        "nan.jsonl": jsonl(record(answer=float("nan"))),
    }


@cache
def complete(road: Road, *, old: bool) -> Seen:
    """Tell what a run leaves that nothing disturbs."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), road, old=old)
        command = [*COMMAND, *road.command, "-q"]
        nowhere = subprocess.DEVNULL
        done = subprocess.run(command, cwd=folder, check=False, stdin=nowhere, stdout=nowhere)
        assert done.returncode == road.code
        return seen(Path(folder))


def seen(folder: Path) -> Seen:
    """Look at all that is there, and hidden."""
    return {str(path.relative_to(folder)): digest(path) for path in folder.rglob("*")}


def digest(path: Path) -> str:
    """Tell size and content of a file in a few characters, so that a failure can be read."""
    try:
        data = path.read_bytes()
    except IsADirectoryError:  # not asked before: it may appear between the two
        return "folder"
    if path.name in {"report", ".raftfast.json"}:
        data = re.sub(_VARYING, rb"\1", data)
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:12]}"


def judge(
    place: Place, done: Done, *, codes: Sequence[int] | None = None, late: bool = False
) -> None:
    """Fail unless a run ended as it may, and left what it may.

    Args:
        place: Where it ran.
        done: How it ended.
        codes: How it may have ended; by default complete or failed.
        late: Whether it may have failed when some outputs had appeared, or all.

    """
    assert done.code in ((place.road.code, FAILED) if codes is None else codes), done
    judge_words(done)
    left = seen(place.folder)
    if done.code == place.road.code:
        assert left == place.complete
    elif done.code == -signal.SIGKILL:
        judge_names(place, {name: left[name] for name in left if not is_leftover(place, name)})
    elif late:
        judge_names(place, left)
    else:
        assert left == place.before


def judge_words(done: Done) -> None:
    """Fail unless a run said one line that a terminal can show, or nothing where that is right."""
    if done.code in _QUIET:
        assert done.said == b""
        return
    said = done.said.decode()
    assert said.startswith("raftfast: ")
    assert said.endswith("\n")
    assert said[:-1].isprintable()
    assert "internal error" not in said


def judge_names(place: Place, shown: Seen) -> None:
    """Fail unless each name shows the old file or the new one; the mark of success may be away."""
    for name in {*place.before, *place.complete, *shown}:
        whole = [place.before.get(name), place.complete.get(name)]
        if name.endswith(_MARK):
            whole.append(None)
        assert shown.get(name) in whole, name
    if any(name.endswith(_MARK) for name in shown):
        assert shown in (place.before, place.complete)


def is_leftover(place: Place, name: str) -> bool:
    """Tell whether a killed run may leave a name behind."""
    if _HIDDEN_FOLDER.fullmatch(name):
        return True
    # Where there are files without names, only one that takes the place of another ever has one.
    named = place.old or not has_nameless(place.folder / "to")
    return named and bool(_NAMED_PART.fullmatch(name))


def has_nameless(folder: Path) -> bool:
    """Tell whether a file system has files without names."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        return False
    return True
