"""Answers of other records, to be rejected ones: the inputs are read for them first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raftfast.errors import UsageError
from raftfast.sources import can_be_read_again, name_of, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raftfast._raftfast import Converter
    from raftfast.jobs import Tick
    from raftfast.sources import Source


def with_others(
    converter: Converter,
    sources: Sequence[Source],
    *,
    threads: int | None = None,
    long: bool = False,
    tick: Tick | None = None,
) -> Converter:
    """Give a converter the answers of its inputs, if it takes rejected ones from among them.

    Args:
        converter: The compiled target.
        sources: What `listed` gave.
        threads: Workers; by default the CPUs this process may use.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        tick: Called about twenty times a second, as when the inputs are converted.

    Returns:
        The same converter if there is nothing to do, else another.

    Raises:
        UsageError: A source can be read only once.
        Error: What is wrong in the data.

    """
    if not converter.takes_others:
        return converter
    for source in sources:
        if not can_be_read_again(source):
            raise UsageError(
                f"{name_of(source)}: the answers of other records are known only after reading all"
                " records, and this can be read only once; put it into a file"
            )
    with opened(sources, converter.wanted) as streams:
        return converter.with_others(streams, threads=threads, long=long, tick=tick)
