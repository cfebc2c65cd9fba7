"""Runs the command as it is asked to: each run is a fork of this interpreter, which has loaded it.

A run takes a few milliseconds, not the 100 of a new interpreter, and is alone all the same: one that
crashes or hangs is told as that, and each has a peak of memory of its own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import raftfast.cli  # noqa: F401 - loaded once for all runs
from raftfast_command import main

if TYPE_CHECKING:
    from typing import Any, NoReturn

if find_spec("pyarrow"):
    import pyarrow.ipc
    import pyarrow.parquet  # noqa: F401

SECONDS = 60
"""After which a run counts as hanging, and is ended by a signal."""
ADDRESSES = 8 << 30
"""What a run may reserve, so that no bomb takes the machine with it."""
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def serve() -> None:
    """Run what each line of standard input asks for, and tell on a line how it ended."""
    with TemporaryFile() as messages:
        for request in sys.stdin:
            ended = run_forked(json.loads(request), messages.fileno())
            sys.stdout.write(json.dumps(ended) + "\n")
            sys.stdout.flush()


def run_forked(request: dict[str, Any], messages: int) -> tuple[int, str, float]:
    """Fork, run and wait: exit code, messages, and megabytes at the peak above those here."""
    os.ftruncate(messages, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = os.fork()
    if child == 0:
        become(request, messages)
    _, status, usage = os.wait4(child, 0)
    said = os.pread(messages, 1 << 20, 0).decode(errors="replace")
    peak = (usage.ru_maxrss - before) * RSS_UNIT / (1 << 20)
    return os.waitstatus_to_exitcode(status), said, peak


def become(request: dict[str, Any], messages: int) -> NoReturn:
    """Be the command, in a fork."""
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.lseek(messages, 0, os.SEEK_SET)
    for descriptor, stream in ((0, nowhere), (1, messages), (2, messages)):
        os.dup2(stream, descriptor)
    os.environ.update(request["variables"])
    sys.argv = ["raftfast", *request["arguments"]]
    main()
    os._exit(os.EX_SOFTWARE)  # the command has ended its process by itself


if __name__ == "__main__":
    serve()
