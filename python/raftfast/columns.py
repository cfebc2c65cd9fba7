"""Columns from files: Arrow IPC, Parquet and the folders of ``datasets``, read with pyarrow.

A file is opened as a stream of record batches, which is what ``__arrow_c_stream__`` offers. Each
batch is validated before anybody sees it, so that hostile bytes end as an error and never reach
code that trusts offsets. Files are read, not mapped: one that shrinks would be a SIGBUS.
"""

# To import pathlib takes 10 ms, and pyarrow 100.
# ruff: noqa: PTH113, PTH118, PTH119, PTH123, PLC0415

from __future__ import annotations

import os
import stat
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from raftfast._raftfast import Strings, end_of_parts
from raftfast.errors import Error, UsageError
from raftfast.files import name_file
from raftfast.schemas import schema_of, stored, told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pyarrow import (
        Array,
        Field,
        NativeFile,
        RecordBatch,
        Schema,
    )
    from pyarrow.ipc import IpcReadOptions, RecordBatchStreamReader
    from pyarrow.parquet import FileMetaData, ParquetFile, RowGroupMetaData
    from typing_extensions import Self

    Source: TypeAlias = tuple[Schema, Iterator[RecordBatch]]
    Wanted: TypeAlias = Callable[[list[tuple[str, str]]], list[str]]
    """Tells which columns are used, of those that there are: their names, and what they hold."""

FileKind: TypeAlias = Literal["arrow", "arrows", "parquet"]
"""An Arrow IPC file, an Arrow IPC stream, a Parquet file."""

Kind: TypeAlias = Literal[FileKind, "folder"]
"""One of these, or a folder that ``save_to_disk`` of ``datasets`` has made."""

BATCH_BYTES = 8 << 20
"""What a batch of a Parquet file holds, at most about. Larger ones are read no faster: with 25 MB
the peak of the process was 80 MB higher."""
BATCH_ROWS = 1024
"""The most rows in a batch of a Parquet file. Its metadata does not say how large rows become whose
values are kept once, in a dictionary, as documents are that come again and again."""
BUFFER_BYTES = 1 << 20
"""How much of a column of a Parquet file is read at a time: otherwise it is a whole row group's."""
MESSAGE_LIMIT = 160
"""Where the words of pyarrow are cut, which may quote the file."""

_EMPTY_ROWS = 1 << 26
"""Rows without a bit in the file that may be read: a few hundred bytes announce billions."""
_CALLED = {"arrow": "an Arrow file", "arrows": "an Arrow stream", "parquet": "Parquet"}
_PARQUET = b"PAR1"
"""What a Parquet file begins and ends with."""
_STATE, _SPLITS = "state.json", "dataset_dict.json"
_CONTINUATION = b"\xff\xff\xff\xff"
_ENDS = (_CONTINUATION + bytes(4), bytes(4))
_LEGACY_LIMIT = 16 << 20


# What a path is -----------------------------------------------------------------------------------


