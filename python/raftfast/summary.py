"""The line that sums a run up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raftfast import Ledger
    from raftfast.validate import Verdict


def summary(ledger: Ledger) -> str:
    """Sum a run up: records, bytes, seconds and speed, in one line."""
    filtered = _total("filtered", ledger.filtered)
    rejected = _total("rejected", ledger.rejected, ledger.rejected_rules)
    added = f" + {ledger.added:,} added" if ledger.added else ""
    speed = ledger.bytes_in / max(ledger.seconds, 1e-9)
    return (
        f"{ledger.read:,} read{added} = {ledger.written:,} written + {filtered} + {rejected}; "
        f"{amount(ledger.bytes_in)} in, {amount(ledger.bytes_out)} out, "
        f"{ledger.seconds:.2f} s, {amount(speed)}/s" + _reading(ledger)
    )


def verdict_summary(verdict: Verdict) -> str:
    """Sum up in one line what is wrong with rows."""
    broken = f"; {_counted(verdict.broken)}" if verdict.broken else ""
    speed = verdict.bytes_in / max(verdict.seconds, 1e-9)
    return (
        f"{verdict.rows:,} rows = {verdict.right:,} right + {verdict.wrong:,} wrong{broken}; "
        f"{amount(verdict.bytes_in)} in, {verdict.seconds:.2f} s, {amount(speed)}/s"
    )


def _reading(ledger: Ledger) -> str:
    """Tell what was not as Gorilla writes it."""
    told = ""
    if set(ledger.dialects) - {"gorilla"}:
        told += f"; read as {_counted(ledger.dialects)}"
    if ledger.warned:
        told += f"; rules broken: {', '.join(_warned(ledger))}"
    if ledger.repaired:
        told += f"; {_counted(ledger.repaired)}"
    return told


def _warned(ledger: Ledger) -> list[str]:
    """Tell each rule that rows break, how often, and where the first of them is."""
    first = {
        rule: f" (first in line {line:,} of {name})"
        for rule, (name, line) in ledger.first_warned.items()
    }
    return [f"{rule} {count:,}{first.get(rule, '')}" for rule, count in ledger.warned.items()]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def amount(size: float) -> str:
    """Write a number of bytes with three digits and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:  # noqa: PLR2004 - what three digits can show
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.2f} TB"


def _total(word: str, counts: Mapping[str, int], rules: Mapping[str, int] | None = None) -> str:
    """Tell how many there are, and of what; of rules, which come last, by their names."""
    others = {name: count for name, count in counts.items() if name != "rule" or not rules}
    told = [_counted(others)] if others else []
    if rules:
        told.append(f"rule {counts['rule']:,}: {_counted(rules)}")
    return f"{sum(counts.values()):,} {word}" + (f" ({', '.join(told)})" if told else "")
