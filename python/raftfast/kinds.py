"""What an input is by its first bytes, whatever it is called: lines, or columns of some kind."""

# To import pathlib takes 10 ms.
# ruff: noqa: PTH113, PTH118, PTH122

from __future__ import annotations

import os
import stat
from typing import Any, Literal, TypeAlias

from raftfast.errors import Error, UsageError
from raftfast.files import blaming
from raftfast.forms import NEVER_EMPTY
from raftfast.held import Whole
from raftfast.saved import SPLITS, STATE, splits

FileKind: TypeAlias = Literal["arrow", "arrows", "parquet"]
"""An Arrow IPC file, an Arrow IPC stream, a Parquet file."""

Kind: TypeAlias = Literal[FileKind, "folder"]
"""One of these, or a folder that ``save_to_disk`` of ``datasets`` has made."""

PARQUET = b"PAR1"
"""What a Parquet file begins and ends with."""
CONTINUATION = b"\xff\xff\xff\xff"
"""What a message of an Arrow stream begins with, since Arrow 0.15."""
_LEGACY_LIMIT = 16 << 20


def kind_of(path: str) -> Kind | None:
    """Tell by its first bytes, whatever its name, whether a file or folder holds columns.

    Args:
        path: Only regular files and folders are looked into: a FIFO would lose the bytes.

    Returns:
        ``None`` for everything else, also for what does not exist.

    Raises:
        Error: The list of data sets in a folder is broken; or a file is empty that is called what
            none is of that: it was not written to its end.
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
    ending = os.path.splitext(path)[1]
    if found.st_size == 0 and ending.lower() in NEVER_EMPTY:
        raise Error(f"{path}: is empty, which no {ending} file is", "broken-input", path)
    with blaming(path):
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
    kind = _kind_of_bytes(Whole(file).read(8), _LEGACY_LIMIT)
    file.seek(place)
    return None if kind == "arrow" else kind


def _kind_of_folder(path: str) -> Kind | None:
    if os.path.isfile(os.path.join(path, SPLITS)):
        names = ", ".join(os.path.join(path, name) for name in splits(path))
        raise UsageError(f"{path} holds several data sets: choose one of {names}")
    return "folder" if os.path.isfile(os.path.join(path, STATE)) else None


def _kind_of_bytes(head: bytes, size: int) -> FileKind | None:
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith((PARQUET, b"PARE")):  # with PARE the footer is encrypted
        return "parquet"
    if head.startswith(CONTINUATION):
        return "arrows" if int.from_bytes(head[4:], "little", signed=True) > 0 else None
    return "arrows" if _is_legacy(head, size) else None


def _is_legacy(head: bytes, size: int) -> bool:
    """Tell a stream from before Arrow 0.15, which begins with the length of its schema.

    With the four bytes of that length it fills multiples of eight, and the place of its root comes
    first. Text has no zero bytes, and the numbers that compressed files begin with are larger.
    """
    length, root = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
    return length < min(size, _LEGACY_LIMIT) and length % 8 == 4 and 4 <= root < length  # noqa: PLR2004
