"""What a call asks for besides one output: shards, or a folder with an output for each input."""

from __future__ import annotations

import os
from operator import index
from typing import TYPE_CHECKING, NamedTuple

from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raftfast.forms import Form
    from raftfast.task import Outcome, Task


class Several(NamedTuple):
    """Several outputs, as they were asked for.

    Attributes:
        folder: Whether there is to be one for each input.
        shards: How many shards there are to be.
        shard_size: How many bytes a shard is to have at most.
        resume: Whether to keep what is right in a folder.
        split: The shares of files in a folder that all inputs go to, by name.
        seed: What decides which rows go where.

    """

    folder: bool
    shards: int | None
    shard_size: int | None
    resume: bool
    split: Mapping[str, float] | None = None
    seed: int = 0

    def convert(self, task: Task, ending: str, options: Mapping[str, object]) -> Outcome:
        """Convert in this way.

        Args:
            task: What to convert.
            ending: The ending of names in a folder.
            options: What decides the bytes of an output, apart from its input and the version.

        """
        # Together 20 ms, which a run with one output need not pay.
        from raftfast.folder import to_folder  # noqa: PLC0415
        from raftfast.sharded import to_shards, to_sized_shards  # noqa: PLC0415
        from raftfast.splits import to_splits  # noqa: PLC0415

        if self.split is not None:
            return to_splits(task, self.split, self.seed, ending)
        if self.shards is not None:
            return to_shards(task, self.shards)
        if self.shard_size is not None:
            return to_sized_shards(task, self.shard_size)
        return to_folder(task, ending, options=options, resume=self.resume)


MOST_SHARDS = 99_999
"""The Hub gives shards numbers of five digits."""


def is_folder(output: str) -> bool:
    """Tell whether a name for outputs is that of a folder: it is one, or ends with a slash."""
    return output.endswith(os.sep) or os.path.isdir(output)  # noqa: PTH112 - 10 ms


def several_of(
    output: str | None, shards: int | None, shard_size: int | None, *, resume: bool
) -> Several | None:
    """Tell whether a call asks for several outputs, and which; ``None`` is one.

    Args:
        output: The name that was given, if the output has one.
        shards: How many shards were asked for.
        shard_size: How many bytes of a shard were asked for.
        resume: Whether to keep what is right.

    Raises:
        UsageError: What was asked for does not go together.

    """
    folder = output is not None and is_folder(output)
    shards, shard_size = _whole("shards", shards), _whole("shard_size", shard_size)
    if shards is not None and shard_size is not None:
        raise UsageError("shards and shard-size exclude each other")
    if shards is None and shard_size is None:
        if resume and not folder:
            raise UsageError("resume needs a folder as output, such as -o rows/")
        return Several(folder, shards, shard_size, resume) if folder else None
    if resume:
        raise UsageError("resume needs a folder as output, such as -o rows/, not shards")
    if output is None or folder:
        raise UsageError("shards need the name of a file to make theirs from: -o train.jsonl")
    if any(number is not None and number < 1 for number in (shards, shard_size)):
        raise UsageError("there must be at least one shard, of at least one byte")
    if shards is not None and shards > MOST_SHARDS:
        raise UsageError(f"there can be {MOST_SHARDS:,} shards at most, since they are numbered so")
    return Several(folder, shards, shard_size, resume)


def _whole(what: str, number: int | None) -> int | None:
    """Return a number as Python's own: those of numpy overflow."""
    try:
        return None if number is None else index(number)
    except TypeError:
        raise UsageError(f"{what} is {number!r}; it must be a whole number") from None


def split_of(  # noqa: PLR0913 - what a split consists of
    several: Several | None,
    split: Mapping[str, float] | Sequence[float] | None,
    *,
    seed: int,
    files: Sequence[str],
    form: Form,
    target: str,
) -> Several | None:
    """Ask for the splits of a folder besides, if that is asked for.

    Args:
        several: What else is asked for.
        split: The shares, with names or without.
        seed: What decides which rows go where.
        files: The names that the target's consumer reads, if it reads only some.
        form: What the outputs are.
        target: The target, for messages.

    Raises:
        UsageError: What was asked for does not go together.

    """
    if split is None:
        return several
    from raftfast.splits import named_shares  # noqa: PLC0415 - as above

    if several is None or not several.folder:
        raise UsageError("split needs a folder as output, such as -o rows/")
    if several.resume:
        raise UsageError("resume and split exclude each other")
    if form.kind != "jsonl" or form.compression not in (None, "none"):
        raise UsageError("a split is of JSON lines that are not compressed")
    return several._replace(split=named_shares(split, files, target), seed=seed)
