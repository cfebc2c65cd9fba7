"""Outputs that can be trusted: a name shows the old file, nothing, or the complete new file.

An output is written without a name (``O_TMPFILE``), so that a killed process leaves nothing behind,
and gets its name by ``linkat`` when it is complete. Where the file system has no such files, it is
written under a short random name in the same folder instead. Devices, FIFOs and standard output
have no such moment: they are written straight through.
"""

# pathlib knows no directory descriptors, and to import it takes 10 ms.
# ruff: noqa: PTH100, PTH110, PTH118

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from signal import SIG_BLOCK, SIG_SETMASK, SIGALRM, SIGHUP, SIGINT, SIGTERM, pthread_sigmask
from typing import TYPE_CHECKING

from raftfast.paths import STANDARD, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

_NAMELESS = getattr(os, "O_TMPFILE", 0)
# What kernels and file systems answer that know no O_TMPFILE.
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
# A folder that may be written to but not listed can still be held by a path descriptor.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


class Output:
    """One output of a run; until ``show`` its name shows what it showed before.

    Attributes:
        name: The output as the caller named it; ``"-"`` is standard output.
        path: What to open for writing, never the final name of a file.

    """

    def __init__(self, name: str, *, sync: bool = False) -> None:
        """Open an output, without touching what its name shows.

        Only a file behind a descriptor (``/dev/fd/3``), which has no moment to appear, is emptied.

        Args:
            name: Where the bytes go: a file, a device, a FIFO, or ``"-"``.
            sync: Whether to wait until the disk has the file and its name.

        """
        self.name = name
        self._sync = sync
        with blaming(name):
            self._sink = _open(name)
        self.path = self._sink.path

    def settle(self) -> None:
        """Hear of all that went wrong so far; bring the bytes to the disk if that was asked for."""
        with blaming(self.name):
            self._sink.settle_bytes()
            if self._sync:
                self._sink.sync_bytes()

    def show(self) -> None:
        """Give the file its name."""
        with blaming(self.name):
            self._sink.show()

    def rename(self, name: str) -> None:
        """Take another name in the same folder, before any is shown.

        Raises:
            OSError: The name stands for what cannot be written, or for a file in another folder.

        """
        with blaming(name):
            _refuse_unwritable(name, status(name))
            self._sink.rename(os.path.realpath(name))
        self.name = name

    def settle_name(self) -> None:
        """Bring the name to the disk, if that was asked for."""
        if self._sync:
            with blaming(self.name):
                self._sink.sync_name()

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """Throw away what was not shown, and put the caller's name into an error."""
        if isinstance(error, OSError) and error.filename == self.path:
            error.filename = self.name
        self._sink.close()


@contextmanager
def published(
    names: Mapping[str, str], *, sync: bool = False, last: Callable[[], None] | None = None
) -> Iterator[dict[str, str]]:
    """Open the outputs of a run, and show them all when the block ends without an exception.

    They get their names in the order given, so that the last one's presence means that all are
    there. No signal comes between two of them, and nothing slow happens there.

    Args:
        names: The outputs, by what they are for.
        sync: Whether to wait until the disk has the files and their names.
        last: What else gets its names, after these, while signals are still held back.

    Yields:
        What to open for writing, by what it is for.

    """
    with ExitStack() as opened:
        with uninterrupted():
            outputs = {
                role: opened.enter_context(Output(name, sync=sync)) for role, name in names.items()
            }
        yield {role: output.path for role, output in outputs.items()}
        for output in outputs.values():
            output.settle()
        with uninterrupted():
            for output in outputs.values():
                output.show()
            if last is not None:
                last()
        for output in outputs.values():
            output.settle_name()


def _open(name: str) -> _Through | _Replacement:
    if name in (STANDARD, *_STDOUT):
        return _Through(STANDARD)
    found = status(name)
    _refuse_unwritable(name, found)
    if _is_through(name, found):
        return _Through(name)
    return _Replacement(os.path.realpath(name))


