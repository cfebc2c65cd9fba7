"""Jobs share out the threads; their results are in order, and an error ends them all."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from raftfast.jobs import Job, run_all

if TYPE_CHECKING:
    from raftfast.jobs import Tick


def test_results_are_in_the_order_of_the_jobs() -> None:
    waits = [0.03, 0, 0.02, 0, 0.01]

    def work(index: int, _threads: int, _tick: Tick) -> int:
        threading.Event().wait(waits[index])
        return index

    jobs = [Job(partial(work, index), None) for index in range(5)]
    assert [run_all(jobs, threads) for threads in (1, 2, 8)] == [[0, 1, 2, 3, 4]] * 3


def test_no_jobs_give_nothing() -> None:
    assert run_all([], 4) == []


SHARES = {(1, 4): {4}, (2, 4): {2}, (4, 4): {1}, (9, 4): {1}, (3, 1): {1}, (2, 5): {2, 3}}


@pytest.mark.parametrize(("counts", "expected"), SHARES.items())
def test_threads_are_shared_out(counts: tuple[int, int], expected: set[int]) -> None:
    jobs, threads = counts
    all_begun = threading.Barrier(min(jobs, threads))

    def work(share: int, _tick: Tick) -> int:
        if jobs <= threads:
            all_begun.wait(10)
        return share

    assert set(run_all([Job(work, None)] * jobs, threads)) == expected


def test_the_first_error_in_the_order_of_the_jobs_is_raised() -> None:
    later_failed = threading.Event()
    begun = []

    def first(_threads: int, _tick: Tick) -> None:
        assert later_failed.wait(10)
        raise ValueError("first")

    def second(_threads: int, _tick: Tick) -> None:
        later_failed.set()
        raise ValueError("second")

    def third(_threads: int, _tick: Tick) -> None:
        begun.append("third")

    with pytest.raises(ValueError, match="first"):
        run_all([Job(first, None), Job(second, None), Job(third, None)], 2)


def endless_work(_threads: int, tick: Tick) -> None:
    while True:
        tick(1, 2)
        threading.Event().wait(0.01)


def test_an_error_ends_the_jobs_after_it_and_lets_none_begin() -> None:
    begun = []

    def failing(_threads: int, _tick: Tick) -> None:
        raise ValueError("at once")

    def third(_threads: int, _tick: Tick) -> None:
        begun.append("third")

    with pytest.raises(ValueError, match="at once"):
        run_all([Job(failing, 1), Job(endless_work, 1), Job(third, 1)], 2)
    assert begun == []


def test_what_progress_raises_ends_all_jobs_and_leaves_no_thread() -> None:
    before = threading.active_count()

    def progress(_read: int, _size: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([Job(endless_work, 5)] * 9, 3, progress)
    assert threading.active_count() == before


def test_ctrl_c_ends_all_jobs() -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run_all([Job(endless_work, 5)] * 9, 3)


def test_progress_is_that_of_all_jobs() -> None:
    told: set[tuple[int, int | None]] = set()
    release = threading.Event()

    def progress(read: int, size: int | None) -> None:
        told.add((read, size))
        if read == 5:
            release.set()

    def work(_threads: int, tick: Tick) -> None:
        tick(2, None)
        assert release.wait(10)

    def done(_threads: int, _tick: Tick) -> None:
        pass

    run_all([Job(work, 4), Job(done, 3)], 2, progress)
    assert (5, 7) in told


def test_the_size_is_unknown_if_one_is() -> None:
    told = []
    release = threading.Event()

    def progress(_read: int, size: int | None) -> None:
        told.append(size)
        release.set()

    def work(_threads: int, _tick: Tick) -> None:
        assert release.wait(10)

    run_all([Job(work, 4), Job(work, None)], 2, progress)
    assert set(told) == {None}


def test_threads_that_cannot_be_had_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    real = threading.Thread.start
    started: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert run_all([Job(lambda *_: 1, None)] * 3, 3) == [1, 1, 1]
