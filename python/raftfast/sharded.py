"""One output as several shards: a number of them at once, or one after the other by their size."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH118, PTH120

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
from raftfast.manifest import State, refuse_change
from raftfast.shards import Shards, is_shard, shard_name, shards_there
from raftfast.sources import name_of, naming
from raftfast.task import Made, Outcome, gather

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raftfast._raftfast import Ledger
    from raftfast.jobs import Tick
    from raftfast.sources import Source
    from raftfast.task import Task


class Portion(NamedTuple):
    """What a shard is made from: one of equal parts of all inputs, or some of them whole."""

    part: tuple[int, int] | None
    only: tuple[int, int] | None
    size: int | None


def to_shards(task: Task, count: int) -> Outcome:
    """Convert into a number of shards, written at the same time, which all appear or none.

    A shard is made from a contiguous part of the bytes of all inputs. Where an input cannot be
    divided, as a compressed one cannot, it is made from whole inputs instead.

    Args:
        task: What to convert.
        count: How many shards to make; those of earlier runs go, whatever their number.

    Raises:
        UsageError: An input cannot be divided, and there are more shards than inputs.

    """
    started = perf_counter()
    with Shards(task.output, count, sync=task.sync) as shards, ExitStack() as held:
        names = [shard_name(task.output, index, count) for index in range(count)]
        _refuse_names_of_shards(task)
        task.refuse_clashes(dict.fromkeys([*names, *shards_there(task.output)]))
        before = [State.of(source) for source in task.sources]
        portions = portions_of(task.sources, count)
        with published(task.beside, sync=task.sync, last=shards.show) as paths:
            outputs = [shards.open() for _ in names]
            spools = _spools(task, count, held)
            jobs = [_job(task, *each) for each in zip(portions, outputs, spools, strict=True)]
            ledgers = run_all(jobs, task.threads, task.progress)
            for source, state in zip(task.sources, before, strict=True):
                refuse_change(source, state)
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
    with Shards(task.output, sync=task.sync) as shards:
        _refuse_names_of_shards(task)
        task.refuse_clashes(shards_there(task.output))
        with published(task.beside, sync=task.sync, last=shards.show) as paths:
            ledger = task.run(
                task.sources,
                shards.open,
                shard_bytes=shard_bytes,
                threads=task.threads,
                rejects=paths.get("rejects"),
                tick=task.progress,
            )
            shards.settle()
            made = zip(shards.names, ledger.rows, shards.sizes, strict=True)
            outcome = Outcome(
                ledger, [Made(name, rows=rows, size=size) for name, rows, size in made]
            )
            task.finish(outcome, paths)
        shards.settle_names()
    return outcome


def _refuse_names_of_shards(task: Task) -> None:
    """Refuse a report, or rejects, that would go with the shards of an earlier run."""
    for role, name in task.beside.items():
        if is_shard(name, task.output):
            raise UsageError(f"{role} {name} has the name of a shard of {task.output}")


def portions_of(inputs: Sequence[Source], count: int) -> list[Portion]:
    """Divide inputs into as many portions as there are shards.

    Raises:
        UsageError: An input cannot be divided, and there are more shards than inputs.

    """
    sizes = [_size(source) for source in inputs]
    whole = [source for source in inputs if not is_divisible(source)]
    if not whole:
        share = sum(size or 0 for size in sizes) // count
        return [Portion((index, count), None, share) for index in range(count)]
    if len(inputs) < count:
        raise UsageError(
            f"{name_of(whole[0])} cannot be divided, so that there can be {len(inputs)} shards at"
            " most; --shard-size makes any number, one after the other"
        )
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
