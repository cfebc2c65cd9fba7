"""What a consumer says of whole files: how many rows they have, and how many bytes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple
from warnings import warn

from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from raftfast.choices import Check
    from raftfast.task import Outcome


class RuleWarning(UserWarning):
    """A file breaks a rule of its consumer, and was written because nobody asked otherwise."""


class _Limit(NamedTuple):
    what: str
    is_least: bool


_LIMITS = {
    "min_rows": _Limit("rows", is_least=True),
    "max_rows": _Limit("rows", is_least=False),
    "max_bytes": _Limit("bytes", is_least=False),
}


def check_limits(
    outcome: Outcome, output: str, target: str, limits: Mapping[str, int], check: Check
) -> None:
    """Hold the files of a run against what their consumer takes.

    Args:
        outcome: What the run came to.
        output: The name of the output, if there is one only.
        target: The target, for messages.
        limits: Its limits by rule.
        check: Whether a broken limit is an error or a warning, or not looked for.

    Raises:
        Error: A limit is broken, and the check is strict.

    """
    if check == "off":
        return
    files = [(made.output, counts) for made in outcome.outputs if (counts := made.counts())]
    whole = (outcome.ledger.written, outcome.ledger.bytes_out)
    for name, counts in files or [(output, whole)] * (not outcome.outputs):
        for _, message in broken_limits(*counts, target, limits):
            told = f"{name}: {message}"
            if check == "strict":
                raise Error(told, "rule", name)
            warn(told, RuleWarning, stacklevel=_of_caller())


def _of_caller() -> int:
    """Count the frames up to the call of the library: a warning is told as of its line."""
    level = 0
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - `inspect` takes 10 ms
    while frame is not None and frame.f_globals.get("__name__", "").startswith("raftfast"):
        level, frame = level + 1, frame.f_back
    return level


def broken_limits(
    rows: int, size: int, target: str, limits: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """Tell which limits a file breaks, and how.

    Args:
        rows: Its rows.
        size: Its bytes.
        target: The target, for messages.
        limits: The limits by rule.

    """
    counts = {"rows": rows, "bytes": size}
    for rule, bound in limits.items():
        limit = _LIMITS[rule]
        count = counts[limit.what]
        if limit.is_least and count < bound:
            yield rule, f"{count:,} {limit.what}, and {target} takes {bound:,} or more"
        elif not limit.is_least and count > bound:
            cut = "--shards and --shard-size cut"
            yield rule, f"{count:,} {limit.what}, and {target} takes {bound:,} at most ({cut})"
