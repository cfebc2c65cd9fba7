"""What pyarrow says of a broken file, as an error of one line that names it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from raftfast.errors import Error
from raftfast.files import name_file
from raftfast.held import Theirs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raftfast.kinds import FileKind

MESSAGE_LIMIT = 160
"""Where the words of pyarrow are cut, which may quote the file."""
_CALLED = {"arrow": "an Arrow file", "arrows": "an Arrow stream", "parquet": "Parquet"}


@contextmanager
def blaming(path: str, kind: FileKind) -> Iterator[None]:
    """Turn whatever pyarrow raises about the bytes of a file into an ``Error`` of one line.

    Failures of the operating system stay what they are, and get the name of the file. What an
    object of the caller raised goes on as that.
    """
    try:
        yield
    except (Error, ImportError, MemoryError, Theirs):
        raise
    except Exception as error:  # pyarrow has a dozen classes for it, of half as many builtin ones
        if isinstance(error, OSError) and error.errno is not None:
            name_file(error, path)
            raise
        raise broken(path, f"cannot be read as {_CALLED[kind]}: {one_line(error)}") from error


def broken(path: str, what: str) -> Error:
    """Make the error of an input that is not what it should be."""
    return Error(f"{path}: {what}", kind="broken-input", path=path)


def one_line(error: Exception) -> str:
    """Say what pyarrow said, which may quote the file, so that it can stand in a message."""
    words = " ".join(str(error).split()) or type(error).__name__
    cut = words if len(words) <= MESSAGE_LIMIT else words[:MESSAGE_LIMIT] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
