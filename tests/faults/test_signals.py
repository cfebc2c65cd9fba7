"""Signals to a run that is at work, or waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from textwrap import dedent, indent
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


PROGRAM = """
import os, signal, time, weakref
from raftfast import UsageError, endings, files

class Thing: pass

def lose(callback):
    thing = Thing()
    dying = weakref.ref(thing, lambda _: callback())
    del thing

def get(number):
    os.kill(os.getpid(), number)

def spend(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

def work():
{work}

os._exit(endings.run(work))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_heard_that_comes_where_nothing_can_be_raised(name: str) -> None:
    # The import of a module has such a callback for its lock, which told and forgot what it raised.
    done = run_work(f"""
        lose(lambda: get(signal.{name}))
        time.sleep(30)
    """)
    assert (done.returncode, done.stderr) == (128 + getattr(signal, name), b"")


def test_a_signal_that_came_so_does_no_harm_to_a_run_that_has_ended() -> None:
    done = run_work("""
        lose(lambda: get(signal.SIGTERM))
        return endings.Ended()
    """)
    assert done.returncode in (0, 128 + signal.SIGTERM)
    assert done.stderr == b""


ENDED = {
    "signals one right after another": """
        parent = os.getpid()
        if os.fork() == 0:
            for _ in range(300):
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    os.kill(parent, number)
            os._exit(0)
        spend(20)
    """,
    "a signal after one that was lost": """
        lose(lambda: get(signal.SIGTERM))
        get(signal.SIGINT)
        spend(20)
    """,
    "one that was lost before the outcome is shown": """
        lose(lambda: get(signal.SIGTERM))
        with files.uninterrupted():
            os.write(1, b"to be ")
            spend(0.01)
            os.write(1, b"shown")
        spend(20)
    """,
}


@pytest.mark.parametrize("work", ENDED.values(), ids=ENDED)
def test_signals_end_a_run_without_a_word(work: str) -> None:
    done = run_work(work)
    assert done.returncode in {129, 130, 143}
    assert done.stderr == b""
    assert done.stdout in (b"", b"to be shown")


@pytest.mark.parametrize("moment", range(12))
def test_a_signal_at_the_moment_of_a_failure_is_no_other_failure(moment: int) -> None:
    # One that was lost is heard a millisecond later.
    done = run_work(f"""
        lose(lambda: get(signal.SIGTERM))
        spend({0.0009 + moment * 0.00002})
        raise UsageError('this')
    """)
    code, said = done.returncode, done.stderr
    assert (code, said) in [(2, b"raftfast: this\n"), (128 + signal.SIGTERM, b"")]


def test_what_else_is_lost_in_a_callback_is_told() -> None:
    done = run_work("""
        lose(lambda: 1 / 0)
        return endings.Ended()
    """)
    assert done.returncode == 0
    assert b"ZeroDivisionError" in done.stderr


def run_work(lines: str) -> subprocess.CompletedProcess[bytes]:
    """Do some work as the command does its own."""
    program = PROGRAM.format(work=indent(dedent(lines), "    "))
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, check=False, timeout=20)
