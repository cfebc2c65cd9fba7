"""Folders of outputs that appear whole.

Everything is written in a hidden folder on the same file system: beside a folder that is to be
made, which then appears by one rename; inside a folder that is there, whose files are then replaced
one by one while the mark of success is away. The hidden folder has a name that the next run finds,
which clears it away or, resuming, goes on with it.

A rename would replace a link, and cannot reach another file system: what belongs where a link leads
is copied there, without a name, before anything is shown.
"""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH102, PTH103, PTH104, PTH105, PTH106, PTH108, PTH112, PTH113, PTH114, PTH116, PTH118, PTH120, PTH123

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from raftfast.errors import Error
from raftfast.files import Output, blaming, name_file, published, uninterrupted
from raftfast.shards import make_room
from raftfast.task import gather

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

SUCCESS = "_SUCCESS"
"""The empty file that is in a folder when all of its files are from complete runs."""

_HIDDEN = "raftfast-parts"
_JOURNAL, _FILES, _REJECTS = "journal", "files", "rejects"
_LONGEST_NAME = 255
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class Staging:
    """The hidden folder that the outputs of a run are made in.

    Attributes:
        target: Where they will be.
        journal: A file for the caller's notes on what is complete.

    """

    def __init__(self, name: str, target: str, folder: str) -> None:
        """Stand for a folder that is there and locked.

        Args:
            name: The folder of outputs, as the caller named it.
            target: What the name stands for.
            folder: The hidden folder.

        """
        self._name = name
        self.target = target
        self.journal = os.path.join(folder, _JOURNAL)
        self._files = os.path.join(folder, _FILES)
        self._rejects = os.path.join(folder, _REJECTS)
        self._linked: dict[str, Output] = {}
        self._held = ExitStack()
        _remove(self._rejects)
        for inner in (self._files, self._rejects):
            os.makedirs(inner, exist_ok=True)

    def path(self, name: str) -> str:
        """Tell where to make a file, and make the folders above it."""
        path = os.path.join(self._files, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name: str, content: bytes, *, sync: bool) -> None:
        """Make a file of this content, for what stands beside the outputs.

        Args:
            name: Its name in the folder.
            content: What it holds.
            sync: Whether to wait until the disk has it.

        """
        file = {"file": self.path(name)}
        with published(file, sync=sync) as to, open(to["file"], "wb") as opened:
            opened.write(content)

    def rejects(self, index: int) -> str:
        """Tell where the rejected lines of an input go."""
        return os.path.join(self._rejects, str(index))

    def name(self, error: OSError) -> None:
        """Name what the caller knows in an error about what is made here, or about the disk."""
        made_here = os.path.dirname(self.journal) + os.sep
        path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
        if path is None and error.errno in _FULL:
            name_file(error, self._name)
        elif path is not None and (path + os.sep).startswith(made_here):
            inner = path.removeprefix(self._files + os.sep)
            name_file(error, self._name if inner == path else os.path.join(self._name, inner))

    def holds(self, name: str, content: bytes) -> bool:
        """Tell whether a file of the target has this content already."""
        with suppress(OSError), open(os.path.join(self.target, name), "rb") as file:
            return file.read() == content
        return False

    def keep_only(self, names: Container[str]) -> None:
        """Take away what an earlier run made and this one does not want."""
        for folder, _, files in os.walk(self._files, topdown=False):
            for path in (os.path.join(folder, name) for name in files):
                if os.path.relpath(path, self._files) not in names:
                    os.unlink(path)
            with suppress(OSError):  # it is not empty
                os.rmdir(folder)
        os.makedirs(self._files, exist_ok=True)

    def follow_links(self, names: Iterable[str], *, sync: bool) -> None:
        """Bring files to where links lead that have their names; they appear with the others.

        Not so the mark of success, which goes and comes as what it is: our own file.

        Args:
            names: The files that were made.
            sync: Whether to wait until the disk has what is brought.

        """
        linked = [name for name in names if name != SUCCESS and self._is_link(name)]
        make_room(len(linked), "links", self._name, self._held)
        for name in linked:
            with uninterrupted():
                output = Output(os.path.join(self._name, name), sync=sync)
                self._linked[name] = self._held.enter_context(output)
            with blaming(output.name):
                gather([os.path.join(self._files, name)], output.path)
                # With its time, by which a later run knows it.
                made = os.stat(os.path.join(self._files, name))
                os.utime(output.path, ns=(made.st_atime_ns, made.st_mtime_ns))
            output.settle()

    def show(self, names: Iterable[str], gone: Iterable[str]) -> None:
        """Let the files appear.

        Args:
            names: The files that were made, in the order to replace older ones; the last is the
                mark of success.
            gone: Older files to take away.

        """
        if not os.path.isdir(self.target):
            with blaming(self._name):
                os.rename(self._files, self.target)
            return
        mark = os.path.join(self.target, SUCCESS)
        was_right, is_changed = os.path.isfile(mark), False
        with blaming(self._name), suppress(FileNotFoundError):
            os.unlink(mark)
        try:
            for name in gone:
                with blaming(os.path.join(self._name, name)), suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.target, name))
                is_changed = True
            for name in names:
                with blaming(os.path.join(self._name, name)):
                    self._show_one(name)
                is_changed = True
        except OSError:
            if was_right and not is_changed:
                with suppress(OSError), open(mark, "xb"):
                    pass
            raise

    def settle_names(self, names: Iterable[str]) -> None:
        """Bring the names to the disk."""
        inner = {os.path.dirname(os.path.join(self.target, name)) for name in names}
        for folder in sorted(inner | {self.target, os.path.dirname(self.target)}):
            _sync(folder)
        for output in self._linked.values():
            output.settle_name()

    def close(self) -> None:
        """Let go of what was brought to where links lead."""
        self._held.close()

    def _is_link(self, name: str) -> bool:
        return os.path.islink(os.path.join(self.target, name))

    def _show_one(self, name: str) -> None:
        if name in self._linked:
            self._linked[name].show()
            return
        final = os.path.join(self.target, name)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        os.replace(os.path.join(self._files, name), final)


