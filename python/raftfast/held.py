"""Files of columns as they are opened: paths and objects, and which of their columns are read."""

# To import pyarrow takes 0.1 s.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from raftfast.schemas import told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyarrow import NativeFile, RecordBatch, Schema

    Source: TypeAlias = tuple[Schema, Iterator[RecordBatch]]
    Wanted: TypeAlias = Callable[[list[tuple[str, str]]], list[str]]
    """Tells which columns are used, of those that there are: their names, and what they hold."""

EMPTY_ROWS = 1 << 26
"""Rows without a bit in the file that may be read: a few hundred bytes announce billions."""


class Theirs(Exception):  # noqa: N818 - carries one
    """What an object of the caller raised while it was read: nothing is known of its bytes.

    Attributes:
        error: That.

    """

    def __init__(self, error: BaseException) -> None:
        """Carry it through pyarrow."""
        super().__init__(str(error))
        self.error = error


class Whole:
    """A file object of the caller as pyarrow takes it: which gives all that is asked for.

    One may give less before its end. And pyarrow asks whether it is closed, which not all say.
    """

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - anything like a file
        """Take an object that is not closed here."""
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    @property
    def closed(self) -> bool:
        """Whether the object says so."""
        return bool(getattr(self._file, "closed", False))

    def read(self, size: int) -> bytes:
        """Return so many bytes, or all that are left."""
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(bytes(piece))
            size -= len(piece)
        return b"".join(pieces)


class _Marked(Whole):
    """The same, which tells what the object raises from what pyarrow does."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(file)
        self.seek = _marking(self.seek)
        self.tell = _marking(self.tell)

    def read(self, size: int) -> bytes:
        read: bytes = _marking(super().read)(size)
        return read


def _marking(call: Callable[..., Any]) -> Callable[..., Any]:
    def marked(*arguments: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        try:
            return call(*arguments)
        except BaseException as error:
            raise Theirs(error) from error

    return marked


@contextmanager
def held(source: Any) -> Iterator[NativeFile]:  # noqa: ANN401 - a path, or anything like a file
    """Open a path, or take an object as a file that is not closed."""
    from pyarrow import OSFile, PythonFile

    if not isinstance(source, str):
        yield PythonFile(_Marked(source), mode="r")
        return
    with OSFile(os.fsencode(source)) as file:
        yield file


def chosen_of(schema: Schema, wanted: Wanted | None) -> list[int]:
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
