"""What the system refuses while several outputs are made leaves no trace."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from raftfast.jobs import Job, run_all
from raftfast.shards import Shards
from raftfast.staging import staged

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def interrupted(real: Callable[..., object]) -> Callable[..., object]:
    def call(*arguments: object, **options: object) -> object:
        # To this thread: one of another library in the process would take it at once.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return real(*arguments, **options)

    return call


def test_a_signal_during_the_last_clean_up_leaves_no_hidden_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt), ExitStack() as last, staged("rows", last, resume=False):
        monkeypatch.setattr(os, "rmdir", interrupted(os.rmdir))
    assert list(folder.iterdir()) == []


def test_a_hidden_folder_that_cannot_be_locked_goes_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refused)
    with (
        pytest.raises(OSError, match="Input/output error: 'rows'"),
        ExitStack() as last,
        staged("rows", last, resume=False),
    ):
        pass
    assert list(folder.iterdir()) == []


def test_shards_of_other_sets_may_be_taken_away_by_another_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, unlink = Path("rows-00000-of-00002.jsonl"), os.unlink
    other.touch()

    def late(name: str) -> None:
        unlink(name)
        unlink(name)

    with Shards("rows.jsonl", 1) as shards:
        Path(shards.open()).touch()
        monkeypatch.setattr(os, "unlink", late)
        shards.show()
    assert [path.name for path in folder.iterdir()] == ["rows-00000-of-00001.jsonl"]


def test_no_shard_appears_if_those_of_other_sets_cannot_be_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Shards("rows.jsonl", 1) as shards:
        Path(shards.open()).touch()
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", refused)
            with pytest.raises(OSError, match="Input/output error"):
                shards.show()
    assert list(folder.iterdir()) == []


def test_no_thread_to_be_had_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(BlockingIOError, match="cannot start a thread"):
        run_all([Job(lambda *_: 1, None)], 1)
