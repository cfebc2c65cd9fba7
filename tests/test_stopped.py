"""A signal to a run of several outputs leaves the old ones, and nothing in the way of the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import pytest
import raftfast as library
from conftest import corpus_of
from many import converted, into, plant, rows_of, tree
from raftfast import _raftfast
from raftfast.folder import to_folder
from raftfast.inputs import expand
from raftfast.staging import SUCCESS
from raftfast.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRIVER = """
import sys
from dataclasses import replace
from functools import partial
from raftfast import _raftfast, Converter, endings
from raftfast.folder import to_folder
from raftfast.inputs import expand
from raftfast.several import is_folder, several_of
from raftfast.sharded import to_shards
from raftfast.task import Task

def work():
    def run(inputs, output, **options):
        return _raftfast.convert_files(inputs, output, Converter("chat"), **options)
    output, how = sys.argv[1:]
    task = Task(expand(["in"]), output, run, 2)
    if how == "shards":
        to_shards(task, 2)
    else:
        to_folder(task, ".jsonl", options={"to": "chat"}, resume=how == "resume")
    return endings.Ended()

sys.exit(endings.run(work))
"""
ROADS = {
    "shards": ("out.jsonl", "shards"),
    "a new folder": ("out/", "folder"),
    "a folder that is there": ("old", "folder"),
}


@contextmanager
def waiting(root: Path, output: str, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run until one input is converted and the other waits for more."""
    plant(root, "in/a.jsonl", data=corpus_of(1, 20))
    plant(root, "old/a.jsonl", "old/b.jsonl", "old/_SUCCESS", data=b"old")
    os.mkfifo(root / "in/b.jsonl")
    arguments = [sys.executable, "-c", DRIVER, output, how]
    with subprocess.Popen(arguments, cwd=root, stderr=subprocess.PIPE) as process:
        try:
            with opened_by_reader(root / "in/b.jsonl", process) as records:
                records.write(corpus_of(1, 1))
                while how != "shards" and not is_noted(root, "a.jsonl"):
                    assert process.poll() is None
                yield process
        finally:
            process.kill()
    (root / "in/b.jsonl").unlink()


def opened_by_reader(fifo: Path, process: subprocess.Popen[bytes]) -> BinaryIO:
    """Open a FIFO for writing as soon as a process reads it."""
    while True:
        with suppress(OSError):  # nobody reads it
            return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)
        assert process.poll() is None
        threading.Event().wait(0.01)


def is_noted(root: Path, name: str) -> bool:
    """Tell whether a run has noted that an output is complete."""
    return any(f'"{name}"' in path.read_text() for path in root.glob("**/.*parts/journal"))


ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize(("number", "code"), ENDINGS.items())
@pytest.mark.parametrize(("output", "how"), ROADS.values(), ids=ROADS)
def test_a_signal_ends_all_runs_and_leaves_nothing(
    output: str, how: str, number: int, code: int, folder: Path
) -> None:
    with waiting(folder, output, how) as process:
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert process.stderr
        assert process.stderr.read() == b""
    left = {name: data for name, data in tree(folder).items() if not name.startswith("in/")}
    assert left == {f"old/{name}": b"old" for name in ("_SUCCESS", "a.jsonl", "b.jsonl")}
    assert sorted(path.name for path in folder.iterdir()) == ["in", "old"]


@pytest.mark.parametrize(("output", "how"), ROADS.values(), ids=ROADS)
def test_being_killed_leaves_the_old_state_and_what_the_next_run_clears_away(
    output: str, how: str, folder: Path
) -> None:
    with waiting(folder, output, how) as process:
        process.kill()
        process.wait(timeout=20)
    plain = {name: data for name, data in tree(folder).items() if "/." not in f"/{name}"}
    old = {f"old/{name}": b"old" for name in ("_SUCCESS", "a.jsonl", "b.jsonl")}
    assert plain == {**old, "in/a.jsonl": corpus_of(1, 20)}
    if how != "shards":
        into(output, "in")
    assert {name for name in tree(folder) if "/." in f"/{name}"} == set()


def test_a_killed_run_is_resumed_where_it_was(folder: Path) -> None:
    with waiting(folder, "out/", "resume") as process:
        process.kill()
        process.wait(timeout=20)
    plant(folder, "in/b.jsonl", data=corpus_of(1, 3))
    run = partial(_raftfast.convert_files, converter=library.Converter("chat"))
    again = Task(expand(["in"]), "out/", run, 2)
    outcome = to_folder(again, ".jsonl", options={"to": "chat"}, resume=True)
    assert converted(outcome) == ["b.jsonl"]
    assert tree(folder / "out") == {**rows_of("a.jsonl", "b.jsonl"), SUCCESS: b""}
