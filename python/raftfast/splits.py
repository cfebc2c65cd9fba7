"""One run as several files of a folder, each with a share of the rows, such as train and test."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH116, PTH118

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from raftfast.errors import UsageError
from raftfast.files import published
from raftfast.folder import own_files, refuse_unreplaceable
from raftfast.manifest import MANIFEST
from raftfast.staging import SUCCESS, staged
from raftfast.task import Made, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raftfast.staging import Staging
    from raftfast.task import Task

USUAL = ("train", "validation", "test")
"""The names of splits as the Hugging Face Hub has them."""

_WHOLES = (1, 100)
_TOLERANCE = 0.011  # thirds are written as 0.33


def named_shares(
    split: Mapping[str, float] | Sequence[float], files: Sequence[str], target: str
) -> dict[str, float]:
    """Give each share a name.

    Args:
        split: The shares, with names or without: then they get those of the target, or the usual.
        files: The names that the target's consumer reads, if it reads only some.
        target: The target, for messages.

    Raises:
        UsageError: There is no such name, or the shares are not all of the rows.

    """
    if isinstance(split, str):
        raise UsageError(f"split is {split!r}; it must be numbers, such as [90, 10]")
    shares = dict(split) if isinstance(split, Mapping) else _with_names(split, files or USUAL)
    for name, share in shares.items():
        if not name or name.startswith(".") or os.sep in name:
            raise UsageError(f"'{name}' is no name for a split")
        if files and name not in files:
            raise UsageError(f"{target} reads {', '.join(files)}, and no split '{name}'")
        if not 0 < share <= max(_WHOLES):
            raise UsageError(f"the share of '{name}' is {share:g}; it must be more than 0")
    total = sum(shares.values())
    if not any(abs(total / whole - 1) < _TOLERANCE for whole in _WHOLES):
        raise UsageError(f"the shares of a split come to {total:g}, which is neither 1 nor 100")
    return shares


def to_splits(task: Task, shares: Mapping[str, float], seed: int, ending: str) -> Outcome:
    """Convert into the splits of a folder, which all appear or none.

    Which rows go where is decided by their numbers and the seed alone.

    Args:
        task: What to convert, and as the output its folder.
        shares: The shares of the splits, by name.
        seed: Another number gives another split.
        ending: How the names of the outputs end.

    """
    names = [name + ending for name in shares]
    outputs = [os.path.join(task.output, name) for name in names]
    own = own_files(task)
    for output in (*own.values(), *outputs):
        refuse_unreplaceable(output)
    task.refuse_clashes(outputs, own)
    if task.companion is not None:
        task.companion.is_right(task.output, names)  # better to fail now than after all work
    with ExitStack() as last, staged(task.output, last, resume=False) as staging:
        shown: list[str] = []

        def show() -> None:
            # A manifest of earlier outputs knows nothing of these.
            staging.show(shown, [MANIFEST])

        with published(task.beside, sync=task.sync, last=show) as paths:
            files = {name: staging.path(name) for name in names}
            with published(files, sync=task.sync) as to:
                ledger = task.run(
                    task.sources,
                    [to[name] for name in names],
                    split=([*shares.values()], seed),
                    threads=task.threads,
                    rejects=paths.get("rejects"),
                    tick=task.progress,
                )
            made = [
                Made(output, rows=rows, size=os.stat(files[name]).st_size, is_split=True)
                for output, name, rows in zip(outputs, names, ledger.rows, strict=True)
            ]
            outcome = Outcome(ledger, made)
            task.finish(outcome, paths)
            shown += [*names, *_marks(task, staging, names)]
            staging.follow_links(shown, sync=task.sync)
        if task.sync:
            staging.settle_names(shown)
    return outcome


def _with_names(split: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    if len(split) > len(names):
        raise UsageError(f"{len(split)} shares, and names for {len(names)}: {', '.join(names)}")
    return dict(zip(names, split, strict=False))


def _marks(task: Task, staging: Staging, names: Sequence[str]) -> list[str]:
    """Write what stands beside the splits, and the mark of success."""
    contents = {SUCCESS: b""}
    companion = task.companion
    if companion is not None and not companion.is_right(staging.target, names):
        contents = {companion.file: companion.text(staging.target, names), **contents}
    for name, content in contents.items():
        staging.write(name, content, sync=task.sync)
    return [*contents]
