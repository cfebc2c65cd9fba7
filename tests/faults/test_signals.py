"""Signals to a run that is at work, or waits."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import pytest
from conftest import COMMAND, jsonl, record
from verdict import OLD
from waiting import wait_until_it_listens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running(folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
    """Run a conversion that has read a record and waits for the next."""
    os.mkfifo(folder / "in")
    arguments = ["convert", "in", "-o", "out", "--rejects", "bad", "--on-error", "skip"]
    process = subprocess.Popen(
        [*prefix, *COMMAND, *arguments, "--report", "report"], cwd=folder, stderr=subprocess.PIPE
    )
    with process, (folder / "in").open("wb", buffering=0) as records:
        records.write(jsonl(record()))
        try:
            yield process, records
        finally:
            if process.poll() is None:
                process.kill()


def after(process: subprocess.Popen[bytes], number: int) -> tuple[int, bytes]:
    """Send a signal to a process that is at work, and wait until it has ended."""
    assert process.stderr
    wait_until_it_listens(process)
    threading.Event().wait(0.3)
    process.send_signal(number)
    code = process.wait(timeout=2)
    return code, process.stderr.read()


SIGNALS = {
    "Ctrl-C": (signal.SIGINT, 130),
    "TERM": (signal.SIGTERM, 143),
    "HUP": (signal.SIGHUP, 129),
}


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("old", [OLD, None], ids=["old file", "no file"])
def test_a_signal_ends_the_run_and_leaves_everything_as_it_was(
    number: int, code: int, old: bytes | None, folder: Path
) -> None:
    if old:
        (folder / "out").write_bytes(old)
    with running(folder) as (process, _):
        assert after(process, number) == (code, b"")
    (folder / "in").unlink()
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert left == ({"out": old} if old else {})


def test_being_killed_leaves_nothing_behind(folder: Path) -> None:
    with running(folder) as (process, _):
        assert after(process, signal.SIGKILL)[0] == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_a_signal_that_was_ignored_stays_ignored(folder: Path) -> None:
    ignoring = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    with running(folder, *ignoring) as (process, records):
        threading.Event().wait(0.3)
        process.send_signal(signal.SIGHUP)
        threading.Event().wait(0.3)
        records.close()
        assert process.wait(timeout=2) == 0
    assert len((folder / "out").read_bytes().splitlines()) == 1


WAITS = {
    "for the writer of an input": "convert fifo -o out",
    "for the reader of an output": "convert corpus.jsonl -o fifo",
    "for the reader of rejects": "convert corpus.jsonl -o out --on-error skip --rejects fifo",
    "for the reader of a report": "convert corpus.jsonl -o out --report fifo",
    "for the reader of a sample": "sample --size 1MB -o fifo",
}


@pytest.mark.parametrize("command", WAITS.values(), ids=WAITS)
def test_ctrl_c_ends_the_waiting(command: str, corpus: Path) -> None:
    os.mkfifo(corpus.with_name("fifo"))
    with subprocess.Popen([*COMMAND, *command.split()], stderr=subprocess.PIPE) as process:
        try:
            assert after(process, signal.SIGINT) == (130, b"")
        finally:
            process.kill()
    assert not corpus.with_name("out").exists()
