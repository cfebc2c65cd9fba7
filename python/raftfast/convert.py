"""Converting files: checks first, then the core, then names for complete outputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raftfast import _raftfast
from raftfast.errors import Error, UsageError
from raftfast.files import published
from raftfast.paths import as_names, check_readable, refuse_clashes
from raftfast.report import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from raftfast._raftfast import Ledger
    from raftfast.choices import Escape, OnError


def convert(  # noqa: PLR0913 - the options of a run, all but four by keyword only
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    to: str | PathLike[str] = "chat",
    threads: int | None = None,
    *,
    system: str | None = None,
    prompt_key: str | None = None,
    completion_key: str | None = None,
    stop: str | None = None,
    escape: Escape = "keep",
    on_error: OnError = "fail",
    rejects: str | PathLike[str] | None = None,
    report: str | PathLike[str] | None = None,
    expect_rows: int | None = None,
    sync: bool = False,
    max_record_bytes: int = _raftfast.DEFAULT_MAX_RECORD_BYTES,
    block_bytes: int = _raftfast.DEFAULT_BLOCK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> Ledger:
    """Convert RAFT records in JSONL files to the rows of a target.

    The output appears under its name when it is complete, and ``rejects`` and ``report`` just
    before it. If anything is raised, the output's name shows what it did before; only devices,
    FIFOs and standard output have then been written to.

    Args:
        inputs: One path or several, which become one output in order; ``"-"`` is standard input.
        output: Where the rows go; ``"-"`` is standard output.
        to: A built-in target (``"chat"``, ``"completion"``, ``"eval"``, ``"hf"``) or the path of a
            target file, which ends in ``.toml``.
        threads: Workers; by default the CPUs this process may use.
        system: The system message; ``""`` leaves it out. By default the target's own.
        prompt_key: The name of the prompt column; by default the target's own.
        completion_key: The name of the completion column; by default the target's own.
        stop: What is appended to each completion; by default the target's own.
        escape: How strings are written: ``"keep"`` copies escapes as they stand, ``"ascii"`` writes
            the bytes of ``json.dumps``, ``"pandas"`` those of Gorilla's ``format.py``.
        on_error: ``"fail"`` ends the run at the first malformed record, ``"skip"`` counts it.
        rejects: Where skipped records go, as JSONL; needs ``on_error="skip"``.
        report: Where the ledger goes, as JSON, with the names and options of the run.
        expect_rows: How many rows have to be written for the run to be complete.
        sync: Whether to return only when the disk has the output and its name.
        max_record_bytes: The longest record that is taken.
        block_bytes: Bytes of input that a worker takes at a time.
        progress: Called about twenty times a second with the bytes read and the bytes in all
            (``None`` if a pipe is among the inputs). What it raises ends the run.

    Returns:
        The account of the run.

    Raises:
        Error: A record is malformed, or the run is not what was expected.
        UsageError: The options do not go together, or an output is also an input.
        OSError: A file cannot be read or written.

    """
    if rejects is not None and on_error != "skip":
        raise UsageError("rejects needs on_error=skip: otherwise no record is rejected")
    converter = _raftfast.Converter(
        to,
        system=system,
        prompt_key=prompt_key,
        completion_key=completion_key,
        stop=stop,
        escape=escape,
        on_error=on_error,
        max_record_bytes=max_record_bytes,
    )
    sources = as_names(inputs)
    names = _given(rejects=rejects, report=report, output=output)
    check_readable(sources)
    refuse_clashes(sources, names)
    with published(names, sync=sync) as paths:
        ledger = _raftfast.convert_files(
            sources,
            paths["output"],
            converter,
            threads=threads,
            block_bytes=block_bytes,
            rejects=paths.get("rejects"),
            tick=progress,
        )
        _check_rows(ledger, expect_rows)
        if report is not None:
            settings = _given(
                system=system, prompt_key=prompt_key, completion_key=completion_key, stop=stop
            )
            run = {"target": os.fsdecode(to), "inputs": sources, "output": names["output"]}
            options = {**settings, "escape": escape, "on_error": on_error}
            write_report(paths["report"], {**run, "options": options}, ledger)
    return ledger


def _given(**names: str | PathLike[str] | None) -> dict[str, str]:
    """Keep what was asked for, in this order."""
    return {role: os.fsdecode(name) for role, name in names.items() if name is not None}


def _check_rows(ledger: Ledger, expected: int | None) -> None:
    if expected is not None and ledger.written != expected:
        message = f"{ledger.written} rows were written, but {expected} are expected"
        raise Error(message, kind="expected-rows")