def kind_of(path: str) -> Kind | None:
    """Tell by its first bytes, whatever its name, whether a file or folder holds columns.

    Args:
        path: Only regular files and folders are looked into: a FIFO would lose the bytes.

    Returns:
        ``None`` for everything else, also for what does not exist.

    Raises:
        Error: The list of data sets in a folder is broken.
        UsageError: The folder holds several data sets, of which one has to be chosen.
        OSError: The file cannot be opened.

    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return _kind_of_folder(path)
    if not stat.S_ISREG(found.st_mode):
        return None
    file = os.open(path, os.O_RDONLY)
    try:
        return _kind_of_bytes(os.read(file, 8), found.st_size)
    finally:
        os.close(file)


def kind_of_object(file: Any) -> FileKind | None:  # noqa: ANN401 - anything like a file
    """Tell by its first bytes whether a binary file object holds columns that can be read from it.

    Args:
        file: It is left where it was. In one that cannot be sought there are none.

    Returns:
        ``None`` also for an Arrow file with a footer, which must be the only one in its file: that
        is told by the core, of files that have a name.

    """
    if not all(hasattr(file, name) for name in ("read", "seek", "tell")):
        return None
    if not getattr(file, "seekable", lambda: True)():
        return None
    try:
        place = file.tell()
        file.seek(0 if place else 1)  # what can only be read on says no, before anything is read
    except (OSError, ValueError, NotImplementedError):
        return None
    file.seek(0)
    # Not with the size: to seek the end of a file that is decompressed takes all of its time.
    kind = _kind_of_bytes(_Whole(file).read(8), _LEGACY_LIMIT)
    file.seek(place)
    return None if kind == "arrow" else kind


def _kind_of_folder(path: str) -> Kind | None:
    if os.path.isfile(os.path.join(path, _SPLITS)):
        names = ", ".join(os.path.join(path, name) for name in _splits(path))
        raise UsageError(f"{path} holds several data sets: choose one of {names}")
    return "folder" if os.path.isfile(os.path.join(path, _STATE)) else None


def _kind_of_bytes(head: bytes, size: int) -> FileKind | None:
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith((_PARQUET, b"PARE")):  # with PARE the footer is encrypted
        return "parquet"
    if head.startswith(_CONTINUATION):
        return "arrows" if int.from_bytes(head[4:], "little", signed=True) > 0 else None
    return "arrows" if _is_legacy(head, size) else None


def _is_legacy(head: bytes, size: int) -> bool:
    """Tell a stream from before Arrow 0.15, which begins with the length of its schema.

    With the four bytes of that length it fills multiples of eight, and the place of its root comes
    first. Text has no zero bytes, and the numbers that compressed files begin with are larger.
    """
    length, root = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
    return length < min(size, _LEGACY_LIMIT) and length % 8 == 4 and 4 <= root < length  # noqa: PLR2004


# Batches, checked ---------------------------------------------------------------------------------


class Columns:
    """The record batches of one input, each validated before it is handed out.

    Iterate over it, or give it to whoever takes ``__arrow_c_stream__``. A consumer in C or Rust
    sees only the text of what is raised, with a traceback behind it; ``failure`` is the exception.

    Attributes:
        name: The input, as messages name it.
        schema: The columns that are read.
        failure: What ended the stream before its end. Every later call raises it again, so that a
            stream that failed never looks like one that is complete.

    """

    def __init__(self, name: str, schema: Schema, batches: Iterator[RecordBatch]) -> None:
        """Take batches that are checked; the first is not read yet."""
        self.name = name
        self.schema = schema
        self.failure: Exception | None = None
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
        except Exception as failure:
            self.failure = failure
            raise

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the stream over by the Arrow PyCapsule interface, in its own schema only."""
        del requested_schema
        from pyarrow import RecordBatchReader

        return RecordBatchReader.from_batches(self.schema, self).__arrow_c_stream__()


def strings(path: str, kind: Kind, wanted: Wanted | None) -> Strings | None:
    """Open a file or folder of Arrow that the core can read by itself, without pyarrow.

    Args:
        path: A regular file, or a folder of ``save_to_disk``.
        kind: What ``kind_of`` says that it is.
        wanted: Tells which columns to read.

    Returns:
        ``None`` for Parquet, for batches that are compressed, for columns of anything but strings,
        and for files in which something is wrong: then `opened` takes the file, or says what it is.

    Raises:
        Error: The list of files in a folder is broken.

    """
    if wanted is None or kind == "parquet":
        return None
    try:
        return Strings.open(_shards(path) if kind == "folder" else [path], wanted)
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
    with source as (schema, batches):
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
        with _blaming(path, kind):
            named = path if file is None else file
            schema, batches = held.enter_context(_READERS[kind](named, wanted))
            for field in schema:
                _check_names(field)
        yield schema, _validated(path, kind, schema, batches)


def _validated(
    path: str, kind: FileKind, schema: Schema, batches: Iterator[RecordBatch]
) -> Iterator[RecordBatch]:
    empty = 0
    with _blaming(path, kind):
        for batch in batches:
            # Whoever imports a batch trusts that it has the types that the stream announced.
            if not batch.schema.equals(schema):
                raise ValueError("a batch has other columns than the file announces")
            for column in batch.columns:
                _validate(column)
            empty += batch.num_rows if batch.num_rows > 8 * batch.nbytes else 0
            if empty > _EMPTY_ROWS:
                raise ValueError(f"more than {_EMPTY_ROWS:,} of its rows hold nothing")
            yield batch


def _validate(column: Array) -> None:
    """Check lengths and offsets of a column, and all else that is checked nowhere later.

    That strings are UTF-8 the core checks, on all threads: here it took 0.2 s a GB, on one.
    """
    from pyarrow import binary, large_binary, types

    if types.is_string(column.type):
        column = column.view(binary())
    elif types.is_large_string(column.type):
        column = column.view(large_binary())
    column.validate(full=True)


def _check_names(field: Field) -> None:
    """Decode the names of a field and of those within: that they are UTF-8 is not checked later."""
    from pyarrow import DictionaryType

    field.name.encode()
    kind = stored(field.type)
    if isinstance(kind, DictionaryType):
        kind = kind.value_type
    for number in range(kind.num_fields):
        _check_names(kind.field(number))


@contextmanager
def _blaming(path: str, kind: FileKind) -> Iterator[None]:
    """Turn whatever pyarrow raises about the bytes of a file into an ``Error`` of one line.

    Failures of the operating system stay what they are, and get the name of the file.
    """
    try:
        yield
    except (Error, ImportError):
        raise
    except Exception as error:  # pyarrow has a dozen classes for it, of half as many builtin ones
        if isinstance(error, OSError) and error.errno is not None:
            name_file(error, path)
            raise
        raise _broken(path, f"cannot be read as {_CALLED[kind]}: {_one_line(error)}") from error


