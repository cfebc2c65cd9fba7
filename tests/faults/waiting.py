"""Waiting for what a process does, of which there is no event."""

from __future__ import annotations

import re
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

WORK = 0.1
"""Seconds in which something can happen: a run takes 20 to 100 ms from when it listens on, if
nobody else wants the machine."""

READING = 0.006
"""Seconds in which something can happen to a run that reads its input of some megabytes."""

_MOMENT, _PATIENCE = 0.002, 10_000


def wait_until(process: subprocess.Popen[bytes], fact: Callable[[], bool]) -> None:
    """Wait until something is so, or a process has ended."""
    for _ in range(_PATIENCE):
        if process.poll() is not None or fact():
            return
        threading.Event().wait(_MOMENT)
    pytest.fail("waited in vain")


def wait_until_it_listens(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process catches TERM; on a busy machine that can be long after its start."""
    status = Path(f"/proc/{process.pid}/status")

    def listens() -> bool:
        caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
        return caught is None or bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)

    wait_until(process, listens)


def wait_until_it_reads(process: subprocess.Popen[bytes]) -> None:
    """Wait until a run has the bytes of its input in hand, no longer only a look at it.

    What opens an input, asks for its size and reads it is a thread, which reads nothing else.
    """
    wait_until(process, lambda: any(map(_has_read, _threads(process))))


def _threads(process: subprocess.Popen[bytes]) -> list[Path]:
    first = str(process.pid)
    return [path for path in Path("/proc", first, "task").iterdir() if path.name != first]


def _has_read(thread: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return "rchar: 0\n" not in (thread / "io").read_text()
    return False
