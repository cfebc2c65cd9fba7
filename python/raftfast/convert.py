"""Converting files: checks first, then the core, then names for complete outputs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from raftfast import _raftfast
from raftfast.errors import Error, UsageError
from raftfast.files import published
from raftfast.forms import form_of, refuse_forms
from raftfast.inputs import expand
from raftfast.limits import check_limits
from raftfast.numbers import check_numbers
from raftfast.others import with_others
from raftfast.paths import STANDARD, check_readable, refuse_clashes, refuse_made_of
from raftfast.report import write_report
from raftfast.several import several_of, split_of
from raftfast.sources import (
    is_path,
    listed,
    name_in_account,
    name_of,
    naming,
    opened,
    refuse_no_rows,
    refuse_rejects,
    refuse_text,
)
from raftfast.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Any

    from typing_extensions import Self

    from raftfast._raftfast import Ledger
    from raftfast.choices import (
        Answer,
        Check,
        Compression,
        Escape,
        OnError,
        OutputType,
        TextAs,
        Train,
        Turns,
    )
    from raftfast.companion import Companion
    from raftfast.forms import Form
    from raftfast.jobs import Tick
    from raftfast.several import Several
    from raftfast.sources import Source


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
    settings: Mapping[str, str] = MappingProxyType({}),
    dialect: str = "auto",
    answer: Answer = "cot",
    turns: Turns = "error",
    rejected: str | None = None,
    unrepaired: Sequence[str] = (),
    check: Check = "warn",
    train: Train | None = None,
    template: str | None = None,
    text_as: TextAs = "text",
    date: str | None = None,
    escape: Escape = "keep",
    on_error: OnError = "fail",
    output_type: OutputType | None = None,
    compression: Compression | None = None,
    level: int | None = None,
    long: bool = False,
    shards: int | None = None,
    shard_size: int | None = None,
    resume: bool = False,
    beside: bool | None = None,
    split: Mapping[str, float] | Sequence[float] | None = None,
    seed: int = 0,
    rejects: str | PathLike[str] | None = None,
    report: str | PathLike[str] | None = None,
    expect_rows: int | None = None,
    sync: bool = False,
    max_record_bytes: int = _raftfast.DEFAULT_MAX_RECORD_BYTES,
    block_bytes: int = _raftfast.DEFAULT_BLOCK_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> Ledger:
    """Convert RAFT records to the rows of a target.

    The output appears under its name when it is complete, and ``rejects`` and ``report`` just
    before it. If anything is raised, the output's name shows what it did before; only devices,
    FIFOs and standard output have then been written to.

    Args:
        inputs: One or several, which become one output in order. A path: JSON lines or one JSON
            array, compressed by gz, zst, bz2 or xz or not; an Arrow file or stream; Parquet; a
            folder that ``save_to_disk`` of Hugging Face's ``datasets`` made; any other folder, or a
            pattern such as ``"data/*.jsonl.gz"``, is all such files in it; ``"-"`` is standard
            input. A binary file object with ``readinto`` or ``read``. Whatever has
            ``__arrow_c_stream__`` or ``__arrow_c_array__``, as tables, frames and relations have,
            and a ``datasets.Dataset``.
        output: Where the rows go: a path, ``"-"`` for standard output, or a binary file object with
            ``write``. A name that ends in ``.gz`` or ``.zst`` is compressed, one in ``.parquet``,
            ``.arrow`` or ``.arrows`` has columns; everything else is JSON lines. A folder, or a
            name that ends with a slash, gets an output for each input.
        to: A built-in target, one of ``Converter.targets()``, or the path of a target file, which
            ends in ``.toml``.
        threads: Workers; by default the CPUs this process may use.
        system: The system message; ``""`` leaves it out. By default the target's own.
        prompt_key: The name of the prompt column; by default the target's own.
        completion_key: The name of the completion column; by default the target's own.
        stop: What is appended to each completion; by default the target's own.
        settings: Settings of the target by name, for a target file of your own.
        dialect: What the records are: one of ``Converter.dialects()``, or ``"auto"`` to tell it for
            each record.
        answer: What is taken for the answer.
        turns: What becomes of a conversation of several answers where the target takes one.
        rejected: What is taken for the rejected answer of preference rows: the key that holds it,
            or ``"other"``: the answer of another record of the inputs, which are read twice for
            that. By default the key ``rejected``.
        unrepaired: Repairs, by the names that dialects have for them, that are not to be made.
        check: What becomes of rows that break a rule of their consumer, see ``raftfast targets``.
        train: What of the answer is trained on, where the target can say so; by default what the
            target's rows say without it.
        template: The chat template of the target ``"text"``: one of ``Converter.templates()``, or
            the path of a Jinja file or of a ``tokenizer_config.json``.
        text_as: What becomes of a row that is one text, as those of chat templates are.
        date: What a template that asks for today's date is told, as it should be written.
        escape: How strings are written: ``"keep"`` copies escapes as they stand, ``"ascii"`` writes
            the bytes of ``json.dumps``, ``"pandas"`` those of Gorilla's ``format.py``.
        on_error: ``"fail"`` ends the run at the first malformed record, ``"skip"`` counts it.
        output_type: What the output is, whatever its name says: ``"jsonl"``, ``"arrow"`` (an IPC
            file), ``"arrows"`` (an IPC stream) or ``"parquet"``.
        compression: How it is compressed, whatever its name says. By default Parquet by zst, Arrow
            and JSON lines not at all.
        level: The level of compression: 0 to 9 for gz (6), 1 to 22 for zst (3).
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        shards: How many outputs to make, ``train-00000-of-00016.jsonl`` and so on for
            ``train.jsonl``, written at the same time. Where inputs cannot be divided and are fewer,
            they are read twice, and the shards, of as many rows each, written one after the other.
        shard_size: Bytes of such an output at most, one after the other.
        resume: For a folder of outputs: whether to keep those whose input, options and version are
            the same as when they were made.
        beside: Whether to write the file that a consumer wants beside its rows, such as
            ``dataset_info.json``; by default if the output is a folder. Entries that are in it
            already stay.
        split: For a folder as output: the shares of the rows that files in it get, such as
            ``{"train": 0.9, "test": 0.1}``. Without names they get those that the consumer reads,
            or train, validation and test.
        seed: Another number gives other choices for ``rejected="other"``, and with ``split`` puts
            other rows into each file.
        rejects: Where skipped records go, as JSONL; needs ``on_error="skip"``, and inputs of lines.
        report: Where the ledger goes, as JSON, with the names and options of the run.
        expect_rows: How many rows have to be written for the run to be complete.
        sync: Whether to return only when the disk has the output and its name.
        max_record_bytes: The longest record that is taken.
        block_bytes: Bytes of input that a worker takes at a time.
        progress: Called about twenty times a second with the bytes read and the bytes in all
            (``None`` if a pipe is among the inputs). What it raises ends the run.
        told: Called at the end with the outputs, if there are several.

    Returns:
        The account of the run.

    Warns:
        RuleWarning: A file has more or fewer rows or bytes than its consumer takes.

    Raises:
        Error: A record is malformed, or the run is not what was expected.
        UsageError: The options do not go together, or an output is also an input.
        OSError: A file cannot be read or written.

    """
    if rejects is not None and on_error != "skip":
        raise UsageError("rejects needs on_error=skip: otherwise no record is rejected")
    check_numbers(
        threads=threads,
        seed=seed,
        expect_rows=expect_rows,
        max_record_bytes=max_record_bytes,
        block_bytes=block_bytes,
    )
    converter = _raftfast.Converter(
        to,
        system=system,
        prompt_key=prompt_key,
        completion_key=completion_key,
        stop=stop,
        settings={**settings},
        dialect=dialect,
        answer=answer,
        turns=turns,
        rejected=rejected,
        seed=0 if split is not None and rejected != "other" else seed,
        unrepaired=[*unrepaired],
        check=check,
        train=train,
        template=template,
        text_as=text_as,
        date=date,
        escape=escape,
        on_error=on_error,
        max_record_bytes=max_record_bytes,
    )
    refuse_text(output, "'wb'")
    given = output if is_path(output) else None
    names = _given(rejects=rejects, report=report, output=given)
    refuse_forms(rejects=names.get("rejects"))
    refuse_forms("JSON", ".json", report=names.get("report"))
    refuse_made_of({"target": to, "template": template}, names)
    several = several_of(names.get("output"), shards, shard_size, resume=resume)
    folder = names["output"] if several is not None and several.folder else None
    companion = _companion(converter, names.get("output"), several, beside=beside)
    form = form_of(names.get("output") if folder is None else None, output_type, compression, level)
    several = split_of(
        several, split, seed=seed, files=converter.files, form=form, target=os.fsdecode(to)
    )
    found = expand(listed(inputs), folder)
    sources = [one.source for one in found]
    check_readable(sources)
    refuse_rejects(rejects, sources)
    named = _given(system=system, prompt_key=prompt_key, completion_key=completion_key, stop=stop)
    reading: dict[str, object] = {"dialect": dialect, "answer": answer, "turns": turns}
    chosen = _given(train=train, template=template, date=date, rejected=rejected)
    options = {
        "settings": {**settings},
        **named,
        **reading,
        "unrepaired": [*unrepaired],
        "check": check,
        **chosen,
        **({} if text_as == "text" else {"text_as": text_as}),
        **({} if split is None or several is None else {"split": several.split}),
        **({"seed": seed} if converter.takes_others or split is not None else {}),
        "escape": escape,
        "on_error": on_error,
        **form.as_options(),
    }

    rows = _Rows(converter, form, block_bytes, long)
    end = _End(
        target=os.fsdecode(to),
        limits=converter.limits,
        sources=sources,
        names=names,
        output=names.get("output", name_of(output)),
        options=options,
        check=check,
        expect_rows=expect_rows,
        companion=companion,
    )
    if several is None:
        names = {**({} if companion is None else companion.beside(names["output"])), **names}
        refuse_clashes(sources, names, output)
        with published(names, sync=sync) as paths:
            ledger = rows.write(
                sources,
                paths.get("output", output),
                threads=threads,
                rejects=paths.get("rejects"),
                tick=progress,
            )
            end.close(Outcome(ledger, []), paths)
        return ledger
    others = _given(rejects=rejects, report=report)
    threads = threads or _raftfast.default_threads()
    if several.shards is not None:
        # A shard is made of a part of the inputs, and takes answers from all of them.
        with rows.unchanged(sources):
            rows = rows.knowing(sources, threads, progress)
    task = Task(
        found, names["output"], rows.write, threads, others, sync, progress, end.close, companion
    )
    decisive = {
        **options,
        **_decisive(to, template),
        "max_record_bytes": max_record_bytes,
        "long": long,
    }
    outcome = several.convert(task, form.ending, decisive)
    if told is not None:
        told(outcome)
    return outcome.ledger


class _Rows(NamedTuple):
    """How inputs become rows."""

    converter: _raftfast.Converter
    form: Form
    block_bytes: int
    long: bool

    def knowing(self, inputs: Sequence[Source], threads: int | None, tick: Tick | None) -> Self:
        """Look for the answers of all inputs, if they are rejected ones of other records."""
        known = with_others(self.converter, inputs, threads=threads, long=self.long, tick=tick)
        return self._replace(converter=known)

    def write(self, inputs: Sequence[Source], output: Any, **others: Any) -> Ledger:  # noqa: ANN401
        """Write the rows of some inputs: what a `raftfast.task.Run` does."""
        inputs = _opened_for(inputs, others, self.form)
        with self.unchanged(inputs):
            converter = self.knowing(inputs, others["threads"], others["tick"]).converter
            with opened(inputs, converter.wanted) as streams, naming(inputs):
                return _raftfast.convert_files(
                    streams,
                    output,
                    converter,
                    block_bytes=self.block_bytes,
                    form=self.form.kind,
                    compression=self.form.compression,
                    level=self.form.level,
                    long=self.long,
                    **others,
                )

    @contextmanager
    def unchanged(self, inputs: Sequence[Source]) -> Iterator[None]:
        """Refuse inputs that change meanwhile, if they are read twice: for answers, then rows."""
        if not self.converter.takes_others:
            yield
            return
        # 10 ms, which a run that reads its inputs once need not pay.
        from raftfast.manifest import unchanged  # noqa: PLC0415

        with unchanged(inputs):
            yield


class _End(NamedTuple):
    """What is done when all rows are written, before the outputs get their names."""

    target: str
    limits: Mapping[str, int]
    sources: Sequence[Source]
    names: Mapping[str, str]
    output: str
    options: Mapping[str, object]
    check: Check
    expect_rows: int | None
    companion: Companion | None

    def close(self, outcome: Outcome, paths: Mapping[str, str]) -> None:
        """Hold the outcome against what was expected, and write what stands beside the rows."""
        if not outcome.ledger.read:
            refuse_no_rows(self.sources)
        _check_rows(outcome.ledger, self.expect_rows)
        check_limits(outcome, self.output, self.target, self.limits, self.check)
        if "report" in paths:
            write_report(paths["report"], self._facts(outcome))
        if self.companion is not None:
            self.companion.write(paths.get("beside"), self.names["output"])

    def _facts(self, outcome: Outcome) -> dict[str, object]:
        return {
            "target": self.target,
            "inputs": [name_of(source) for source in self.sources],
            "output": self.output,
            "options": self.options,
            **_account(outcome, self.sources),
        }


def _given(**names: str | PathLike[str] | None) -> dict[str, str]:
    """Keep what was asked for, in this order."""
    return {role: os.fsdecode(name) for role, name in names.items() if name is not None}


def _decisive(
    to: str | PathLike[str], template: str | PathLike[str] | None
) -> dict[str, str | None]:
    """Name the target and the template, or what their files hold: that decides the rows."""
    target = os.fsdecode(to)
    if target.endswith(".toml"):
        target = _raftfast.digest(to)
    if template is not None and os.path.isfile(template):  # noqa: PTH113 - pathlib is 10 ms
        return {"to": target, "template": _raftfast.digest(template)}
    return {"to": target}


def _companion(
    converter: _raftfast.Converter,
    output: str | None,
    several: Several | None,
    *,
    beside: bool | None,
) -> Companion | None:
    """Give the file that is to be written beside the rows, if one is."""
    is_folder = several is not None and several.folder
    if beside is False or (beside is None and not is_folder):
        return None
    if converter.beside is None:
        if beside:
            raise UsageError("this target has no file beside its rows")
        return None
    if output in (None, STANDARD) or (several is not None and not is_folder):
        raise UsageError("beside needs one file or a folder as output: its entries name files")
    # json takes 7 ms, which other runs need not pay.
    from raftfast.companion import Companion  # noqa: PLC0415

    return Companion(*converter.beside)


def _opened_for(inputs: Sequence[Source], others: dict[str, Any], form: Form) -> Sequence[Source]:
    """Return the inputs that a shard needs: all, for its columns; of lines, those it is made of."""
    only = others.pop("only", None)
    if only is None or form.kind == "jsonl":
        return inputs[slice(*only)] if only else inputs
    others["only"] = only
    return inputs


def _account(outcome: Outcome, sources: Sequence[Source]) -> dict[str, object]:
    """Give what became of the records, as a report tells it."""
    outputs = [made.as_dict() for made in outcome.outputs]
    told: dict[str, object] = {"outputs": outputs} if outputs else {}
    return {**told, **_by_input(outcome, sources), **outcome.ledger.as_dict()}


def _by_input(outcome: Outcome, sources: Sequence[Source]) -> dict[str, object]:
    """Give the account of each input, where there are several."""
    # A shard is made from bytes of inputs, and an empty input has none.
    parts: dict[str, list[Ledger]] = {name: [] for name in map(name_in_account, sources)}
    for name, part in outcome.ledger.inputs:
        parts.setdefault(name, []).append(part)
    totals = {name: _raftfast.Ledger.total(each, 0) for name, each in parts.items()}
    accounts = [{"input": name, **total.as_dict()} for name, total in totals.items()]
    for account in accounts:
        del account["seconds"]  # they were converted together
    return {"by_input": accounts} if len(accounts) > 1 else {}


def _check_rows(ledger: Ledger, expected: int | None) -> None:
    if expected is not None and ledger.written != expected:
        message = f"{ledger.written} rows were written, but {expected} are expected"
        raise Error(message, kind="expected-rows")
