"""Sample corpora: deterministic RAFT records like the real ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raftfast import _raftfast
from raftfast.files import published
from raftfast.forms import refuse_forms
from raftfast.numbers import check_numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from raftfast.choices import Style


def sample(
    path: str | PathLike[str],
    size: int,
    *,
    style: Style = "escaped",
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> int:
    r"""Write a corpus of made-up RAFT records, the same one for the same arguments.

    Args:
        path: Where the records go, as JSONL; ``"-"`` is standard output.
        size: Bytes to write; the last record is whole, so the corpus is a little longer.
        style: ``"escaped"`` writes other than ASCII as ``\uXXXX``, as ``json.dumps`` does;
            ``"utf8"`` writes it as it is.
        seed: Another seed gives another corpus.
        progress: Called after each 512 KiB with the bytes written and the bytes in all.

    Returns:
        How many records were written.

    Raises:
        UsageError: There is no such style, a number is none that it can be, or the name is one of
            another form.
        OSError: The file cannot be written.

    """
    check_numbers(size=size, seed=seed)
    name = os.fsdecode(path)
    refuse_forms(sample=name)
    with published({"corpus": name}) as paths:
        return _raftfast.write_sample(paths["corpus"], size, style=style, seed=seed, tick=progress)
