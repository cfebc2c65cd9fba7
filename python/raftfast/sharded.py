"""One output as several shards: a number of them, at once if they can be, or by their size."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH112, PTH113, PTH118, PTH120

from __future__ import annotations

import os
from bisect import bisect_left
from contextlib import ExitStack
from itertools import accumulate, pairwise
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from raftfast import _raftfast
from raftfast.errors import Error, UsageError
from raftfast.files import Output, published
from raftfast.inputs import is_divisible
from raftfast.jobs import Job, run_all
from raftfast.manifest import State, unchanged
from raftfast.paths import STANDARD
from raftfast.shards import Shards, is_shard, shard_name, shards_there
from raftfast.sources import can_be_read_again, name_in_account, naming
from raftfast.task import Made, Outcome, gather

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raftfast._raftfast import Ledger
    from raftfast.jobs import Tick
    from raftfast.sources import Source
    from raftfast.task import Task

_FRAMES = 4
"""How many frames or row groups a shard has, about: it is made of whole ones."""


class Portion(NamedTuple):
    """What a shard is made from: one of equal parts of all inputs, or some of them whole."""

    part: tuple[int, int] | None
    only: tuple[int, int] | None
    size: int | None


def to_shards(task: Task, count: int) -> Outcome:
    """Convert into a number of shards, written at the same time, which all appear or none.

    A shard is made from a contiguous part of the bytes of all inputs. Where an input cannot be
    divided, as a compressed one cannot, it is made from whole inputs instead; and if there are more
    shards than inputs, they are written one after the other, with as many rows in each.

    Args:
        task: What to convert.
        count: How many shards to make; those of earlier runs go, whatever their number.

    Raises:
        UsageError: An input cannot be divided or read twice, and there are more shards than inputs.

    """
    started = perf_counter()
    portions = portions_of(task.sources, count)
    if portions is None:
        return _to_counted_shards(task, count)
    with Shards(task.output, count, sync=task.sync) as shards, ExitStack() as held:
        names = [shard_name(task.output, index, count) for index in range(count)]
        _refuse_names_of_shards(task)
        task.refuse_clashes(dict.fromkeys([*names, *shards_there(task.output)]))
        with published(task.beside, sync=task.sync, last=shards.show) as paths:
            outputs = [shards.open() for _ in names]
            spools = _spools(task, count, held)
            jobs = [_job(task, *each) for each in zip(portions, outputs, spools, strict=True)]
            with unchanged(task.sources):
                ledgers = run_all(jobs, task.threads, task.progress)
            shards.settle()
            gather([spool for spool in spools if spool], paths.get("rejects"))
            made = [Made(name, ledger=ledger) for name, ledger in zip(names, ledgers, strict=True)]
            with naming(task.sources):
                total = _judged(ledgers, perf_counter() - started)
            outcome = Outcome(total, made)
            task.finish(outcome, paths)
        shards.settle_names()
    return outcome


def to_sized_shards(task: Task, shard_bytes: int) -> Outcome:
    """Convert into shards of a size, one after the other, which all appear or none.

    Args:
        task: What to convert.
        shard_bytes: What a shard must not be longer than, but for a single row that is. Of
            compressed and columnar forms it is made of whole frames or row groups, those of 4 or
            16 MiB of input, of which it holds one at least; what ends the file is not counted.

    """

    def write(outputs: Callable[[], str], rejects: str | None) -> Ledger:
        return task.run(
            task.sources,
            outputs,
            shard_bytes=shard_bytes,
            threads=task.threads,
            rejects=rejects,
            tick=task.progress,
        )

    with Shards(task.output, sync=task.sync) as shards:
        return _one_after_the_other(task, shards, write)


def _to_counted_shards(task: Task, count: int) -> Outcome:
    """Convert into shards of as many rows, which all appear or none.

    The inputs are read twice: how many rows there are is known after the first time.
    """
    _refuse_once(task.sources)
    started = perf_counter()

    def write(outputs: Callable[[], str], rejects: str | None) -> Ledger:
        progress = None if task.progress is None else _Twice(task.progress)
        with unchanged(task.sources):
            counted = task.run(
                task.sources, None, threads=task.threads, rejects=None, tick=progress
            )
            if progress is not None:
                progress.again()
            ledger = task.run(
                task.sources,
                outputs,
                shard_rows=[counted.written * number // count for number in range(1, count + 1)],
                frame_bytes=max(counted.bytes_in // (count * _FRAMES), 1),
                threads=task.threads,
                rejects=rejects,
                tick=progress,
            )
        if ledger.written != counted.written:
            message = "the inputs gave other rows when they were read again"
            raise Error(message, "input-changed")
        return _raftfast.Ledger.total([ledger], perf_counter() - started)

    with Shards(task.output, count, sync=task.sync) as shards:
        return _one_after_the_other(task, shards, write)


class _Twice:
    """Tells of two readings as if they were one."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._before = self._done = 0

    def __call__(self, done: int, total: int | None) -> None:
        """Tell how far the reading has come that is under way."""
        self._done = done
        self._tick((self._before + done) // 2, total)

    def again(self) -> None:
        """Begin the second one."""
        self._before = self._done


def _one_after_the_other(
    task: Task, shards: Shards, write: Callable[[Callable[[], str], str | None], Ledger]
) -> Outcome:
    """Show shards that are written one after the other, each when the one before it is full.

    Args:
        task: What to convert.
        shards: Those to be written, of which the first is opened before all work.
        write: Writes them; it is told what opens the next one, and where rejected lines go.

    """
    _refuse_names_of_shards(task)
    task.refuse_clashes(shards_there(task.output))
    with published(task.beside, sync=task.sync, last=shards.show) as paths:
        first = [shards.open()]
        ledger = write(lambda: first.pop() if first else shards.open(), paths.get("rejects"))
        shards.settle()
        made = zip(shards.names, ledger.rows, shards.sizes, strict=True)
        outcome = Outcome(ledger, [Made(name, rows=rows, size=size) for name, rows, size in made])
        task.finish(outcome, paths)
    shards.settle_names()
    return outcome


def _refuse_once(sources: Sequence[Source]) -> None:
    """Refuse an input that cannot be read twice."""
    for source in sources:
        if not (_is_kept(source) if isinstance(source, str) else can_be_read_again(source)):
            raise UsageError(
                f"{name_in_account(source)} can be read only once, and not be divided;"
                " --shard-size makes any number of shards, one after the other"
            )


def _refuse_names_of_shards(task: Task) -> None:
    """Refuse a report, or rejects, that would go with the shards of an earlier run."""
    for role, name in task.beside.items():
        if is_shard(name, task.output):
            raise UsageError(f"{role} {name} has the name of a shard of {task.output}")


def _is_kept(name: str) -> bool:
    return name != STANDARD and (os.path.isfile(name) or os.path.isdir(name))


def portions_of(inputs: Sequence[Source], count: int) -> list[Portion] | None:
    """Divide inputs into as many portions as there are shards.

    ``None`` means that it is not known before how: an input cannot be divided, and there are more
    shards than inputs.
    """
    sizes = [_size(source) for source in inputs]
    if all(map(is_divisible, inputs)):
        share = sum(size or 0 for size in sizes) // count
        return [Portion((index, count), None, share) for index in range(count)]
    if len(inputs) < count:
        return None
    return [
        Portion(None, (start, end), _sum(sizes[start:end]))
        for start, end in pairwise(_bounds([size or 0 for size in sizes], count))
    ]


def _bounds(sizes: Sequence[int], count: int) -> list[int]:
    """Cut a sequence into contiguous groups of about the same sum, none of them empty."""
    ends = list(accumulate(sizes))
    bounds = [0]
    for index in range(1, count):
        nearest = bisect_left(ends, ends[-1] * index / count) + 1
        bounds.append(min(max(nearest, bounds[-1] + 1), len(sizes) - count + index))
    return [*bounds, len(sizes)]


def _job(task: Task, portion: Portion, output: str, rejects: str | None) -> Job[Ledger]:
    def work(threads: int, tick: Tick) -> Ledger:
        return task.run(
            task.sources,
            output,
            threads=threads,
            rejects=rejects,
            tick=tick,
            part=portion.part,
            only=portion.only,
            lenient=True,
        )

    return Job(work, portion.size)


def _spools(task: Task, count: int, held: ExitStack) -> list[str | None]:
    """Open files that never get a name, for the rejected lines of each shard."""
    if "rejects" not in task.beside:
        return [None] * count
    name = os.path.join(os.path.dirname(task.output), ".raftfast-rejects")
    return [held.enter_context(Output(name)).path for _ in range(count)]


def _judged(ledgers: Sequence[Ledger], seconds: float) -> Ledger:
    """Add the ledgers of shards up; a field that is in none of them is an error."""
    total = _raftfast.Ledger.total(ledgers, seconds)
    if total.missing is not None:
        raise Error(f"no record has the field '{total.missing}'", kind="missing-field")
    return total


def _size(source: Source) -> int | None:
    state = State.of(source)
    return None if state is None else state.size


def _sum(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else sum(size or 0 for size in sizes)
