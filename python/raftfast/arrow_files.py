"""Arrow files and streams, as far as pyarrow has to read them."""

# To import pyarrow takes 0.1 s.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raftfast._raftfast import Strings
from raftfast.held import chosen_of, held
from raftfast.kinds import CONTINUATION
from raftfast.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import NativeFile, RecordBatch
    from pyarrow.ipc import IpcReadOptions, RecordBatchStreamReader

    from raftfast.held import Source, Wanted

_ENDS = (CONTINUATION + bytes(4), bytes(4))


@contextmanager
def opened_file(path: str, wanted: Wanted | None) -> Iterator[Source]:
    """Open an Arrow file, which must be the only one at its path."""
    from pyarrow import OSFile, ipc

    with OSFile(os.fsencode(path)) as file:
        whole = ipc.open_file(file).schema
        if not Strings.is_one_file(path):
            raise ValueError("its last batch does not end at its footer: is it several files?")
        reader = ipc.open_file(file, options=_only(chosen_of(whole, wanted)))
        yield (
            schema_of(reader.schema, whole),
            map(reader.get_batch, range(reader.num_record_batches)),
        )


@contextmanager
def opened_stream(source: object, wanted: Wanted | None) -> Iterator[Source]:
    """Open an Arrow stream at a path, or in an object that is read like a file."""
    from pyarrow import ipc

    with held(source) as file:
        whole = ipc.open_stream(file).schema
        file.seek(0)
        reader = ipc.open_stream(file, options=_only(chosen_of(whole, wanted)))
        yield schema_of(reader.schema, whole), _to_the_end(reader, file)


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
