"""Checking rows that are there already against what their consumer takes, without writing any."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH119

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from raftfast import _raftfast
from raftfast.files import published
from raftfast.forms import refuse_forms
from raftfast.inputs import expand, split_ending
from raftfast.kinds import kind_of
from raftfast.limits import broken_limits
from raftfast.numbers import check_numbers
from raftfast.paths import STANDARD, check_readable, refuse_clashes, refuse_made_of
from raftfast.report import write_report
from raftfast.sources import listed, name_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike

    from raftfast.sources import Source


class Problem(NamedTuple):
    """Something that a consumer will not take.

    Attributes:
        file: The input.
        line: The line in it, from 1; ``None`` if the problem is the file's.
        rule: The rule that is broken, by the consumer's own name for it.
        message: How, in words.

    """

    file: str
    line: int | None
    rule: str
    message: str

    def __str__(self) -> str:
        """Write it as one line, with the place first."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.rule}: {self.message}"


class Verdict(NamedTuple):
    """What a consumer will say of some files.

    Attributes:
        rows: The rows in all; blank lines are none.
        wrong: How many of them break a rule.
        broken: How many rows, or files, break each rule, by the consumer's own name for it.
        problems: The first of them, by file and line: as many as were asked for.
        files: The rows and the wrong ones of each file.
        bytes_in: The bytes that were read.
        seconds: How long it took.

    """

    rows: int
    wrong: int
    broken: Mapping[str, int]
    problems: Sequence[Problem]
    files: Sequence[tuple[str, int, int]]
    bytes_in: int
    seconds: float

    @property
    def right(self) -> int:
        """How many rows break no rule."""
        return self.rows - self.wrong

    @property
    def ok(self) -> bool:
        """Whether no rule is broken, by a row or by a file."""
        return not self.broken

    @property
    def more(self) -> int:
        """How many problems there are besides those that are listed."""
        return sum(self.broken.values()) - len(self.problems)

    def as_dict(self) -> dict[str, object]:
        """Give plain values, as a report holds them."""
        files = [
            {"input": name, "rows": rows, "right": rows - wrong, "wrong": wrong}
            for name, rows, wrong in self.files
        ]
        return {
            "ok": self.ok,
            "rows": self.rows,
            "right": self.right,
            "wrong": self.wrong,
            "broken": dict(self.broken),
            "problems": [problem._asdict() for problem in self.problems],
            "by_input": files,
            "bytes_in": self.bytes_in,
            "seconds": self.seconds,
        }


def validate(  # noqa: PLR0913 - the options of a run, all but one by keyword only
    inputs: Source | Sequence[Source],
    *,
    to: str | PathLike[str],
    settings: Mapping[str, str] = MappingProxyType({}),
    limit: int = 10,
    report: str | PathLike[str] | None = None,
    threads: int | None = None,
    long: bool = False,
    sync: bool = False,
    max_record_bytes: int = _raftfast.DEFAULT_MAX_RECORD_BYTES,
    block_bytes: int = _raftfast.DEFAULT_BLOCK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> Verdict:
    """Check rows that are there already against the rules of their consumer.

    Nothing is written but the report. The rows may be anybody's: they need not be what raftfast
    would have made, as long as their consumer takes them.

    Args:
        inputs: One or several, of the kinds that ``convert`` takes; each is a file of its own for
            the consumer.
        to: The target that the rows are of: a built-in one, or the path of a target file.
        settings: Settings of the target by name, such as ``prompt_key``.
        limit: How many problems are listed; all are counted.
        report: Where the verdict goes, as JSON, with the names of the run.
        threads: Workers; by default the CPUs this process may use.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        sync: Whether to return only when the disk has the report and its name.
        max_record_bytes: The longest row that is taken.
        block_bytes: Bytes of input that a worker takes at a time.
        progress: Called about twenty times a second with the bytes read and the bytes in all
            (``None`` if a pipe is among the inputs). What it raises ends the run.

    Returns:
        What is wrong, if something is.

    Raises:
        UsageError: There is no such target, or the report is also an input.
        Error: An input is broken, or changed while it was read.
        OSError: A file cannot be read or written.

    """
    check_numbers(
        threads=threads, limit=limit, max_record_bytes=max_record_bytes, block_bytes=block_bytes
    )
    validator = _raftfast.Validator(to, settings={**settings})
    sources = [one.source for one in expand(listed(inputs))]
    check_readable(sources)
    names = {} if report is None else {"report": os.fsdecode(report)}
    refuse_forms("JSON", ".json", **names)
    refuse_made_of({"target": to}, names)
    refuse_clashes(sources, names)
    with published(names, sync=sync) as paths:
        with opened(sources, None) as streams:
            findings = _raftfast.validate_files(
                streams,
                validator,
                limit=limit,
                threads=threads,
                block_bytes=block_bytes,
                max_record_bytes=max_record_bytes,
                long=long,
                tick=progress,
            )
        target = os.fsdecode(to)
        of_files = _of_files(sources, findings, validator, target=target, long=long)
        verdict = _verdict(findings, [*of_files], limit)
        if report is not None:
            run = {"target": target, "inputs": [name_of(source) for source in sources]}
            write_report(paths["report"], {**run, "settings": {**settings}, **verdict.as_dict()})
    return verdict


def _verdict(findings: _raftfast.Findings, of_files: Sequence[Problem], limit: int) -> Verdict:
    """Put together what is wrong with rows and with files."""
    ledger = findings.ledger
    broken = dict(findings.broken)
    for problem in of_files:
        broken[problem.rule] = broken.get(problem.rule, 0) + 1
    of_rows = [
        Problem(name, line, rule, message)
        for rule, places in findings.first.items()
        for name, line, message in places
    ]
    rows: dict[str, int] = {}
    for name, account in ledger.inputs:
        rows[name] = rows.get(name, 0) + account.read
    wrong = dict.fromkeys(rows, 0)
    for name, count in findings.wrong:
        wrong[name] += count
    order = {name: place for place, name in enumerate(rows)}
    problems = sorted([*of_rows, *of_files], key=lambda one: (order[one.file], one.line or 0))
    return Verdict(
        ledger.read,
        sum(wrong.values()),
        dict(sorted(broken.items())),
        problems[:limit],
        [(name, count, wrong[name]) for name, count in rows.items()],
        ledger.bytes_in,
        ledger.seconds,
    )


def _of_files(
    sources: Sequence[Source],
    findings: _raftfast.Findings,
    validator: _raftfast.Validator,
    *,
    target: str,
    long: bool,
) -> Iterator[Problem]:
    """Tell what is wrong with files as a whole."""
    for source, (name, account) in zip(sources, findings.ledger.inputs, strict=True):
        limits = broken_limits(account.read, account.bytes_in, target, validator.limits)
        for rule, message in (*limits, *_of_form(source, validator, long=long)):
            yield Problem(name, None, validator.name(rule), message)


def _of_form(
    source: Source, validator: _raftfast.Validator, *, long: bool
) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with how a file begins and with its name; a pipe has neither."""
    if not isinstance(source, str) or source == STANDARD or kind_of(source) is not None:
        return
    begins = _raftfast.beginning(source, long=long)
    if begins is not None:
        mark, array = begins
        if validator.bom not in (None, mark):
            yield "bom", "starts with a byte order mark" if mark else "has no byte order mark"
        if validator.array not in (None, array):
            yield "array", "is one JSON array, not lines" if array else "is not one JSON array"
    stem = split_ending(os.path.basename(source))[0]
    if validator.files and stem not in validator.files:
        yield "files", f"is read under the name of {', '.join(validator.files)} only"
