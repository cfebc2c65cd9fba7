"""Columns from files: Arrow IPC, Parquet and the folders of ``datasets``.

What the core cannot read by itself is read with pyarrow. A file is then opened as a stream of
record batches, which is what ``__arrow_c_stream__`` offers. Each is validated before anybody sees
it, so that hostile bytes end as an error and never reach code that trusts offsets. Files are read,
not mapped: one that shrinks would be a SIGBUS.
"""

# To import pathlib takes 10 ms, and pyarrow 100.
# ruff: noqa: PTH119, PLC0415

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from raftfast import parquet_files
from raftfast._raftfast import Strings
from raftfast.arrow_files import opened_file, opened_stream
from raftfast.blame import blaming, broken
from raftfast.errors import UsageError
from raftfast.held import EMPTY_ROWS, Theirs
from raftfast.saved import shards
from raftfast.schemas import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pyarrow import Array, DictionaryArray, Field, RecordBatch, Schema
    from typing_extensions import Self

    from raftfast._raftfast import Parquet
    from raftfast.held import Source, Wanted
    from raftfast.kinds import FileKind, Kind


class Columns:
    """The record batches of one input, each validated before it is handed out.

    Iterate over it, or give it to whoever takes ``__arrow_c_stream__``. A consumer in C or Rust
    sees only the text of what is raised, with a traceback behind it; ``failure`` is the exception.

    Attributes:
        name: The input, as messages name it.
        schema: The columns that are read.
        failure: What ended the stream before its end. Every later call raises it again, so that a
            stream that failed never looks like one that is complete.
        is_of_caller: Whether that was raised by the caller's own object.

    """

    def __init__(self, name: str, schema: Schema, batches: Iterator[RecordBatch]) -> None:
        """Take batches that are checked; the first is not read yet."""
        self.name = name
        self.schema = schema
        self.failure: BaseException | None = None
        self.is_of_caller = False
        self._batches = batches

    def __iter__(self) -> Self:
        """Return the stream itself: it can be read once."""
        return self

    def __next__(self) -> RecordBatch:
        """Return the next batch."""
        if self.failure is not None:
            raise self.failure
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except Theirs as raised:
            self.failure, self.is_of_caller = raised.error, True
            raise raised.error from None
        except BaseException as failure:
            self.failure = failure
            raise

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the stream over by the Arrow PyCapsule interface, in its own schema only."""
        del requested_schema
        from pyarrow import RecordBatchReader

        return RecordBatchReader.from_batches(self.schema, self).__arrow_c_stream__()


def of_core(path: str, kind: Kind, wanted: Wanted | None) -> Strings | Parquet | None:
    """Open a file or folder that the core can read by itself, without pyarrow.

    Args:
        path: A regular file, or a folder of ``save_to_disk``.
        kind: What ``kind_of`` says that it is.
        wanted: Tells which columns to read.

    Returns:
        ``None`` for columns of anything but strings, for Arrow whose batches are compressed and
        Parquet in rare encodings, if all columns are wanted, and for files in which something is
        wrong: then `opened` takes the file, or says what it is.

    Raises:
        Error: The list of files in a folder is broken.

    """
    if wanted is None:
        return None
    try:
        if kind == "parquet":
            return parquet_files.columns(path, wanted)
        return Strings.open(shards(path) if kind == "folder" else [path], wanted)
    except OSError:
        return None


@contextmanager
def opened(
    path: str,
    kind: Kind,
    wanted: Wanted | None,
    file: Any = None,  # noqa: ANN401 - anything like a file
) -> Iterator[tuple[str, Columns]]:
    """Open a file or folder as a stream of record batches.

    Args:
        path: A regular file, or a folder of ``save_to_disk``; or what messages call ``file``.
        kind: What ``kind_of`` or ``kind_of_object`` says that it is.
        file: An object to read from instead. It is not closed.
        wanted: Tells which columns to read, by their names at the top level; ``None`` for all. If
            none of them is there, the first column is read, so that its rows can be counted.

    Yields:
        The name for messages, and the stream, which is open until the block ends.

    Raises:
        Error: The file is broken (kind ``"broken-input"``), here or later out of the stream.
        UsageError: pyarrow is not installed.
        OSError: The file cannot be opened or read.

    """
    require_pyarrow()
    source = _folder(path, wanted) if kind == "folder" else _checked(path, kind, wanted, file)
    with ExitStack() as held:
        try:
            schema, batches = held.enter_context(source)
        except Theirs as raised:
            raise raised.error from None
        yield path, Columns(path, schema, batches)


def require_pyarrow() -> None:
    """Raise a ``UsageError`` that says what to install, unless pyarrow is there."""
    try:
        import pyarrow  # noqa: F401, ICN001
    except ModuleNotFoundError as missing:
        if missing.name != "pyarrow":
            raise
        message = "Arrow and Parquet files need pyarrow: pip install 'raftfast[arrow]'"
        raise UsageError(message) from missing


@contextmanager
def _checked(
    path: str,
    kind: FileKind,
    wanted: Wanted | None,
    file: Any = None,  # noqa: ANN401 - anything like a file
) -> Iterator[Source]:
    """Open one file, with all that is wrong in it blamed on it."""
    with ExitStack() as held:
        with blaming(path, kind):
            named = path if file is None else file
            schema, batches = held.enter_context(_READERS[kind](named, wanted))
            for field in schema:
                _check_names(field)
        yield schema, _validated(path, kind, schema, batches)


def _validated(
    path: str, kind: FileKind, schema: Schema, batches: Iterator[RecordBatch]
) -> Iterator[RecordBatch]:
    empty = 0
    with blaming(path, kind):
        for batch in batches:
            # Whoever imports a batch trusts that it has the types that the stream announced.
            if not batch.schema.equals(schema):
                raise ValueError("a batch has other columns than the file announces")
            for column in batch.columns:
                _validate(column)
            empty += batch.num_rows if batch.num_rows > 8 * batch.nbytes else 0
            if empty > EMPTY_ROWS:
                raise ValueError(f"more than {EMPTY_ROWS:,} of its rows hold nothing")
            yield batch


def _validate(column: Array) -> None:
    """Check lengths and offsets of a column, and all else that is checked nowhere later.

    That strings are UTF-8 the core checks, on all threads: here it took 0.2 s a GB, on one, and of
    a dictionary as much for each batch.
    """
    from pyarrow import binary, large_binary, types

    if types.is_dictionary(column.type):
        column.validate()
        _validate(column.indices)
        _validate(column.dictionary)
        _check_keys(column)
        return
    if types.is_string(column.type):
        column = column.view(binary())
    elif types.is_large_string(column.type):
        column = column.view(large_binary())
    column.validate(full=True)


def _check_keys(column: DictionaryArray) -> None:
    """Check that the keys of a dictionary stand for values of it."""
    from pyarrow import compute

    keys = compute.min_max(column.indices).as_py()
    if keys["min"] is not None and not 0 <= keys["min"] <= keys["max"] < len(column.dictionary):
        raise ValueError("a key of its dictionary stands for no value")


def _check_names(field: Field) -> None:
    """Decode the names of a field and of those within: that they are UTF-8 is not checked later."""
    from pyarrow import DictionaryType

    field.name.encode()
    kind = stored(field.type)
    if isinstance(kind, DictionaryType):
        kind = kind.value_type
    for number in range(kind.num_fields):
        _check_names(kind.field(number))


_READERS: dict[FileKind, Callable[..., AbstractContextManager[Source]]] = {
    "arrow": opened_file,
    "arrows": opened_stream,
    "parquet": parquet_files.opened_parquet,
}


@contextmanager
def _folder(path: str, wanted: Wanted | None) -> Iterator[Source]:
    """Open the shards of a data set as one stream, in the order of its own list."""
    files = shards(path)
    with _checked(files[0], "arrows", wanted) as (schema, _):
        pass
    yield schema, _each(files, schema, wanted)


def _each(files: list[str], schema: Schema, wanted: Wanted | None) -> Iterator[RecordBatch]:
    for file in files:
        with _checked(file, "arrows", wanted) as (own, batches):
            if not own.equals(schema):
                raise broken(file, f"has other columns than {os.path.basename(files[0])}")
            yield from batches
