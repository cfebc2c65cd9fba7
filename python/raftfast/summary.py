"""The line that sums a run up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raftfast import Ledger


def summary(ledger: Ledger) -> str:
    """Sum a run up: records, bytes, seconds and speed, in one line."""
    filtered = _total("filtered", ledger.filtered)
    rejected = _total("rejected", ledger.rejected)
    speed = ledger.bytes_in / max(ledger.seconds, 1e-9)
    return (
        f"{ledger.read:,} read = {ledger.written:,} written + {filtered} + {rejected}; "
        f"{amount(ledger.bytes_in)} in, {amount(ledger.bytes_out)} out, "
        f"{ledger.seconds:.2f} s, {amount(speed)}/s"
    )


def amount(size: float) -> str:
    """Write a number of bytes with three digits and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # noqa: PLR2004 - what three digits can show
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.2f} TB"


def _total(word: str, counts: Mapping[str, int]) -> str:
    parts = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    return f"{sum(counts.values()):,} {word}" + (f" ({parts})" if parts else "")
