"""What runs with several outputs have in common: what they are given, and what they come to."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH123

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from raftfast.files import blaming
from raftfast.paths import STANDARD, refuse_same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import BinaryIO

    from raftfast._raftfast import Ledger
    from raftfast.companion import Companion
    from raftfast.inputs import Found
    from raftfast.jobs import Tick
    from raftfast.sources import Source

_PIECE = 1 << 20


class Run(Protocol):
    """Converts some inputs, with the options of the run; called in several threads at once."""

    def __call__(  # noqa: PLR0913 - what differs from one output to another
        self,
        inputs: Sequence[Source],
        output: str | Callable[[], str] | Sequence[str] | None,
        *,
        threads: int,
        rejects: str | None,
        tick: Tick | None,
        part: tuple[int, int] | None = None,
        only: tuple[int, int] | None = None,
        shard_bytes: int | None = None,
        shard_rows: Sequence[int] | None = None,
        frame_bytes: int | None = None,
        split: tuple[list[float], int] | None = None,
        lenient: bool = False,
    ) -> Ledger:
        """Convert; the arguments are those of `raftfast._raftfast.convert_files`."""


class Made(NamedTuple):
    """One of the outputs of a run.

    Attributes:
        output: Its name.
        input: What it was made from, if that was one input.
        ledger: Its account, if it has one of its own.
        kept: Whether it was there already and right.
        rows: How many rows it has, if it has no account of its own.
        size: How many bytes it has, if it has no account of its own.
        is_split: Whether it is one of a split.

    """

    output: str
    input: str | None = None
    ledger: Ledger | None = None
    kept: bool = False
    rows: int | None = None
    size: int | None = None
    is_split: bool = False

    def as_dict(self) -> dict[str, object]:
        """Give plain values, as a report holds them."""
        source = {} if self.input is None else {"input": self.input, "kept": self.kept}
        account = {} if self.ledger is None else self.ledger.as_dict()
        share = {} if self.rows is None else {"rows": self.rows, "bytes": self.size}
        return {**source, "output": self.output, **account, **share}

    def counts(self) -> tuple[int, int] | None:
        """Give its rows and its bytes, as far as they are known."""
        if self.ledger is not None:
            return self.ledger.written, self.ledger.bytes_out
        return None if self.rows is None or self.size is None else (self.rows, self.size)


class Outcome(NamedTuple):
    """What a run with several outputs came to.

    Attributes:
        ledger: The account of the whole run, with what was kept from earlier runs.
        outputs: The outputs, in order.

    """

    ledger: Ledger
    outputs: Sequence[Made]

    def about_outputs(self) -> str:
        """Say in a few words how many outputs there are."""
        if all(made.is_split for made in self.outputs):
            return ", ".join(f"{made.output} {made.rows:,}" for made in self.outputs)
        kept = sum(made.kept for made in self.outputs)
        if any(made.input is not None for made in self.outputs):
            return f"{_counted(len(self.outputs) - kept, 'file')} converted, {kept:,} kept"
        return _counted(len(self.outputs), "shard")


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _nothing(_outcome: Outcome, _paths: Mapping[str, str]) -> None:
    pass


class Task(NamedTuple):
    """What all runs with several outputs need to know.

    Attributes:
        inputs: The inputs, in order.
        output: The name that those of the outputs are made from, or their folder.
        run: Converts some inputs.
        threads: How many threads the conversions together may use.
        beside: The names of the report and of the rejected lines, by these words; they appear just
            before the outputs.
        sync: Whether to wait until the disk has the outputs.
        progress: Called about twenty times a second with the bytes read and the bytes in all.
        finish: Called with the outcome and with what to open for the names in ``beside``, before
            anything appears; what it raises ends the run.
        companion: The file that the consumer wants in the folder of the outputs.

    """

    inputs: Sequence[Found]
    output: str
    run: Run
    threads: int
    beside: Mapping[str, str] = MappingProxyType({})
    sync: bool = False
    progress: Tick | None = None
    finish: Callable[[Outcome, Mapping[str, str]], None] = _nothing
    companion: Companion | None = None

    @property
    def sources(self) -> list[Source]:
        """What to open for reading."""
        return [one.source for one in self.inputs]

    def refuse_clashes(
        self, outputs: Iterable[str], own: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Refuse outputs that are inputs, or the same as others.

        Args:
            outputs: The names of the outputs.
            own: The names of what the run writes besides, by what it is for.

        Raises:
            UsageError: Two names stand for one file.

        """
        named = [*own.items(), *self.beside.items(), *(("output", name) for name in outputs)]
        refuse_same(self.sources, named)


def gather(parts: Iterable[str], whole: str | None) -> None:
    """Write files one after the other into one.

    Args:
        parts: What to read.
        whole: What to write to, ``"-"`` for standard output; without it there is nothing to do.

    """
    if whole is None:
        return
    with blaming(whole), _opened(whole) as file:
        for part in parts:
            with open(part, "rb") as lines:
                while piece := lines.read(_PIECE):
                    file.write(piece)


def _opened(path: str) -> BinaryIO:
    # Descriptor 1, because sys.stdout may be replaced.
    return open(1, "wb", closefd=False) if path == STANDARD else open(path, "wb")
