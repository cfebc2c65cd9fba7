"""What a conversion reads: paths, objects read like files, and whatever holds Arrow columns."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from raftfast import columns
from raftfast.errors import Error, UsageError
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Source: TypeAlias = Any
"""A path (``"-"`` is standard input), a binary file object, an object with ``__arrow_c_stream__``
or ``__arrow_c_array__``, or a ``datasets.Dataset``."""

_COLUMNS = ("__arrow_c_stream__", "__arrow_c_array__")
_BYTES = ("readinto", "read")


def listed(inputs: Source | Sequence[Source]) -> list[Source]:
    """List one input or several, paths as strings."""
    if is_path(inputs) or _is_object(inputs) or hasattr(inputs, "keys"):
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
            if error.kind != "broken-input":
                raise
            _raise_failure(streams, error)
            raise


def _raise_failure(streams: Sequence[str | tuple[str, object]], error: Error) -> None:
    """Raise what a stream failed with: an exception that passed through C has lost all but text."""
    for stream in streams:
        failure = None if isinstance(stream, str) else getattr(stream[1], "failure", None)
        if isinstance(failure, (Error, OSError)) and str(error).startswith(f"{stream[0]}: "):
            raise failure from None


def _opened(
    source: Source, wanted: Sequence[str] | None, held: ExitStack
) -> str | tuple[str, object]:
    if _is_dataset(source):
        return "the Dataset", columns.of_dataset(source, wanted)
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
        if hasattr(source, "keys") and any(map(_is_dataset, source.values())):
            raise UsageError(f"choose one of the splits {', '.join(source)}")
        raise UsageError(f"there is nothing to read from a {type(source).__name__}")
    return source


def _is_object(source: object) -> bool:
    return _is_dataset(source) or any(hasattr(source, name) for name in (*_COLUMNS, *_BYTES))


def _is_dataset(source: object) -> bool:
    """Tell a ``datasets.Dataset``, which has no Arrow interface, without importing it."""
    datasets = sys.modules.get("datasets")
    return datasets is not None and isinstance(source, datasets.Dataset)