def _broken(path: str, what: str) -> Error:
    return Error(f"{path}: {what}", kind="broken-input", path=path)


def _one_line(error: Exception) -> str:
    """Say what pyarrow said, which may quote the file, so that it can stand in a message."""
    words = " ".join(str(error).split()) or type(error).__name__
    cut = words if len(words) <= MESSAGE_LIMIT else words[:MESSAGE_LIMIT] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


# Each kind of file --------------------------------------------------------------------------------


@contextmanager
def _file(path: str, wanted: Wanted | None) -> Iterator[Source]:
    from pyarrow import OSFile, ipc

    with OSFile(os.fsencode(path)) as file:
        whole = ipc.open_file(file).schema
        if not Strings.is_one_file(path):
            raise ValueError("its last batch does not end at its footer: is it several files?")
        reader = ipc.open_file(file, options=_only(_chosen(whole, wanted)))
        yield (
            schema_of(reader.schema, whole),
            map(reader.get_batch, range(reader.num_record_batches)),
        )


class _Whole:
    """A file object of the caller as pyarrow takes it: which gives all that is asked for.

    One may give less before its end. And pyarrow asks whether it is closed, which not all say.
    """

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - anything like a file
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    @property
    def closed(self) -> bool:
        return bool(getattr(self._file, "closed", False))

    def read(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(bytes(piece))
            size -= len(piece)
        return b"".join(pieces)


@contextmanager
def _held(source: Any) -> Iterator[NativeFile]:  # noqa: ANN401 - a path, or anything like a file
    """Open a path, or take an object as a file that is not closed."""
    from pyarrow import OSFile, PythonFile

    if not isinstance(source, str):
        yield PythonFile(_Whole(source), mode="r")
        return
    with OSFile(os.fsencode(source)) as file:
        yield file


@contextmanager
def _stream(source: object, wanted: Wanted | None) -> Iterator[Source]:
    from pyarrow import ipc

    with _held(source) as file:
        whole = ipc.open_stream(file).schema
        file.seek(0)
        reader = ipc.open_stream(file, options=_only(_chosen(whole, wanted)))
        yield schema_of(reader.schema, whole), _to_the_end(reader, file)


def _chosen(schema: Schema, wanted: Wanted | None) -> list[int]:
    """Return the numbers of the wanted columns, or of the first one if there are none."""
    names = schema.names
    if not names:
        raise ValueError("it has no columns")
    counts = Counter(names)
    used = names if wanted is None else wanted(told_of(schema))
    chosen = [number for number, name in enumerate(names) if name in used]
    for number in chosen:
        if counts[names[number]] > 1:
            raise ValueError(f"several columns are called {names[number]!r}")
    return chosen or [0]


def _only(chosen: list[int]) -> IpcReadOptions:
    from pyarrow.ipc import IpcReadOptions

    return IpcReadOptions(included_fields=chosen, use_threads=False)  # threads made it no faster


def _to_the_end(reader: RecordBatchStreamReader, file: NativeFile) -> Iterator[RecordBatch]:
    """Insist on the mark at the end of a stream, and on nothing behind it.

    Without that, a stream cut between two batches would be a shorter one, and of several streams in
    one file all but the first would be lost.
    """
    end = file.tell()
    for batch in reader:
        end = file.tell()
        yield batch
    file.seek(end)
    rest = file.read(max(map(len, _ENDS)) + 1)
    if rest not in _ENDS:
        whole = rest.startswith(_ENDS)
        raise ValueError("something follows its end" if whole else "its end is missing")


@contextmanager
def _parquet(source: object, wanted: Wanted | None) -> Iterator[Source]:
    from pyarrow import schema
    from pyarrow.parquet import ParquetFile

    with _held(source) as file:
        # pre_buffer would hold whole row groups.
        parquet = ParquetFile(
            file, buffer_size=BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        )
        _check_room(parquet.metadata, file.size())
        _insist_on_one(file)
        whole = parquet.schema_arrow
        chosen = [whole.field(number) for number in _chosen(whole, wanted)]
        yield (
            schema_of(schema(chosen), whole),
            _row_groups(parquet, [field.name for field in chosen]),
        )


def _check_room(metadata: FileMetaData, size: int) -> None:
    """Refuse very many rows without a bit in the file each, as runs of nulls have them.

    Not by the metadata of columns: what is wrong there pyarrow throws where nobody catches it.
    """
    if metadata.num_rows > max(_EMPTY_ROWS, 8 * size):
        raise ValueError(f"it announces {metadata.num_rows:,} rows in {size:,} bytes")


def _insist_on_one(file: NativeFile) -> None:
    """Refuse several files, one after the other.

    Only the last one's footer is read, which tells of places in itself: where the files are of one
    layout, these hold rows of the first. What stands before the last file is no longer than what is
    left between the last part that its footer tells of and that footer, and the first file ends in
    it. Of one file that is nothing, or filters whose length its writer did not tell.
    """
    last = file.size() - len(_PARQUET) - 4
    file.seek(last)
    footer = last - int.from_bytes(file.read(4), "little")
    file.seek(footer)
    end = end_of_parts(file.read(last - footer))
    if end is not None and _has_seam(file, footer - end):
        raise ValueError("a file ends before its last one: is it several files?")


def _has_seam(file: NativeFile, length: int) -> bool:
    """Tell whether a file ends in the first so many bytes, and another begins there."""
    seam, window, place = 2 * _PARQUET, b"", 0
    file.seek(0)
    rest = length + len(_PARQUET) if length > 0 else 0
    while rest > 0 and (piece := file.read(min(BUFFER_BYTES, rest))):
        place += len(piece)
        rest -= len(piece)
        window = window[-len(seam) - 3 :] + piece
        at = window.find(seam)
        while at >= 0:
            # Before that stands how long its footer is; a text may look the same.
            footer = int.from_bytes(window[max(at - 4, 0) : at], "little")
            if 0 < footer <= place - len(window) + at - 4:
                return True
            at = window.find(seam, at + 1)
    return False


def _row_groups(parquet: ParquetFile, names: list[str]) -> Iterator[RecordBatch]:
    """Read group by group, and insist on as many rows as the file says that it has."""
    missing = parquet.metadata.num_rows
    for number in range(parquet.num_row_groups):
        size = _batch_rows(parquet.metadata.row_group(number))
        for batch in parquet.iter_batches(size, row_groups=[number], columns=names):
            missing -= batch.num_rows
            if missing < 0:
                break
            yield batch.select(names)  # a name also selects those that begin with it and a dot
    if missing:
        raise ValueError(f"it has not the {parquet.metadata.num_rows} rows that it announces")


def _batch_rows(group: RowGroupMetaData) -> int:
    fitting: int = BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)
    return max(1, min(BATCH_ROWS, fitting))


