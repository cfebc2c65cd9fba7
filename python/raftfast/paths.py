"""Which file a name is: inputs that can be read, and outputs that are none of them."""

# pathlib knows no directory descriptors, and to import it takes 10 ms.
# ruff: noqa: PTH110, PTH112, PTH116, PTH118, PTH208

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What `save_to_disk` of `datasets` leaves in a folder, which then is one input.
_DATASET = ("state.json", "dataset_dict.json")

STANDARD = "-"
"""The name of standard input among inputs, and of standard output among outputs."""


def status(name: str) -> os.stat_result | None:
    """Return what is behind a name, following links; ``None`` if there is nothing."""
    try:
        return os.stat(name)
    except FileNotFoundError:
        return None


def check_readable(inputs: Sequence[object]) -> None:
    """Fail before any work for an input that cannot be read, as far as inputs are names."""
    names = [source for source in inputs if isinstance(source, str)]
    if not inputs:
        raise UsageError("no input is named")
    if names.count(STANDARD) > 1:
        raise UsageError("standard input is named twice")
    for name in names:
        if name != STANDARD:
            _check_file(name)


def refuse_clashes(
    inputs: Sequence[object], outputs: Mapping[str, str], written: object = None
) -> None:
    """Refuse an output that is an input, or another output, under whatever name.

    Args:
        inputs: The inputs; those that are neither names nor open files clash with nothing.
        outputs: The names of the outputs by what they are for, such as ``"rejects"``.
        written: What rows are written to, if that is an open file.

    """
    refuse_same(inputs, outputs.items())
    _refuse_same_file(inputs, outputs, written)


def refuse_made_of(files: Mapping[str, object], outputs: Mapping[str, str]) -> None:
    """Refuse an output that is a file by which rows are made, under whatever name.

    Args:
        files: What they are for, and their names, unless nothing or what is built in is.
        outputs: The names of the outputs by what they are for.

    """
    taken = {
        _identity(os.fsdecode(file), stream=0): what
        for what, file in files.items()
        if isinstance(file, (str, os.PathLike)) and _is_named_as_file(os.fspath(file))
    }
    for role, name in outputs.items():
        identity = _identity(name, stream=1)
        if identity is not None and identity in taken:
            raise UsageError(f"{role} {name} is the file of the {taken[identity]}")


def _is_named_as_file(name: str) -> bool:
    """Tell whether a target or a template is a file, and not one of those that are built in."""
    return os.sep in name or "." in name


def refuse_same(inputs: Sequence[object], outputs: Iterable[tuple[str, str]]) -> None:
    """Refuse clashes as `refuse_clashes` does, where several outputs are for the same thing."""
    names = [source for source in inputs if isinstance(source, str)]
    taken = {_identity(name, stream=0): f"input {name}" for name in names}
    objects = [source for source in inputs if not isinstance(source, str)]
    taken |= {file: f"input {_told(source)}" for source in objects for file in _files_of(source)}
    folders = [name for name in names if name != STANDARD and os.path.isdir(name)]
    for role, name in outputs:
        _refuse_inside(folders, role, name)
        identity = _identity(name, stream=1)
        if identity is None:
            continue
        if identity in taken:
            raise UsageError(f"{role} {name} is the same file as {taken[identity]}")
        taken[identity] = f"{role} {name}"


def refuse_to_take_away(
    inputs: Sequence[object], others: Mapping[str, str], going: Iterable[str]
) -> None:
    """Refuse to take away what is read, or what is written besides. Another name for it may go.

    Args:
        inputs: The inputs.
        others: What else is written, by what it is for.
        going: The names that are to go.

    Raises:
        UsageError: A name is that of an input, or one of them leads there.

    """
    named = [(f"input {name}", name) for name in inputs if isinstance(name, str)]
    named += [(f"{role} {name}", name) for role, name in others.items()]
    taken = {place: what for what, name in named for place in _places(name)}
    for name in going:
        what = taken.get(_places(name)[0])
        if what is not None:
            message = f"--resume would take {name} away, since what it was made from is gone"
            raise UsageError(f"{message}; but it is {what}")


def _places(name: str) -> tuple[str, str]:
    """Tell where a name stands, and where it leads."""
    folder, last = os.path.split(name)
    return os.path.join(os.path.realpath(folder), last), os.path.realpath(name)


def _refuse_same_file(
    inputs: Sequence[object], outputs: Mapping[str, str], written: object
) -> None:
    """Refuse an object to write to that is an input, or a file that another output replaces."""
    found = _file_of(written)
    if found is None:
        if not isinstance(written, str) and any(source is written for source in inputs):
            raise UsageError(f"output {_told(written)} is the same object as an input")
        return
    for source in inputs:
        if found in _files_of(source):
            raise UsageError(f"output {_told(written)} is the same file as input {_told(source)}")
    for role, name in outputs.items():
        if _identity(name, stream=1) == found:
            raise UsageError(f"{role} {name} is the same file as output {_told(written)}")


def _files_of(source: object) -> set[tuple[int, int] | str | None]:
    """Tell which files an input is: those of a data set are in its folder, or it names them."""
    if not isinstance(source, str):
        # Of a Dataset; a frame may have such a column.
        cached = getattr(source, "cache_files", None)
        names = [file["filename"] for file in cached] if isinstance(cached, list) else []
        return {_file_of(source), *(_identity(name, stream=0) for name in names)}
    inside = os.listdir(source) if source != STANDARD and os.path.isdir(source) else []
    names = [source, *(os.path.join(source, name) for name in inside)]
    return {_identity(name, stream=0) for name in names}


def _told(source: object) -> str:
    name = source if isinstance(source, str) else getattr(source, "name", None)
    return name if isinstance(name, str) else f"<{type(source).__name__}>"


def _file_of(source: object) -> tuple[int, int] | None:
    """Tell which regular file an object has open; ``None`` if it has none."""
    try:
        found = os.fstat(source.fileno())  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - whatever an object without a file has to say
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _refuse_inside(folders: Sequence[str], role: str, name: str) -> None:
    """Refuse an output among the files of a data set that is read."""
    above = os.path.realpath(name) + os.sep
    for folder in folders:
        if above.startswith(os.path.join(os.path.realpath(folder), "")):
            raise UsageError(f"{role} {name} is inside of input {folder}")


def _check_file(name: str) -> None:
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        if not any(os.path.exists(os.path.join(name, sign)) for sign in _DATASET):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    elif stat.S_ISREG(mode):
        os.close(os.open(name, os.O_RDONLY))
    elif not os.access(name, os.R_OK):  # to open a FIFO would take its writer's first words
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def _identity(name: str, stream: int) -> tuple[int, int] | str | None:
    """Tell what a name stands for; ``None`` for a terminal, null device or socket, often shared."""
    found = os.fstat(stream) if name == STANDARD else status(name)
    if found is None:
        return os.path.realpath(name)
    if stat.S_ISCHR(found.st_mode) or stat.S_ISSOCK(found.st_mode):
        return None
    return found.st_dev, found.st_ino
