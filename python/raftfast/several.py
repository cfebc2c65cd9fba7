"""What a call asks for besides one output: shards, or a folder with an output for each input."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raftfast.task import Outcome, Task


class Several(NamedTuple):
    """Several outputs, as they were asked for.

    Attributes:
        folder: Whether there is to be one for each input.
        shards: How many shards there are to be.
        shard_size: How many bytes a shard is to have at most.
        resume: Whether to keep what is right in a folder.

    """

    folder: bool
    shards: int | None
    shard_size: int | None
    resume: bool

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

        if self.shards is not None:
            return to_shards(task, self.shards)
        if self.shard_size is not None:
            return to_sized_shards(task, self.shard_size)
        return to_folder(task, ending, options=options, resume=self.resume)


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
    return Several(folder, shards, shard_size, resume)
