"""Converting files: checks first, then the core, then names for complete outputs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raftfast import _raftfast
from raftfast.conversion import Conversion
from raftfast.errors import Error, UsageError
from raftfast.files import published
from raftfast.forms import form_of
from raftfast.inputs import expand
from raftfast.paths import check_readable, refuse_clashes
from raftfast.report import write_report
from raftfast.sources import is_path, listed, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from raftfast._raftfast import Ledger
    from raftfast.choices import Compression, Escape, OnError, OutputType
    from raftfast.inputs import Found
    from raftfast.sources import Source
    from raftfast.task import Outcome, Task


def convert(  # noqa: PLR0913 - the options of a run, all but four by keyword only
    inputs: Source | Sequence[Source],
    output: str | PathLike[str] | Any,  # noqa: ANN401 - or a binary file object
    to: str | PathLike[str] = "chat",
    threads: int | None = None,
    *,
    system: str | None = None,
    prompt_key: str | None = None,
    completion_key: str | None = None,
    stop: str | None = None,
    escape: Escape = "keep",
    on_error: OnError = "fail",
    output_type: OutputType | None = None,
    compression: Compression | None = None,
    level: int | None = None,
    long: bool = False,
    shards: int | None = None,
    shard_size: int | None = None,
    resume: bool = False,
    rejects: str | PathLike[str] | None = None,
    report: str | PathLike[str] | None = None,
    expect_rows: int | None = None,
    sync: bool = False,
    max_record_bytes: int = _raftfast.DEFAULT_MAX_RECORD_BYTES,
    block_bytes: int = _raftfast.DEFAULT_BLOCK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> Ledger:
    """Convert RAFT records to the rows of a target.

    The output appears under its name when it is complete, and ``rejects`` and ``report`` just
    before it. If anything is raised, the output's name shows what it did before; only devices,
    FIFOs and standard output have then been written to.

    Args:
        inputs: One or several, which become one output in order. A path: JSON lines or one JSON array,
            compressed by gz, zst, bz2 or xz or not; an Arrow file or stream; Parquet; a folder that
            ``save_to_disk`` of Hugging Face's ``datasets`` made; any other folder, or a pattern such
            as ``"data/*.jsonl.gz"``, is all such files in it; ``"-"`` is standard input. A binary
            file object with ``readinto`` or ``read``. Whatever has ``__arrow_c_stream__`` or
            ``__arrow_c_array__``: a dataset, a table, a frame, a relation.
        output: Where the rows go: a path, ``"-"`` for standard output, or a binary file object with
            ``write``. A name that ends in ``.gz`` or ``.zst`` is compressed, one in ``.parquet``,
            ``.arrow`` or ``.arrows`` has columns; everything else is JSON lines. A folder, or a name
            that ends with a slash, gets one output for each input.
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
        output_type: What the output is, whatever its name says: ``"jsonl"``, ``"arrow"`` (an IPC
            file), ``"arrows"`` (an IPC stream) or ``"parquet"``.
        compression: How it is compressed, whatever its name says. By default Parquet by zst, Arrow
            and JSON lines not at all.
        level: The level of compression: 0 to 9 for gz (6), 1 to 22 for zst (3).
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        shards: Write so many outputs at the same time, ``train-00000-of-00016.jsonl`` and so on for
            ``train.jsonl``; each holds an equal part of the inputs, in order.
        shard_size: Write outputs of so many bytes at most, one after the other, with such names.
        resume: For a folder: keep the outputs that are there already, made by the same options from
            inputs that have not changed.
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
    given = os.fsdecode(output) if is_path(output) else None
    sources, found = _expanded(listed(inputs), given)
    check_readable(sources)
    into_folder = given is not None and (given.endswith(os.sep) or os.path.isdir(given))
    form = form_of(None if into_folder else given, output_type, compression, level)
    settings = _given(
        to=to, system=system, prompt_key=prompt_key, completion_key=completion_key, stop=stop
    )
    run = _Run(
        Conversion(converter, form, block_bytes, long),
        sources,
        found,
        output if given is None else given,
        threads,
        _given(rejects=rejects, report=report),
        {**settings, "escape": escape, "on_error": on_error, **form.as_options()},
        expect_rows,
        sync,
        progress,
    )
    if into_folder:
        if shards is not None or shard_size is not None:
            raise UsageError("a folder gets one output for each input, and no shards")
        return run.to_folder(resume=resume)
    if resume:
        raise UsageError("resume needs a folder as output, which ends with a slash")
    if shards is not None and shard_size is not None:
        raise UsageError("shards and shard_size exclude each other")
    if shards is not None:
        return run.to_shards(shards)
    return run.to_one() if shard_size is None else run.to_sized_shards(shard_size)


