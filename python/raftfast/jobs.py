"""Several conversions at once: one progress, one error, and no thread left behind."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from raftfast.files import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Tick = Callable[[int, int | None], None]

T = TypeVar("T")
_MOMENT = 0.05


class Job(NamedTuple, Generic[T]):
    """One of several pieces of work.

    Attributes:
        work: Does it with a number of threads and a tick to call now and then, which raises when
            the work is not wanted any more.
        size: Bytes to read, or ``None`` if nobody knows.

    """

    work: Callable[[int, Tick], T]
    size: int | None


class Cancelled(BaseException):
    """The work is not wanted any more; not an ``Exception``, so that nothing takes it for one."""


def run_all(jobs: Sequence[Job[T]], threads: int, progress: Tick | None = None) -> list[T]:
    """Do all jobs, some at once, and return what they give, in their order.

    Jobs begin in order. When one fails, those before it still come to their end, so that the
    first error in the order of the jobs is raised whatever the number of threads. Anything raised
    in the calling thread meanwhile, by a signal or by ``progress``, ends all jobs.

    Args:
        jobs: What to do.
        threads: How many threads all jobs together may use; a job has at least one.
        progress: Called in the calling thread about twenty times a second with the bytes that all
            jobs have read, and have to read (``None`` if one does not know).

    """
    return _Crew(jobs, threads).run(progress) if jobs else []


class _Crew(Generic[T]):
    def __init__(self, jobs: Sequence[Job[T]], threads: int) -> None:
        self._jobs = jobs
        self._at_once = min(len(jobs), threads)
        self._threads = threads
        self._waiting: SimpleQueue[int] = SimpleQueue()
        self._ended: SimpleQueue[int] = SimpleQueue()
        self._results: dict[int, T] = {}
        self._errors: dict[int, BaseException] = {}
        self._read = [0] * len(jobs)
        self._cancelled = False
        # The first job that failed; those after it are not wanted.
        self._failed = len(jobs)
        self._failing = Lock()
        for index in range(len(jobs)):
            self._waiting.put(index)

    def run(self, progress: Tick | None) -> list[T]:
        workers: list[Thread] = []
        try:
            self._start(workers)
            for _ in self._jobs:
                self._see_one_end(progress)
        except BaseException:
            self._cancelled = True
            raise
        finally:
            with uninterrupted():
                for worker in workers:
                    worker.join()
        if self._errors:
            raise self._errors[self._failed]
        return [self._results[index] for index in range(len(self._jobs))]

    def _start(self, workers: list[Thread]) -> None:
        # The threads inherit that signals are held, so that all come to the calling thread.
        with uninterrupted():
            for share in _shares(self._threads, self._at_once):
                worker = Thread(target=self._work, args=(share,))
                try:
                    worker.start()
                except RuntimeError as error:  # no more threads are to be had
                    if not workers:
                        raise _no_thread() from error
                    return
                workers.append(worker)

    def _see_one_end(self, progress: Tick | None) -> None:
        while True:
            with suppress(Empty):
                self._ended.get(timeout=_MOMENT)
                return
            if progress is not None:
                progress(sum(self._read), self._size())

    def _size(self) -> int | None:
        sizes = [job.size for job in self._jobs]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def _work(self, share: int) -> None:
        with suppress(Empty):
            while True:
                index = self._waiting.get_nowait()
                try:
                    self._results[index] = self._done(index, share)
                except BaseException as error:  # noqa: BLE001 - it is raised in the calling thread
                    self._fail(index, error)
                self._ended.put(index)

    def _fail(self, index: int, error: BaseException) -> None:
        with self._failing:
            self._errors[index] = error
            self._failed = min(self._failed, index)

    def _done(self, index: int, share: int) -> T:
        def tick(read: int, _: int | None) -> None:
            if self._cancelled or index > self._failed:
                raise Cancelled
            self._read[index] = read

        tick(0, None)
        result = self._jobs[index].work(share, tick)
        self._read[index] = self._jobs[index].size or self._read[index]
        return result


def _no_thread() -> OSError:
    return OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), "cannot start a thread")


def _shares(whole: int, count: int) -> list[int]:
    return [whole // count + (index < whole % count) for index in range(count)]