_READERS: dict[FileKind, Callable[..., AbstractContextManager[Source]]] = {
    "arrow": _file,
    "arrows": _stream,
    "parquet": _parquet,
}


# Folders of ``datasets`` --------------------------------------------------------------------------


@contextmanager
def _folder(path: str, wanted: Wanted | None) -> Iterator[Source]:
    """Open the shards of a data set as one stream, in the order of its own list."""
    shards = _shards(path)
    with _checked(shards[0], "arrows", wanted) as (schema, _):
        pass
    yield schema, _each(shards, schema, wanted)


def _each(shards: list[str], schema: Schema, wanted: Wanted | None) -> Iterator[RecordBatch]:
    for shard in shards:
        with _checked(shard, "arrows", wanted) as (own, batches):
            if not own.equals(schema):
                raise _broken(shard, f"has other columns than {os.path.basename(shards[0])}")
            yield from batches


def _shards(path: str) -> list[str]:
    """List the files of a data set, all of which are there."""
    state = _load(path, _STATE)
    if any(state[key] for key in state if key.startswith("_indices")):
        # Older versions of datasets kept a selection or another order of the rows beside them.
        raise _broken(path, "an order of its own is kept in indices: save flatten_indices() of it")
    shards = [os.path.join(path, name) for name in _file_names(state)]
    if not shards:
        raise _broken(path, f"{_STATE} names no files of its folder")
    for shard in shards:
        if not os.path.isfile(shard):
            raise _broken(shard, f"is missing, but named in {_STATE}")
    return shards


def _file_names(state: dict[str, Any]) -> list[str]:
    """Return the files that a data set consists of; none if one of them is elsewhere."""
    try:
        names = [file["filename"] for file in state["_data_files"]]
    except (KeyError, TypeError):
        return []
    plain = all(isinstance(name, str) and name == os.path.basename(name) for name in names)
    return names if plain else []


def _splits(path: str) -> list[str]:
    splits = _load(path, _SPLITS).get("splits")
    if not (isinstance(splits, list) and splits):
        raise _broken(path, f"{_SPLITS} names no data sets")
    return [str(name) for name in splits]


def _load(path: str, name: str) -> dict[str, Any]:
    import json

    with open(os.path.join(path, name), "rb") as file:
        try:
            listing = json.load(file)
        except (ValueError, RecursionError) as error:
            raise _broken(path, f"{name} is not JSON: {_one_line(error)}") from error
    if not isinstance(listing, dict):
        raise _broken(path, f"{name} is not an object")
    return listing
