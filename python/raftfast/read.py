"""Rows in memory: as Arrow batches for whoever takes them, and as a dataset."""

from __future__ import annotations

from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from raftfast import _raftfast
from raftfast.errors import Error, UsageError
from raftfast.inputs import expand
from raftfast.numbers import check_numbers
from raftfast.others import with_others
from raftfast.paths import check_readable
from raftfast.sources import listed, opened, raise_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    import datasets
    import pyarrow as pa

    from raftfast._raftfast import Ledger
    from raftfast.choices import Answer, Check, OnError, TextAs, Train, Turns
    from raftfast.sources import Source


class Batches:
    """Rows as Arrow record batches, converted while they are read, once.

    Anything that takes Arrow streams takes this: ``pyarrow.table(batches)``,
    ``polars.DataFrame(batches)``, ``duckdb.sql("from batches")``, ``pandas.DataFrame.from_arrow``.
    Nothing is copied on the way. Iterating gives ``pyarrow.RecordBatch`` objects. One thread at
    a time may read them, as with every Arrow stream.
    """

    def __init__(
        self, reader: _raftfast.Reader, streams: Sequence[str | tuple[str, object]]
    ) -> None:
        """Wrap what converts; it keeps open what it reads from, also when only a stream is left."""
        self._reader = reader
        self._streams = streams

    def __arrow_c_schema__(self) -> object:
        """Export the schema by the Arrow PyCapsule interface."""
        return self._reader.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the batches by the Arrow PyCapsule interface."""
        return self._reader.__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Give the batches one after the other, as pyarrow has them."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and needed here only

        try:
            yield from self.to_pyarrow()
        except pa.ArrowException:
            self.check()  # also Ctrl-C, which is heard while the next batch is waited for
            raise

    def check(self) -> None:
        """Raise what ended the conversion early, if something did.

        Libraries that read the batches raise exceptions of their own, with the same text.
        """
        try:
            self._reader.check()
        except Error as error:
            raise_failure(self._streams, error)
            raise

    @property
    def schema(self) -> pa.Schema:
        """The columns, as pyarrow has them."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and needed here only

        return pa.schema(self)

    @property
    def ledger(self) -> Ledger | None:
        """The account of the run, once the last batch has been read."""
        return self._reader.ledger

    def to_pyarrow(self) -> pa.RecordBatchReader:
        """Give the batches as a reader of pyarrow, for its writers and datasets."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and needed here only

        return pa.RecordBatchReader.from_stream(self)


def read(  # noqa: PLR0913 - the options of a conversion, all but three by keyword only
    inputs: Source | Sequence[Source],
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
    seed: int = 0,
    unrepaired: Sequence[str] = (),
    check: Check = "warn",
    train: Train | None = None,
    template: str | None = None,
    text_as: TextAs = "text",
    date: str | None = None,
    on_error: OnError = "fail",
    long: bool = False,
    max_record_bytes: int = _raftfast.DEFAULT_MAX_RECORD_BYTES,
) -> Batches:
    """Convert RAFT records to the rows of a target, as Arrow batches in memory.

    The rows are converted on threads of their own while they are read, a few batches of each thread
    ahead, so memory is bounded. What is wrong in the data is raised by whoever reads the batches.

    Args:
        inputs: What `convert` takes: paths, file objects, Arrow streams.
        to: A built-in target or the path of a target file.
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
        seed: Another number gives other choices; for ``rejected="other"`` only.
        unrepaired: Repairs, by the names that dialects have for them, that are not to be made.
        check: What becomes of rows that break a rule of their consumer, see ``raftfast targets``.
        train: What of the answer is trained on, where the target can say so; by default what the
            target's rows say without it.
        template: The chat template of the target ``"text"``: one of ``Converter.templates()``, or
            the path of a Jinja file or of a ``tokenizer_config.json``.
        text_as: What becomes of a row that is one text, as those of chat templates are.
        date: What a template that asks for today's date is told, as it should be written.
        on_error: ``"fail"`` ends the run at the first malformed record, ``"skip"`` counts it.
        long: Whether zstd files are taken that need more than 128 MiB for their window.
        max_record_bytes: The longest record that is taken.

    Returns:
        The batches, to be read once.

    Raises:
        UsageError: The target has no columns, or they or the answers of other records can only be
            known by reading the records twice and an input can be read only once.
        Error: The target takes whole records, and they have no columns in common.
        OSError: A file cannot be read.

    """
    check_numbers(threads=threads, seed=seed, max_record_bytes=max_record_bytes)
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
        seed=seed,
        unrepaired=[*unrepaired],
        check=check,
        train=train,
        template=template,
        text_as=text_as,
        date=date,
        on_error=on_error,
        max_record_bytes=max_record_bytes,
    )
    return batches_of(inputs, converter, threads=threads, long=long)


def batches_of(
    inputs: Source | Sequence[Source],
    converter: _raftfast.Converter,
    *,
    threads: int | None = None,
    long: bool = False,
) -> Batches:
    """Read rows as `read` does, with a converter that is compiled already."""
    check_numbers(threads=threads)
    sources = [found.source for found in expand(listed(inputs))]
    check_readable(sources)
    converter = with_others(converter, sources, threads=threads, long=long)
    held = ExitStack()
    try:
        streams = held.enter_context(opened(sources, converter.wanted))
        # Without anything of Python's to be let go of at the end: what signals raise there is lost.
        needed = held if any(map(_is_of_python, streams)) else None
        reader = _raftfast.read_batches(streams, converter, threads=threads, long=long, held=needed)
    except BaseException:
        held.close()
        raise
    return Batches(reader, streams)


def _is_of_python(stream: str | tuple[str, object]) -> bool:
    """Tell what is open in Python from what the core reads by itself."""
    of_core = (_raftfast.Strings, _raftfast.Parquet)
    return not isinstance(stream, str) and not isinstance(stream[1], of_core)


def to_dataset(
    inputs: Source | Sequence[Source],
    to: str | PathLike[str] = "chat",
    **options: Any,  # noqa: ANN401
) -> datasets.Dataset:
    """Convert RAFT records to the rows of a target, as a ``datasets.Dataset`` in memory.

    Args:
        inputs: What `convert` takes: paths, file objects, Arrow streams, another dataset.
        to: A built-in target or the path of a target file.
        options: Those of `read`.

    Raises:
        UsageError: ``datasets`` is not installed, or what `read` raises.
        Error: What is wrong in the data.

    """
    try:
        import datasets  # noqa: PLC0415 - heavy, and needed here only
        import pyarrow as pa  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("datasets is not installed: pip install raftfast[datasets]") from error
    batches = read(inputs, to, **options)
    return datasets.Dataset(pa.Table.from_batches(list(batches), batches.schema))
