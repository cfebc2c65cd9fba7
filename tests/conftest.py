"""What the tests of the command and of its outputs share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

Run = Callable[..., CompletedProcess[bytes]]
"""Runs something to its end and returns what it said."""

COMMAND = [str(Path(sysconfig.get_path("scripts"), "raftfast"))]
_PROLOGUE = 'raftfast() { "$PYTHON" -m raftfast "$@"; }\npython() { "$PYTHON" "$@"; }\n'
_INSTRUCTION = "<DOCUMENT>Paris is the capital of France.</DOCUMENT>\nWhich city is it?"


def pytest_addoption(parser: pytest.Parser) -> None:
    help_ = "faults at more random times, and in every call instead of some"
    parser.addoption("--long", action="store_true", help=help_)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Tell whether there is time for more."""
    return bool(request.config.getoption("--long"))


def record(**fields: object) -> dict[str, object]:
    """Return a RAFT record, with some fields as asked for."""
    usual = {
        "id": "1",
        "type": "general",
        "question": "Which city is it?",
        "context": {"title": [["t"]], "sentences": [["Paris is the capital of France."]]},
        "oracle_context": "Paris is the capital of France.",
        "cot_answer": "##Reason: the document says so. <ANSWER>: Paris",
        "instruction": _INSTRUCTION,
    }
    return {**usual, **fields}


NAN = b'{"instruction": "a", "cot_answer": NaN}\n'
"""A line that is no JSON, though Python takes it for some."""


def jsonl(*records: dict[str, object]) -> bytes:
    """Return records as lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def corpus_of(first: int, last: int) -> bytes:
    """Return records that tell from which place each comes."""
    return jsonl(
        *(
            record(id=str(index), instruction=f"Q{index}" + "?" * (index % 50))
            for index in range(first, last + 1)
        )
    )


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Hear Ctrl-C also where the tests run in the background, whose jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def corpus(folder: Path) -> Path:
    """Make three records, the last of which every target but hf filters."""
    path = folder / "corpus.jsonl"
    path.write_bytes(jsonl(record(), record(id="2"), record(id="3", cot_answer=None)))
    return path


@pytest.fixture
def sources(folder: Path) -> Path:
    """Make three corpora in a folder, one of them further down."""
    (folder / "in" / "sub").mkdir(parents=True)
    for index, name in enumerate(("a.jsonl", "b.jsonl", "sub/c.jsonl")):
        (folder / "in" / name).write_bytes(corpus_of(30 * index + 1, 30 * index + 30))
    return folder


@pytest.fixture
def endless() -> Iterator[str]:
    """Name a pipe that has given one record, and does not end."""
    reader, writer = os.pipe()
    os.write(writer, jsonl(record()))
    yield f"/dev/fd/{reader}"
    os.close(reader)
    os.close(writer)


@pytest.fixture
def raftfast(folder: Path) -> Run:
    """Run the command in the folder."""

    def run(*arguments: str, **options: Any) -> CompletedProcess[bytes]:  # noqa: ANN401
        options = {"stdin": subprocess.DEVNULL, "timeout": 60, "cwd": folder, **options}
        if "input" in options:
            del options["stdin"]
        if "stdout" not in options:
            options["stdout"] = subprocess.PIPE
        return subprocess.run(
            [*COMMAND, *arguments], stderr=subprocess.PIPE, check=False, **options
        )

    return run


@pytest.fixture
def shell(folder: Path) -> Run:
    """Run a script of the shell in the folder, where `raftfast` is what is under test."""

    def run(*arguments: str, **options: Any) -> CompletedProcess[bytes]:  # noqa: ANN401
        script = _PROLOGUE + "\n".join(arguments)
        environment = {**os.environ, "PYTHON": sys.executable, "COLUMNS": "80"}
        return subprocess.run(
            ["/bin/sh", "-c", script],
            capture_output=True,
            check=False,
            **{
                "stdin": subprocess.DEVNULL,
                "timeout": 60,
                "cwd": folder,
                "env": environment,
                **options,
            },
        )

    return run
