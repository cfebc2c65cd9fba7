"""Inputs as they are given: files, folders, quoted patterns, standard input, objects."""

# pathlib sorts and joins slower, and to import it takes 10 ms.
# ruff: noqa: PTH100, PTH112, PTH113, PTH116, PTH118, PTH119, PTH120, PTH123, PTH206

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from raftfast.kinds import kind_of
from raftfast.paths import STANDARD, status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from raftfast.sources import Source

_LINES = (".jsonl", ".ndjson", ".json")
_COMPRESSED = (".gz", ".zst", ".zstd", ".bz2", ".xz")
_COLUMNS = (".parquet", ".pq", ".arrow", ".feather", ".ipc", ".arrows")
ENDINGS = (*(form + packed for form in _LINES for packed in ("", *_COMPRESSED)), *_COLUMNS)
"""How the names of files end that are taken from a folder."""

# `_SUCCESS` is ours and Hadoop's; the others describe datasets and hold no records.
_NEVER = {"_SUCCESS", "state.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"}
DATASET_SIGNS = ("state.json", "dataset_dict.json")
"""What ``save_to_disk`` of ``datasets`` leaves in the folders of data sets, and of several."""
_MAGIC = "*?["
_FIRST = 4096
# gzip, zstd and its frames to skip, bzip2, xz, a JSON array.
_CONTAINERS = (
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    *(bytes([last, 0x2A, 0x4D, 0x18]) for last in range(0x50, 0x60)),
    b"BZh",
    b"\xfd7zXZ\x00",
    b"[",
)


class Found(NamedTuple):
    """One input.

    Attributes:
        source: What to open: a path, or an object that holds or gives records.
        name: Where it stands below the folder or pattern it was found by, such as ``a/b.jsonl``;
            ``None`` if it has no name, as standard input has none.
        root: The folder that was named for it, with all that is in it; ``None`` for other inputs.

    """

    source: Source
    name: str | None
    root: str | None = None


def expand(sources: Iterable[Source], output: str | None = None) -> list[Found]:
    """List the inputs that sources stand for, each one's sorted by path.

    A folder stands for the files in it and in its folders whose names end in one of `ENDINGS`,
    except hidden ones; a folder that ``save_to_disk`` of ``datasets`` made is one input. A name
    with ``*``, ``?`` or ``[``, if nothing has exactly this name, stands for the files that it
    matches, where ``**`` is any number of folders.

    Args:
        sources: What the caller gave, in order, paths as strings.
        output: A folder that outputs go to; what is in it is not an input of a folder above it.

    Raises:
        OSError: A folder cannot be read, or no file is in it, or none matches a pattern.

    """
    return [found for source in sources for found in _given(source, output)]


def split_ending(name: str) -> tuple[str, str]:
    """Cut a name before its whole ending: ``("train", ".jsonl.zst")``, or ``("notes.txt", "")``."""
    known = (ending for ending in ENDINGS if name.lower().endswith(ending))
    start = len(name) - max(map(len, known), default=0)
    return name[:start], name[start:]


def is_dataset(name: str) -> bool:
    """Tell whether ``save_to_disk`` of ``datasets`` made a folder, which then is one input."""
    return any(os.path.isfile(os.path.join(name, sign)) for sign in DATASET_SIGNS)


def is_divisible(source: Source) -> bool:
    """Tell whether parts of an input can be converted by themselves: a regular file of plain lines.

    What a file holds is told by its first bytes, as the core does, not by its name.
    """
    if not isinstance(source, str) or not os.path.isfile(source) or kind_of(source) is not None:
        return False
    with open(source, "rb") as file:
        first = file.read(_FIRST).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not first.startswith(_CONTAINERS)


def _given(source: Source, output: str | None) -> Sequence[Found]:
    if not isinstance(source, str) or source == STANDARD:
        return [Found(source, None)]
    return _named(source, output)


def _named(name: str, output: str | None) -> Sequence[Found]:
    if is_dataset(name) or not os.path.isdir(name):
        if _is_pattern(name):
            return _matching(name, output)
        return [Found(name, os.path.basename(os.path.abspath(name)))]
    below = (Found(os.path.join(name, inner), inner, name) for inner in _below(name))
    return _some(sorted(below), name, output, f"no file in it ends in {', '.join(_shortest())}")


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in _MAGIC) and not os.path.lexists(name)