def _refuse_unwritable(name: str, found: os.stat_result | None) -> None:
    """Fail for what opening would find, and for a read-only file, which a rename would replace."""
    if not name:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if name.endswith(os.sep) or (found is not None and stat.S_ISDIR(found.st_mode)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if found is not None and not os.access(name, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def _is_through(name: str, found: os.stat_result | None) -> bool:
    if found is not None and not stat.S_ISREG(found.st_mode):
        return True
    path = os.path.abspath(name)
    return path.startswith(("/dev/", "/proc/")) and not path.startswith("/dev/shm/")  # noqa: S108


class _Through:
    """What is written where it is: devices, FIFOs, descriptors, standard output."""

    def __init__(self, path: str) -> None:
        self.path = path
        found = None if path == STANDARD else status(path)
        if found is not None and stat.S_ISREG(found.st_mode):
            os.truncate(path, 0)

    def settle_bytes(self) -> None:
        """Nothing: who writes to what somebody else has open hears as much as they."""

    def sync_bytes(self) -> None:
        """Bring a file behind a descriptor to the disk; devices and pipes know nothing to do."""
        found = os.fstat(1) if self.path == STANDARD else status(self.path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return  # to open a FIFO again would wait for another reader
        file = os.dup(1) if self.path == STANDARD else os.open(self.path, os.O_WRONLY)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                os.fsync(file)
        finally:
            os.close(file)

    def rename(self, target: str) -> None:
        """Refuse: what was written to is where it is."""
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)

    def show(self) -> None:
        """Nothing: it was seen all the time."""

    def sync_name(self) -> None:
        """Nothing: no name was made."""

    def close(self) -> None:
        """Nothing: nothing was opened here."""


class _Replacement:
    """A new file for a name, out of sight until ``show``.

    ``_part`` is its name in the folder, if it has one: during the whole run where files cannot be
    nameless, else only between the link and the rename that takes the place of an older file.
    """

    def __init__(self, target: str) -> None:
        self._where, self._final = os.path.split(target)
        self._part: str | None = None
        with ExitStack() as held:
            self._folder = os.open(self._where, _FOLDER)
            held.callback(os.close, self._folder)
            self._file = self._create()
            held.callback(self._drop)
            self._mode = self._opened_to_owner()
            self._held = held.pop_all()

    @property
    def path(self) -> str:
        """What to open for writing."""
        if self._part is None:
            return f"/proc/self/fd/{self._file}"
        return os.path.join(self._where, self._part)

    def settle_bytes(self) -> None:
        """Raise what some file systems tell only at a close, as NFS does of quotas."""
        os.close(os.dup(self._file))

    def sync_bytes(self) -> None:
        """Bring the bytes to the disk. A failure is final: a second fsync could hide it."""
        os.fsync(self._file)

    def rename(self, target: str) -> None:
        """Take another final name in the same folder."""
        where, final = os.path.split(target)
        if where != self._where:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), target)
        self._final = final

    def show(self) -> None:
        """Give the file its final name."""
        if self._mode is not None:
            os.fchmod(self._file, self._mode)
        if self._part is None:
            if self._shown_by_link():
                return
            part = _part_name()
            self._link(part)
            self._part = part
        os.rename(self._part, self._final, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._part = None

    def sync_name(self) -> None:
        """Bring the folder's entry to the disk."""
        folder = os.open(".", os.O_RDONLY, dir_fd=self._folder)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the file; without a final name it is gone."""
        self._held.close()

    def _drop(self) -> None:
        if self._part is not None:
            with suppress(OSError):
                os.unlink(self._part, dir_fd=self._folder)
        os.close(self._file)

    def _create(self) -> int:
        if _NAMELESS and os.path.exists("/proc/self/fd"):
            try:
                return os.open(".", _NAMELESS | os.O_RDWR, 0o666, dir_fd=self._folder)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
        part = _part_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        file = os.open(part, flags, 0o666, dir_fd=self._folder)
        self._part = part
        return file

    def _opened_to_owner(self) -> int | None:
        """Let the owner write where the umask does not, and return the mode to give back."""
        mode = stat.S_IMODE(os.fstat(self._file).st_mode)
        if mode & stat.S_IWUSR:
            return None
        os.fchmod(self._file, 0o600)
        return mode

    def _shown_by_link(self) -> bool:
        try:
            self._link(self._final)
        except FileExistsError:
            return False
        return True

    def _link(self, name: str) -> None:
        # Only with a directory descriptor does os.link call linkat with AT_SYMLINK_FOLLOW, without
        # which the link would be to the entry in /proc.
        os.link(f"/proc/self/fd/{self._file}", name, dst_dir_fd=self._folder, follow_symlinks=True)


def _part_name() -> str:
    # Not made from the final name, which may be as long as names can be.
    return f".raftfast-{os.urandom(6).hex()}.part"


def name_file(error: OSError, name: str) -> None:
    """Make an error one of a file, and of no second one: set to ``None``, it is told as that."""
    error.filename = name
    del error.filename2


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Put the caller's name for a file into errors of the operating system."""
    try:
        yield
    except OSError as error:
        name_file(error, name)
        raise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back the signals that end a run, in this thread and in those that it starts.

    One of them is the alarm by which `endings` hears of a signal that was lost.
    """
    before = pthread_sigmask(SIG_BLOCK, {SIGINT, SIGTERM, SIGHUP, SIGALRM})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)
