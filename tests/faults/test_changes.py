"""Inputs that change while they are read: an error, or the rows of what was there at first."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from functools import cache
from typing import TYPE_CHECKING

import pytest
import raftfast as library
from conftest import COMMAND
from corpora import seeded
from verdict import FAILED, Done, Place, Road, give_rows, inputs, judge, judge_words
from waiting import READING, wait_until_it_reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_generate_tests = give_rows


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def truncate_after_a_line(path: Path) -> None:
    data = path.read_bytes()
    os.truncate(path, data.rindex(b"\n", 0, len(data) // 2) + 1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(inputs()["more.jsonl"])


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(inputs()["more.jsonl"])
    other.rename(path)


def overwrite(path: Path) -> None:
    """Leave blank lines only, of which an error would not tell."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\n" * (path.stat().st_size - file.tell()))


CHANGES: dict[str, Callable[[Path], object]] = {
    "unlinked": os.unlink,
    "truncated to nothing": lambda path: os.truncate(path, 0),
    "truncated in the middle": truncate,
    "truncated after a line": truncate_after_a_line,
    "grown": grow,
    "replaced": replace,
    "overwritten": overwrite,
}
FORMS = ("jsonl", "jsonl.gz", "jsonl.zst", "arrow", "arrows", "parquet")


@cache
def packed(form: str, folder: Path) -> tuple[bytes, bytes]:
    """Give an input in some form, and the rows that are made from it."""
    corpus, path, rows = folder / "corpus", folder / f"in.{form}", folder / "rows"
    corpus.write_bytes(inputs()["in.jsonl"])
    library.convert(corpus, path, to="hf")
    library.convert(path, rows)
    return path.read_bytes(), rows.read_bytes()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("form", FORMS)
def test_an_input_that_changes_while_its_rows_wait_for_a_reader(
    form: str,
    change: Callable[[Path], object],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data, expected = packed(form, tmp_path_factory.getbasetemp())
    path = tmp_path / f"in.{form}"
    path.write_bytes(data)
    with subprocess.Popen(
        [*COMMAND, "convert", str(path), "-j", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        rows = process.stdout.read(1000)  # the pipe holds more, but not all of them
        process.send_signal(signal.SIGSTOP)
        change(path)
        process.send_signal(signal.SIGCONT)
        rows += process.stdout.read()
        said = process.stderr.read()
    done = Done(process.returncode, said)
    judge_words(done)
    assert done.code in (0, FAILED)
    # Bytes are not shown when this fails: they are megabytes.
    is_whole, is_right = len(rows) == len(expected), expected.startswith(rows)
    assert is_right
    assert is_whole or done.code == FAILED


ONE_READER = Road("in.jsonl -j 1 -o to/out", ("to/out",))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_input_that_changes_while_the_process_is_stopped(
    change: Callable[[Path], object], seed: int, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", ONE_READER, old=True)
    with place.start() as process:
        wait_until_it_reads(process)  # what grows before is read as it is then
        threading.Event().wait(seeded(seed).uniform(0, READING))
        process.send_signal(signal.SIGSTOP)
        change(place.folder / "in.jsonl")
        place.take_inputs_as_they_are()
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=60)
    judge(place, Done(process.returncode, said))
