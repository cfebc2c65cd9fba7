"""The command, run many times in forks of one interpreter, as a plugin of pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    """The exit code, or the negative number of the signal."""
    said: str
    """What it wrote to standard output and error."""
    megabytes: float
    """Its peak, above that of the interpreter that was forked."""


Command = Callable[..., Ended]
"""Runs ``raftfast`` with arguments, and with variables for its environment."""


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    """Start what forks."""
    # A fork must not lack the threads that OpenBLAS, which pyarrow loads, has started.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("server.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdin
        assert server.stdout
        requests, endings = server.stdin, server.stdout

        def run(*arguments: object, **variables: str) -> Ended:
            request = {"arguments": [str(each) for each in arguments], "variables": variables}
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
            return Ended(*json.loads(endings.readline()))

        yield run
        requests.close()