@dataclass(frozen=True)
class _Run:
    conversion: Conversion
    sources: Sequence[Source]
    found: Sequence[Found]
    output: Any
    threads: int | None
    beside: Mapping[str, str]
    options: Mapping[str, object]
    expect_rows: int | None
    sync: bool
    progress: Callable[[int, int | None], None] | None

    def to_one(self) -> Ledger:
        named = {"output": self.output} if isinstance(self.output, str) else {}
        names = {**self.beside, **named}
        refuse_clashes(self.sources, names)
        with published(names, sync=self.sync) as paths:
            ledger = self.conversion(
                self.sources,
                paths.get("output", self.output),
                threads=self.threads,
                rejects=paths.get("rejects"),
                tick=self.progress,
            )
            self._finish(ledger, {}, paths)
        return ledger

    def to_folder(self, *, resume: bool) -> Ledger:
        from raftfast.folder import to_folder  # noqa: PLC0415 - 10 ms that one output need not pay

        made = dict(self.options)
        if str(made["to"]).endswith(".toml"):
            made["to"] = _raftfast.digest(str(made["to"]))
        form = self.conversion.form
        return to_folder(self._task(), form.ending, options=made, resume=resume).ledger

    def to_shards(self, count: int) -> Ledger:
        from raftfast.sharded import to_shards  # noqa: PLC0415 - as above

        return to_shards(self._task(), count).ledger

    def to_sized_shards(self, size: int) -> Ledger:
        from raftfast.sharded import to_sized_shards  # noqa: PLC0415 - as above

        return to_sized_shards(self._task(), self.conversion.roll, size).ledger

    def _task(self) -> Task:
        from raftfast.task import Task  # noqa: PLC0415 - as above

        if len(self.found) < len(self.sources) or not isinstance(self.output, str):
            raise UsageError("several outputs are made from files only, and have names")
        return Task(
            self.found,
            self.output,
            self.conversion,
            self.threads or _raftfast.default_threads(),
            self.beside,
            self.sync,
            self.progress,
            self._finish_many,
        )

    def _finish_many(self, outcome: Outcome, paths: Mapping[str, str]) -> None:
        about = {"outputs": [made.as_dict() for made in outcome.outputs]}
        self._finish(outcome.ledger, about, paths)

    def _finish(
        self, ledger: Ledger, about: Mapping[str, object], paths: Mapping[str, str]
    ) -> None:
        """Check the number of rows and write the report, before anything appears."""
        _check_rows(ledger, self.expect_rows)
        if "report" not in paths:
            return
        options = {name: value for name, value in self.options.items() if name != "to"}
        run = {
            "target": self.options["to"],
            "inputs": [name_of(source) for source in self.sources],
            "output": name_of(self.output),
            "options": options,
            **about,
        }
        write_report(paths["report"], run, ledger)


def _expanded(
    sources: Sequence[Source], output: str | None
) -> tuple[list[Source], Sequence[Found]]:
    """List the files that names stand for, and everything with the objects among them."""
    expanded: list[Source] = []
    found: list[Found] = []
    for source in sources:
        if isinstance(source, str):
            files = expand([source], output)
            found.extend(files)
            expanded.extend(file.path for file in files)
        else:
            expanded.append(source)
    return expanded, found


def _given(**names: str | PathLike[str] | None) -> dict[str, str]:
    """Keep what was asked for, in this order."""
    return {role: os.fsdecode(name) for role, name in names.items() if name is not None}


def _check_rows(ledger: Ledger, expected: int | None) -> None:
    if expected is not None and ledger.written != expected:
        message = f"{ledger.written} rows were written, but {expected} are expected"
        raise Error(message, kind="expected-rows")
