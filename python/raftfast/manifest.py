"""What a folder of outputs was made from, so that a run can keep what is still right."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH100, PTH113, PTH116, PTH117, PTH118, PTH123, PTH206

from __future__ import annotations

import json
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from raftfast import _raftfast
from raftfast.errors import Error
from raftfast.paths import STANDARD, status
from raftfast.sources import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from raftfast.jobs import Tick
    from raftfast.sources import Source

MANIFEST = ".raftfast.json"
"""The manifest's name in its folder; hidden, because ``datasets`` takes all other JSON for data."""

# What a corrupt manifest can make its reader raise.
_CORRUPT = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Maker:
    """What files were made by: the version, and the options that decide their bytes."""

    raftfast: str
    options: Mapping[str, object]


@dataclass(frozen=True)
class State:
    """An input as it was.

    Attributes:
        name: Its absolute path.
        size: Its bytes; of a folder, those of all files in it.
        mtime_ns: When it changed last.
        xxh3: The digest of its bytes, if that was taken.

    """

    name: str
    size: int
    mtime_ns: int
    xxh3: str | None = None

    @classmethod
    def of(cls, path: object) -> State | None:
        """Look at an input; ``None`` if nothing tells whether it changed: a pipe, an object."""
        if not isinstance(path, str) or path == STANDARD:
            return None
        found = os.stat(path)
        name = os.path.abspath(path)
        if stat.S_ISREG(found.st_mode):
            return cls(name, found.st_size, found.st_mtime_ns)
        if not stat.S_ISDIR(found.st_mode):
            return None
        entries = (status(entry.path) for entry in os.scandir(path))
        inner = [one for one in entries if one is not None]  # a link may lead nowhere
        newest = max(one.st_mtime_ns for one in (found, *inner))
        return cls(name, sum(one.st_size for one in inner), newest)

    def digested(self, tick: Tick) -> State:
        """Take the digest, if this is a file."""
        return replace(self, xxh3=_digest(self.name, tick))

    def is_same(self, now: State, tick: Tick) -> bool:
        """Tell whether the input is what it was; where size and time cannot, the digest does."""
        if self.size != now.size:
            return False
        if (self.name, self.mtime_ns) == (now.name, now.mtime_ns):
            return True
        return self.xxh3 is not None and self.xxh3 == _digest(now.name, tick)


def refuse_change(source: Source, before: State | None) -> None:
    """Refuse an input that is not what it was.

    Raises:
        Error: It has changed since it was looked at.

    """
    if State.of(source) != before:
        message = f"{name_of(source)}: changed while it was being read"
        raise Error(message, kind="input-changed", path=name_of(source))


@contextmanager
def unchanged(sources: Sequence[Source]) -> Iterator[None]:
    """Refuse inputs that are not what they were when this began.

    Raises:
        Error: One has changed.

    """
    before = [State.of(source) for source in sources]
    yield
    for source, state in zip(sources, before, strict=True):
        refuse_change(source, state)


@dataclass(frozen=True)
class Result:
    """An output as it was made: its bytes, when, and their digest if that was taken."""

    size: int
    mtime_ns: int
    xxh3: str | None = None

    @classmethod
    def of(cls, path: str) -> Result:
        """Look at an output that is complete."""
        found = os.stat(path)
        return cls(found.st_size, found.st_mtime_ns)

    def digested(self, path: str, tick: Tick) -> Result:
        """Take the digest of the output."""
        return replace(self, xxh3=_digest(path, tick))

    def is_there(self, path: str) -> bool:
        """Tell whether a file is there and has this size."""
        return self._found(path) is not None

    def is_right(self, path: str, tick: Tick) -> bool:
        """Tell whether a file is what was made; where its time cannot tell, the digest does."""
        found = self._found(path)
        if found is None or found.st_mtime_ns == self.mtime_ns:
            return found is not None
        with suppress(OSError):
            return self.xxh3 is not None and self.xxh3 == _digest(path, tick)
        return False

    def _found(self, path: str) -> os.stat_result | None:
        """Look at a file, if it is there and has this size."""
        with suppress(OSError):
            found = os.stat(path)
            if stat.S_ISREG(found.st_mode) and found.st_size == self.size:
                return found
        return None


