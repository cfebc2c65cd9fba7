"""Shards: one output as several files, named as the Hugging Face Hub names them."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH108, PTH116, PTH119, PTH122, PTH120

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import ExitStack, contextmanager, suppress
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from time import sleep
from typing import TYPE_CHECKING

from raftfast.errors import UsageError
from raftfast.files import Output, blaming
from raftfast.inputs import split_ending
from raftfast.paths import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

# An output holds its file and its folder open, and lets its writer open the file once more.
_FILES_OF_AN_OUTPUT = 3
_OTHER_FILES = 256
_TRIES, _PAUSE = 100, 0.01
"""How often a lock is tried for, and the seconds between."""


def shard_name(output: str, index: int, count: int) -> str:
    """Name one of the shards of an output.

    >>> shard_name("out/train.jsonl.zst", 0, 16)
    'out/train-00000-of-00016.jsonl.zst'
    """
    stem, ending = _split(output)
    return f"{stem}-{index:05d}-of-{count:05d}{ending}"


def shards_there(output: str) -> dict[str, int]:
    """Find the shards of an output that exist, with the size of the set that each belongs to."""
    stem, _ = _split(output)
    above = stem.removesuffix(os.path.basename(stem))
    pattern = _pattern(output)
    with blaming(output), os.scandir(above or os.curdir) as entries:
        files = sorted(one.name for one in entries if not one.is_dir(follow_symlinks=False))
        matches = [(name, pattern.fullmatch(name)) for name in files]
    return {above + name: int(match[1]) for name, match in matches if match}


def is_shard(name: str, output: str) -> bool:
    """Tell whether a name is that of a shard of an output, be it there or not."""
    folders = [os.path.realpath(os.path.dirname(path)) for path in (name, output)]
    return folders[0] == folders[1] and bool(_pattern(output).fullmatch(os.path.basename(name)))


def _pattern(output: str) -> re.Pattern[str]:
    stem, ending = _split(output)
    start = re.escape(os.path.basename(stem))
    return re.compile(rf"{start}-\d{{5,}}-of-(\d{{5,}}){re.escape(ending)}")


class Shards:
    """The shards of an output, which appear together and replace those of an earlier run.

    Attributes:
        names: The shards opened so far, in order; those that are there after ``show``.

    """

    def __init__(self, output: str, count: int | None = None, *, sync: bool = False) -> None:
        """Begin without a shard.

        Args:
            output: The name that those of the shards are made from, such as ``train.jsonl``.
            count: How many there will be, if that is known.
            sync: Whether to wait until the disk has the files and their names.

        Raises:
            UsageError: Shards cannot have this name.

        """
        if output == STANDARD or not os.path.basename(output):
            raise UsageError("shards need the name of a file to make theirs from: -o train.jsonl")
        self._output = output
        self._count = count
        self._sync = sync
        self._opened: list[Output] = []
        self._held = ExitStack()

    @property
    def names(self) -> list[str]:
        """The names of the shards, in order."""
        return [shard.name for shard in self._opened]

    @property
    def sizes(self) -> list[int]:
        """The bytes that they have by now, in order."""
        return [os.stat(shard.path).st_size for shard in self._opened]

    def open(self) -> str:
        """Begin the next shard, and return what to open for writing."""
        index = len(self._opened)
        count = index + 1 if self._count is None else self._count
        make_room(count, "shards", self._output, self._held)
        shard = Output(shard_name(self._output, index, count), sync=self._sync)
        self._opened.append(self._held.enter_context(shard))
        return shard.path

    def settle(self) -> None:
        """Bring the bytes to the disk, if that was asked for, and the names to their final form."""
        count = len(self._opened)
        for index, shard in enumerate(self._opened):
            if self._count is None:
                shard.rename(shard_name(self._output, index, count))
            shard.settle()

    def show(self) -> None:
        """Give all shards their names, and take away those of other sets."""
        with _alone_in(os.path.dirname(self._output) or os.curdir):
            there = shards_there(self._output)  # to look can fail, and must not when some are shown
            for shard in self._opened:
                shard.show()
            for name, count in there.items():
                if count != len(self._opened):
                    with suppress(FileNotFoundError):  # somebody else took it away
                        os.unlink(name)

    def settle_names(self) -> None:
        """Bring the names to the disk, if that was asked for."""
        for shard in self._opened:
            shard.settle_name()

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what was not shown."""
        self._held.__exit__(kind, error, trace)


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Let no other run show shards in a folder meanwhile, where there are locks.

    Each would take away what it finds of the other set, and both sets would stay in part. To show
    takes no time: who holds the folder for longer is somebody else, for whom nothing waits.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(_TRIES):
            if _is_locked(lock):
                break
            sleep(_PAUSE)
        yield
    finally:
        os.close(lock)


def _is_locked(lock: int) -> bool:
    """Lock an open folder, and tell whether there is nothing to wait for."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # of any other kind where there are no locks
        return not isinstance(error, BlockingIOError)
    return True


def make_room(count: int, what: str, output: str, held: ExitStack) -> None:
    """Let the process have as many open files as many outputs need, until the end of the run.

    Args:
        count: How many outputs are open at once.
        what: What they are, for messages.
        output: The name that is blamed if the system does not allow so many.
        held: What takes the room away again at its end.

    """
    soft, hard = getrlimit(RLIMIT_NOFILE)
    needed = count * _FILES_OF_AN_OUTPUT + _OTHER_FILES
    if soft == RLIM_INFINITY or soft >= needed:
        return
    if hard != RLIM_INFINITY and hard < needed:
        message = f"{count} {what} need {needed} open files, more than `ulimit -Hn` allows"
        raise OSError(errno.EMFILE, message, output)
    setrlimit(RLIMIT_NOFILE, (needed, hard))
    held.callback(setrlimit, RLIMIT_NOFILE, (soft, hard))


def _split(output: str) -> tuple[str, str]:
    stem, ending = split_ending(output)
    return (stem, ending) if ending else os.path.splitext(output)
