"""What a conversion reads: paths, objects that are read like files, and whatever holds Arrow columns."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from raftfast import columns
from raftfast.errors import Error, UsageError
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Source: TypeAlias = "str | os.PathLike[str] | Any"
"""A path (``"-"`` is standard input), a binary file object, or an object with
``__arrow_c_stream__`` or ``__arrow_c_array__``."""

_COLUMNS = ("__arrow_c_stream__", "__arrow_c_array__")
_BYTES = ("readinto", "read")


def listed(inputs: Source | Sequence[Source]) -> list[Source]:
    """List one input or several, paths as strings."""
    if is_path(inputs) or _is_object(inputs):
        return [_plain(inputs)]
    return [_plain(source) for source in inputs]


def is_path(source: object) -> bool:
    """Tell whether a source or output is a path, and not an object."""
    return isinstance(source, (str, bytes, os.PathLike))


def name_of(source: Source) -> str:
    """Return what a source is called in messages and reports."""
    if isinstance(source, str):
        return source
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else f"<{type(source).__name__}>"


@contextmanager
def opened(
    sources: Sequence[Source], wanted: Sequence[str] | None
) -> Iterator[list[str | tuple[str, object]]]:
    """Open what the core cannot read by itself: files of columns, through pyarrow.

    Args:
        sources: What `listed` gave.
        wanted: The columns that are used; ``None`` is all of them.

    Yields:
        What the core takes as inputs.

    """
    with ExitStack() as held:
        streams = [_opened(source, wanted, held) for source in sources]
        try:
            yield streams
        except Error as error:
            # An exception that passed through the C interface has lost all but its text.
            failures = [getattr(stream[1], "failure", None) for stream in streams if stream[1:]]
            found = next((failure for failure in failures if isinstance(failure, Error)), None)
            if found is None or error.kind != "broken-input":
                raise
            raise found from None


def _opened(
    source: Source, wanted: Sequence[str] | None, held: ExitStack
) -> str | tuple[str, object]:
    if not isinstance(source, str):
        return name_of(source), source
    kind = None if source == STANDARD else columns.kind_of(source)
    if kind is None:
        return source
    return held.enter_context(columns.opened(source, kind, wanted))


def _plain(source: Source) -> Source:
    if is_path(source):
        return os.fsdecode(source)
    if not _is_object(source):
        raise UsageError(f"there is nothing to read from a {type(source).__name__}")
    return source


def _is_object(source: object) -> bool:
    return any(hasattr(source, method) for method in (*_COLUMNS, *_BYTES))