@contextmanager
def staged(name: str, last: ExitStack, *, resume: bool) -> Iterator[Staging]:
    """Hold the hidden folder for a folder of outputs, and clear it away at the end.

    Args:
        name: The folder of outputs, which need not be there.
        last: What ends after this. It clears the folder away again, if a signal comes when this is
            about to: that has an end of its own, and no second signal comes.
        resume: Whether to go on with what a run before left, and to leave what is done if this one
            fails.

    Raises:
        Error: Another run is writing to the same folder.
        OSError: The hidden folder cannot be made.

    """
    target = os.path.realpath(name)
    folder = _beside(target)
    is_there = True

    def end(kind: type[BaseException] | None, *_: object) -> None:
        nonlocal is_there
        with uninterrupted():
            if is_there and not (resume and kind is not None):
                _clear_away(folder)
                is_there = False

    with ExitStack() as held:
        with uninterrupted(), blaming(name):
            if os.path.isdir(target):
                _discard(name, folder)
                folder = os.path.join(target, f".{_HIDDEN}")
            last.callback(os.close, _locked(name, folder))
            last.push(end)
            held.push(end)
            if not resume:
                _empty(folder)
            staging = Staging(name, target, folder)
            held.callback(staging.close)
        try:
            yield staging
        except OSError as error:
            staging.name(error)
            raise


def _clear_away(folder: str) -> None:
    with suppress(OSError):
        os.unlink(os.path.join(folder, _JOURNAL))
    for inner in (_FILES, _REJECTS):
        _remove(os.path.join(folder, inner))
    _remove(folder)


def _beside(target: str) -> str:
    where, last = os.path.split(target)
    end = f".{_HIDDEN}"
    cut = os.fsencode(last)[: _LONGEST_NAME - 1 - len(end)]
    return os.path.join(where, f".{os.fsdecode(cut)}{end}")


def _locked(name: str, folder: str) -> int:
    """Make a folder and lock it, so that no two runs work in it."""
    while True:
        with ExitStack() as held:
            with suppress(FileExistsError):
                os.mkdir(folder)
                held.push(lambda kind, *_: _unmake(folder, kind))
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, lock)
            if _is_mine(name, lock, folder):
                held.pop_all()
                return lock


def _unmake(folder: str, kind: type[BaseException] | None) -> None:
    """Take a new folder away again if the system refuses to let it be used.

    If it is not ours for another reason, somebody else may work in it by now.
    """
    if kind is not None and issubclass(kind, OSError):
        with suppress(OSError):
            os.rmdir(folder)


def _is_mine(name: str, lock: int, folder: str) -> bool:
    """Lock an open folder, and tell whether its name still stands for it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Error(f"{name}: another run is writing to this folder", kind="busy") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        return os.path.samestat(os.stat(folder), os.fstat(lock))
    except FileNotFoundError:
        return False


def _discard(name: str, folder: str) -> None:
    """Clear away what a killed run left, unless a run still works in it."""
    if os.path.isdir(folder):
        lock = _locked(name, folder)
        _remove(folder)
        os.close(lock)


def _remove(folder: str) -> None:
    """Take a folder away with what is in it; an empty one without descriptors, which may be out."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError:
        from shutil import rmtree  # noqa: PLC0415 - 10 ms that only folders with files need

        rmtree(folder, ignore_errors=True)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            _remove(entry.path)
        else:
            os.unlink(entry.path)


def _sync(folder: str) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
