"""What a conversion reads: paths, objects read like files, and whatever holds Arrow columns."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from io import TextIOBase
from typing import TYPE_CHECKING, Any, TypeAlias

from raftfast import tables
from raftfast.errors import Error, UsageError
from raftfast.kinds import kind_of, kind_of_object
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raftfast.held import Wanted
    from raftfast.kinds import FileKind

Source: TypeAlias = Any
"""A path (``"-"`` is standard input), a binary file object, an object with ``__arrow_c_stream__``
or ``__arrow_c_array__``, or a ``datasets.Dataset``."""

_COLUMNS = ("__arrow_c_stream__", "__arrow_c_array__")
_BYTES = ("readinto", "read")
_DATASET = "the Dataset"
_STREAMED = ("IterableDataset", "IterableDatasetDict")


def listed(inputs: Source | Sequence[Source]) -> list[Source]:
    """List one input or several, paths as strings."""
    if is_path(inputs) or _is_object(inputs) or hasattr(inputs, "keys"):
        return [_plain(inputs)]
    if _advice(inputs) or not _is_iterable(inputs):
        raise _nothing_in(inputs)
    sources = [_plain(source) for source in inputs]
    _refuse_again(sources)
    return sources


def is_path(source: object) -> bool:
    """Tell whether a source or output is a path, and not an object."""
    return isinstance(source, (str, bytes, os.PathLike))


def can_be_read_again(source: Source) -> bool:
    """Tell whether reading a source leaves it as it was, as far as it does not take a look at it.

    That is so of paths, of which the core refuses pipes, and of whatever says how many rows it has:
    tables and frames do, readers of streams do not.
    """
    if isinstance(source, str):
        return True
    return not any(hasattr(source, name) for name in _BYTES) and hasattr(source, "__len__")


def _refuse_again(sources: Sequence[Source]) -> None:
    """Refuse an object that has nothing left to give when its turn comes again."""
    taken = set()
    for source in sources:
        if id(source) in taken:
            raise UsageError(f"{name_of(source)} is named twice, but can be read only once")
        if not can_be_read_again(source):
            taken.add(id(source))


def name_of(source: Source) -> str:
    """Return what a source is called in messages and reports."""
    if isinstance(source, str):
        return source
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else f"<{type(source).__name__}>"


def name_in_account(source: Source) -> str:
    """Return what a source is called in the accounts of inputs that a ledger holds."""
    if _is_dataset(source):
        return _DATASET
    if not isinstance(source, str):
        return name_of(source)
    if source == STANDARD:
        return "<stdin>"
    return os.fsencode(source).decode(errors="backslashreplace")  # as the core names it


@contextmanager
def opened(
    sources: Sequence[Source], wanted: Wanted | None
) -> Iterator[list[str | tuple[str, object]]]:
    """Open what the core cannot read by itself: files of columns, through pyarrow.

    Args:
        sources: What `listed` gave.
        wanted: Tells which columns are used; ``None`` is all of them.

    Yields:
        What the core takes as inputs.

    """
    with ExitStack() as held:
        streams = [_opened(source, wanted, held) for source in sources]
        try:
            yield streams
        except Error as error:
            raise_failure(streams, error)
            raise


def raise_failure(streams: Sequence[str | tuple[str, object]], error: Error) -> None:
    """Raise what a stream failed with: an exception that passed through C has lost all but text.

    Args:
        streams: What `opened` gave.
        error: What the core made of it; other errors than that are left alone.

    """
    if error.kind != "broken-input":
        return
    for stream in streams:
        failure = None if isinstance(stream, str) else getattr(stream[1], "failure", None)
        if not isinstance(failure, BaseException) or error.path != name_in_account(stream[0]):
            continue
        is_plain = isinstance(failure, Exception) and not isinstance(failure, (Error, OSError))
        if not is_plain or getattr(stream[1], "is_of_caller", False):
            raise failure from None


@contextmanager
def naming(sources: Sequence[Source]) -> Iterator[None]:
    """Say in which inputs a field is missing: the core knows of the records of all of them."""
    try:
        yield
    except Error as error:
        if error.kind != "missing-field" or error.path is not None:
            raise
        raise Error(f"{names_of(sources)}: {error}", error.kind, names_of(sources)) from None


def names_of(sources: Sequence[Source]) -> str:
    """Name the first source, and how many more there are."""
    more = len(sources) - 1
    return name_in_account(sources[0]) + (f" and {more} more" if more > 0 else "")


def refuse_no_rows(sources: Sequence[Source]) -> None:
    """Refuse columns without a single row: an empty file of lines may be meant, this hardly is."""
    for source in sources:
        if _has_columns(source):
            raise Error(f"{name_of(source)}: holds no rows", "no-rows", name_of(source))


def refuse_rejects(rejects: object, sources: Sequence[Source]) -> None:
    """Refuse a file for the rejects of columns: their rows are no lines, and are not read whole."""
    for source in sources if rejects is not None else ():
        if _has_columns(source):
            raise UsageError(
                f"{name_of(source)}: rejects of columns are counted, not kept; do without a file"
                " for them, or convert this to lines first (to hf)"
            )


def _has_columns(source: Source) -> bool:
    if isinstance(source, str):
        return source != STANDARD and kind_of(source) is not None
    if _is_dataset(source) or hasattr(source, _COLUMNS[0]):
        return True
    return _kind_of_object(source) is not None


def _opened(source: Source, wanted: Wanted | None, held: ExitStack) -> str | tuple[str, object]:
    if not isinstance(source, str):
        return _opened_object(source, wanted, held)
    kind = None if source == STANDARD else kind_of(source)
    if kind is None:
        return source
    from raftfast import columns  # noqa: PLC0415 - with all that lines do not need

    by_core = columns.of_core(source, kind, wanted)
    if by_core is not None:
        return source, by_core
    return held.enter_context(columns.opened(source, kind, wanted))


def _opened_object(source: Source, wanted: Wanted | None, held: ExitStack) -> tuple[str, object]:
    if _is_dataset(source):
        return _DATASET, tables.of_dataset(source, wanted)
    name = name_of(source)
    if tables.is_table(source):
        return name, tables.of_table(name, source, wanted)
    kind = _kind_of_object(source)
    if kind is not None and source.tell() == 0:
        from raftfast.columns import opened  # noqa: PLC0415 - as above

        return held.enter_context(opened(name, kind, wanted, source))
    return name, tables.of_nulls(source) if _has_nulls(source) else source


def refuse_text(source: object, mode: str) -> None:
    """Refuse a file that was not opened for bytes, in this mode.

    Raises:
        UsageError: It was opened for text.

    """
    # What wraps such a file, as `NamedTemporaryFile` does, has its encoding.
    if isinstance(source, TextIOBase) or isinstance(getattr(source, "encoding", None), str):
        raise UsageError(f"{name_of(source)} was opened as text: open it with {mode}, as bytes")


def _kind_of_object(source: Source) -> FileKind | None:
    """Tell what columns there are in an object that is read like a file, and is none of columns."""
    return None if hasattr(source, _COLUMNS[0]) else kind_of_object(source)


def _plain(source: Source) -> Source:
    if is_path(source):
        return os.fsdecode(source)
    refuse_text(source, "'rb'")
    if not _is_object(source):
        if hasattr(source, "keys") and any(map(_is_dataset, source.values())):
            raise UsageError(f"choose one of the splits {', '.join(source)}")
        raise _nothing_in(source)
    return source


def _nothing_in(source: object) -> UsageError:
    name = type(source).__name__
    article = "an" if name[0] in "AEIOUaeiou" else "a"
    return UsageError(f"there is nothing to read from {article} {name}{_advice(source)}")


def _advice(source: object) -> str:
    """Say what to do about an object that has rows and does not give them as they are needed."""
    if tables.is_of(source, "datasets", *_STREAMED):
        return ", which streams its rows: load it without streaming, or name its files"
    if tables.is_of(source, "polars", "LazyFrame"):
        return ", which has no rows yet: collect() it"
    return ""


def _is_iterable(source: object) -> bool:
    try:
        iter(source)  # type: ignore[call-overload]
    except TypeError:
        return False
    return True


def _has_nulls(source: object) -> bool:
    """Tell a frame of Polars with columns, or parts of them, in which all is null."""
    if not tables.is_of(source, "polars", "DataFrame"):
        return False
    return any("Null" in str(kind) for kind in source.schema.values())  # type: ignore[attr-defined]


def _is_object(source: object) -> bool:
    return _is_dataset(source) or any(hasattr(source, name) for name in (*_COLUMNS, *_BYTES))


def _is_dataset(source: object) -> bool:
    """Tell a ``datasets.Dataset``, which has no Arrow interface, without importing it."""
    return tables.is_of(source, "datasets", "Dataset")