@dataclass(frozen=True)
class Entry:
    """One output of a folder: what from, what, and the ledger of its conversion."""

    input: State | None
    output: Result
    ledger: _raftfast.Ledger

    def of_now(self, state: State, path: str) -> Entry:
        """Take the present name and time of the input, and the time of the output.

        Args:
            state: The input, whose bytes are those of before.
            path: The output, whose bytes are, too.

        """
        digest = None if self.input is None else self.input.xxh3
        output = replace(self.output, mtime_ns=os.stat(path).st_mtime_ns)
        return replace(self, input=replace(state, xxh3=digest), output=output)

    def as_dict(self) -> dict[str, object]:
        """Give plain values, as the manifest holds them."""
        state = None if self.input is None else asdict(self.input)
        return {"input": state, "output": asdict(self.output), "ledger": self.ledger.as_dict()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Entry:
        """Take what `as_dict` gave."""
        state = None if facts["input"] is None else State(**facts["input"])
        ledger = _raftfast.Ledger.from_dict(facts["ledger"])
        return cls(state, Result(**facts["output"]), ledger)


def read_manifest(folder: str, maker: Maker) -> tuple[dict[str, Entry], bool]:
    """Return what the manifest of a folder says of its files, and whether they were made so.

    There are none if there is no manifest, or one that cannot be read. They were not made so if it
    is of another version or of other options.
    """
    with suppress(OSError, *_CORRUPT), open(os.path.join(folder, MANIFEST), "rb") as file:
        facts = json.load(file)
        files = facts["files"].items()
        entries = {name: Entry.from_dict(entry) for name, entry in files if _is_inside(name)}
        return entries, Maker(facts["raftfast"], facts["options"]) == maker
    return {}, True


def manifest(maker: Maker, files: Mapping[str, Entry]) -> bytes:
    """Return the text of a manifest."""
    entries = {name: files[name].as_dict() for name in sorted(files)}
    return json.dumps({**asdict(maker), "files": entries}, indent=1).encode() + b"\n"


class Journal:
    """What is complete in a folder that is not, one line each, so that a killed run can go on."""

    def __init__(self, path: str, maker: Maker) -> None:
        """Open a journal; what it says of files that were made otherwise is forgotten.

        Attributes:
            entries: What was complete when it was opened.

        """
        self.entries = _journaled(path, maker)
        anew = 0 if self.entries else os.O_TRUNC
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | anew, 0o666)
        if anew:
            self._write(asdict(maker))

    def add(self, name: str, entry: Entry) -> None:
        """Note that a file is complete."""
        self._write({"name": name, **entry.as_dict()})

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, facts: Mapping[str, object]) -> None:
        # A line end first: after a line that was cut off, none is lost but that one.
        os.write(self._file, b"\n" + json.dumps(facts).encode())


def _journaled(path: str, maker: Maker) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    with suppress(OSError), open(path, "rb") as file:
        head, *lines = [line for line in file.read().split(b"\n") if line] or [b""]
        if _parsed(head) != asdict(maker):
            return {}
        for line in lines:
            with suppress(*_CORRUPT):
                facts = json.loads(line)
                entries[facts["name"]] = Entry.from_dict(facts)
    return entries


def _parsed(line: bytes) -> object:
    with suppress(ValueError):
        return json.loads(line)
    return None


def _is_inside(name: str) -> bool:
    """Refuse a name that a manifest must not hold, since what it names may be taken away."""
    return not os.path.isabs(name) and os.pardir not in name.split(os.sep)


def _digest(path: str, tick: Tick) -> str | None:
    return _raftfast.digest(path, tick=tick) if os.path.isfile(path) else None
