"""Tampering with the system calls of a run, through strace."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from verdict import Done, judge
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verdict import Place

# The command itself, but that it stops when all of its own modules are there: strace counts the
# calls from then on, so that the start of the interpreter is left alone.
_STOPPED = """
import os, signal
import raftfast.cli
from raftfast_command import main
os.kill(os.getpid(), signal.SIGSTOP)
main()
"""


_TAMPERED = re.compile(r"\(INJECTED\)|--- SIG(TERM|INT|HUP) |\+\+\+ killed")


class Traced(NamedTuple):
    """How a run under strace ended, and the calls that were tampered with."""

    done: Done
    hit: list[str]


def can_trace() -> bool:
    """Tell whether strace is there, and may look at our children."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="no strace, or it may not trace")


def traced(place: Place, inject: str) -> Traced:
    """Run the command of a place, with calls tampered with as ``strace -e inject=`` takes it."""
    log = place.folder.with_name("calls")
    arguments = [sys.executable, "-c", _STOPPED, *place.road.command]
    nowhere, pipe = subprocess.DEVNULL, subprocess.PIPE
    process = subprocess.Popen(arguments, cwd=place.folder, stdin=nowhere, stderr=pipe)
    with process:
        try:
            wait_until(process, lambda: _has_status(process, "State:\tT"))
            with _attached(process, inject, log):
                process.send_signal(signal.SIGCONT)
                _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    lines = log.read_text(errors="replace").splitlines()
    return Traced(
        Done(process.returncode, said), [line for line in lines if _TAMPERED.search(line)]
    )


@contextmanager
def _attached(process: subprocess.Popen[bytes], inject: str, log: Path) -> Iterator[None]:
    calls = inject.partition(":")[0]
    arguments = ["-f", "-qq", "-o", str(log), "-e", f"trace={calls}", "-e", f"inject={inject}"]
    strace = ["strace", *arguments, "-p", str(process.pid)]
    with subprocess.Popen(strace, stderr=subprocess.DEVNULL) as tracer:
        wait_until(tracer, lambda: not _has_status(process, "TracerPid:\t0\n"))
        assert tracer.poll() is None
        yield


def _has_status(process: subprocess.Popen[bytes], line: str) -> bool:
    return line in Path(f"/proc/{process.pid}/status").read_text()


def each_time(place: Place, inject: str, step: int = 1) -> Iterator[Traced]:
    """Run with the first call tampered with, then with another one, until there are no more.

    The last run, which nothing disturbs, is not given: it has to be complete.
    """
    for when in count(1, step):
        place.renew()
        ended = traced(place, f"{inject}:when={when}")
        if not ended.hit:
            judge(place, ended.done, codes=[place.road.code])
            return
        yield ended


def each_time_it_loads(place: Place, inject: str, step: int = 1) -> Iterator[Done]:
    """Run with a call tampered with, from the first that is the command's to its first input.

    What comes before is the start of Python, in which nothing of ours is there to answer.
    """
    log = place.folder.with_name("calls")
    watched = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={inject.partition(':')[0]}"]
    place.run(*watched)
    calls = log.read_text(errors="replace").splitlines()
    own = max(_positions("/raftfast_command/", calls))  # of the source, if it is not compiled yet
    first = min(_positions('"in.jsonl"', calls))
    for when in range(own + 1, first + 1, step):
        place.renew()
        yield place.run(*watched, "-e", f"inject={inject}:when={when}")


def _positions(name: str, calls: list[str]) -> list[int]:
    return [at for at, call in enumerate(calls, 1) if name in call]