def _matching(pattern: str, output: str | None) -> Sequence[Found]:
    first = min(pattern.find(sign) for sign in _MAGIC if sign in pattern)
    root = os.path.dirname(pattern[:first])
    matches = sorted({*_matches("", _parts(pattern))})
    datasets = {path for path in matches if is_dataset(path)}
    files = (path for path in matches if path in datasets or not os.path.isdir(path))
    below = [
        Found(path, _relative(path, root))
        for path in files
        if os.path.basename(path) not in _NEVER and datasets.isdisjoint(_folders(path))
    ]
    return _some(below, root or os.curdir, output, "no file matches it", blamed=pattern)


def _parts(pattern: str) -> tuple[str, ...]:
    """Cut a pattern at its slashes, of which one at its start or its end counts."""
    *above, last = pattern.split(os.sep)
    root = (os.sep,) if pattern.startswith(os.sep) else ()
    return (*root, *(part for part in above if part), last)


def _matches(
    folder: str, parts: Sequence[str], above: tuple[tuple[int, int], ...] = ()
) -> Iterator[str]:
    """Name what matches a pattern in a folder, as `glob` of Python does.

    But that one passes over folders that it may not read, and follows links in circles.
    """
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matches_below(folder, parts, above)
        return
    for path in _named_so(folder, first):
        if not rest:
            yield path
        elif _is_folder(path):
            yield from _matches(path, rest)


def _matches_below(
    folder: str, parts: Sequence[str], above: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    """Name what matches the rest of a pattern in a folder and, after ``**``, in its folders."""
    here = _identity(folder or os.curdir)
    if here in above:
        return
    if parts[1:]:
        yield from _matches(folder, parts[1:])
    for entry in _shown(folder or os.curdir):
        path = os.path.join(folder, entry.name)
        if not parts[1:]:
            yield path
        if entry.is_dir():
            yield from _matches(path, parts, (*above, here))


def _named_so(folder: str, part: str) -> Iterator[str]:
    """Name what a part of a pattern stands for in a folder."""
    if not any(sign in part for sign in _MAGIC):
        path = os.path.join(folder, part)
        if is_there(path):
            yield path
        return
    from fnmatch import fnmatchcase  # noqa: PLC0415 - 3 ms that only patterns need

    with os.scandir(folder or os.curdir) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        is_hidden = name.startswith(".") and not part.startswith(".")
        if not is_hidden and fnmatchcase(name, part):
            yield os.path.join(folder, name)


def _is_folder(path: str) -> bool:
    """Tell whether something is a folder, or a link to one."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_there(path: str) -> bool:
    """Tell whether something has a name; that nobody may look is no answer.

    Raises:
        OSError: It cannot be told.

    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _some(
    found: list[Found], root: str, output: str | None, otherwise: str, blamed: str | None = None
) -> Sequence[Found]:
    """Leave out what is in the output, and insist on something."""
    own = _inside(root, output)
    kept = [one for one in found if own is None or not f"{one.name}".startswith(own)]
    if not kept:
        raise FileNotFoundError(errno.ENOENT, otherwise, blamed or root)
    return kept


def _inside(root: str, output: str | None) -> str | None:
    """Name the folder of outputs as seen from a folder that it is in, with a slash at its end."""
    if output is None:
        return None
    name = os.path.relpath(os.path.realpath(output), os.path.realpath(root))
    outside = name in (os.curdir, os.pardir) or name.startswith(os.pardir + os.sep)
    return None if outside else name + os.sep


def _relative(path: str, root: str) -> str:
    name = os.path.relpath(path, root or os.curdir)
    return os.path.basename(path) if name.startswith(os.pardir + os.sep) else name


def _folders(path: str) -> Iterator[str]:
    """Name the folders that a path leads through."""
    while (folder := os.path.dirname(path)) != path:
        yield folder
        path = folder


def _below(root: str) -> Iterator[str]:
    """Name the inputs in a folder and its folders, links followed, but in no circle."""
    waiting: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while waiting:
        prefix, above = waiting.pop()
        here = _identity(os.path.join(root, prefix))
        if here in above:
            continue
        for entry in _shown(os.path.join(root, prefix)):
            if entry.is_dir() and not is_dataset(entry.path):
                waiting.append((f"{prefix}{entry.name}{os.sep}", (*above, here)))
            elif entry.is_dir() or _is_taken(entry.name):
                yield prefix + entry.name


def _shown(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _is_taken(name: str) -> bool:
    return name not in _NEVER and split_ending(name)[1] != ""


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _shortest() -> tuple[str, ...]:
    return (*_LINES, *_COLUMNS, *_COMPRESSED)
