"""Who is compared: each engine is a row of data."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from raftfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RIVALS = str(Path(__file__).with_name("rivals.py"))


@dataclass(frozen=True)
class Engine:
    """One way to do the job, as a command.

    Attributes:
        name: The name for ``--only`` and in ``results.json``.
        label: The name for people.
        command: Its arguments; ``{input}``, ``{output}`` and ``{folder}`` (empty, its own) stand
            for paths.
        packages: What has to be importable for it.
        programs: What has to be installed for it, beside the first word of the command.
        environment: Variables for it, with the same placeholders.
        once: It is so slow that it is timed once and not in every round.
        converts: Its output is chat rows; otherwise it is the yardstick, a copy of the input.

    """

    name: str
    label: str
    command: tuple[str, ...]
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    once: bool = False
    converts: bool = True

    @property
    def installed(self) -> bool:
        """Whether its program and its packages are here."""
        programs = (self.command[0], *self.programs)
        return all(map(shutil.which, programs)) and all(map(find_spec, self.packages))

    def call(self, paths: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Return command and environment with the paths filled in."""
        command = [word.format_map(paths) for word in self.command]
        return command, {name: word.format_map(paths) for name, word in self.environment.items()}

    def called(self, wanted: str) -> bool:
        """Whether ``--only`` means it: by its name, or by what stands before the thread count."""
        return wanted in (self.name, self.name.partition("-")[0])


def threads_text(count: int) -> str:
    """Say how many threads."""
    return "1 thread" if count == 1 else f"{count} threads"


INSTALLED = "from raftfast_command import main; main()"
"""What the installed command runs; ``-m raftfast`` looks for the module first, which takes 6 ms."""


def raftfast(threads: int) -> Engine:
    """Return raftfast itself, as the installed command runs it."""
    return Engine(
        name=f"raftfast-{threads}",
        label=f"raftfast, {threads_text(threads)}",
        command=(
            *(sys.executable, "-c", INSTALLED, "convert", "{input}", "-o", "{output}"),
            *("--to", "chat", "--threads", str(threads), "--quiet"),
        ),
    )


def program(name: str, *arguments: str, file: str = RIVALS) -> tuple[str, ...]:
    """Return the command that runs a program of rivals.py, or of another such file."""
    return (sys.executable, file, name, "{input}", "{output}", *arguments)


COPY = Engine(
    name="cat",
    label="`cat in > out`",
    command=("sh", "-c", 'exec cat "$1" > "$2"', "sh", "{input}", "{output}"),
    converts=False,
)
LOOPS = (
    Engine(
        name="reference",
        label="reference in Python (orjson)",
        command=(sys.executable, "-m", "raftfast.reference", "{input}", "{output}", "--to", "chat"),
        packages=("orjson",),
    ),
    Engine(
        name="orjson",
        label="orjson loop",
        command=program("orjson"),
        packages=("orjson",),
    ),
    Engine(
        name="json",
        label="stdlib json loop",
        command=program("json"),
    ),
)
GORILLA = Engine(
    name="datasets",
    label="Gorilla's recipe (datasets), once",
    command=program("datasets"),
    packages=("datasets",),
    environment={"HF_HOME": "{folder}", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
    once=True,
)


def frames(threads: int) -> tuple[Engine, ...]:
    """Return the data frame engines, on that many threads."""
    return (
        Engine(
            name="polars",
            label=f"Polars scan → sink, {threads_text(threads)}",
            command=program("polars"),
            packages=("polars",),
            environment={"POLARS_MAX_THREADS": str(threads)},
        ),
        Engine(
            name="duckdb",
            label=f"DuckDB read → copy, {threads_text(threads)}",
            command=program("duckdb", str(threads)),
            packages=("duckdb",),
        ),
    )


def engines(threads: Sequence[int]) -> list[Engine]:
    """Return all that can be compared; the frames get the most threads of raftfast."""
    return [*map(raftfast, threads), COPY, *frames(max(threads)), *LOOPS, GORILLA]


def choose(everyone: Sequence[Engine], only: Iterable[str] | None) -> list[Engine]:
    """Keep those that ``only`` calls; all of them if it is ``None``."""
    if only is None:
        return list(everyone)
    wanted = list(only)
    for name in wanted:
        if not any(engine.called(name) for engine in everyone):
            known = ", ".join(dict.fromkeys(engine.name for engine in everyone))
            raise UsageError(f"no engine is called {name!r}; there are {known}")
    return [engine for engine in everyone if any(map(engine.called, wanted))]
