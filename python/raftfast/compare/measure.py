"""Time whole processes from outside, and know when something else disturbed them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launch.py")
MAX_FOREIGN = 0.10
"""Cores that other processes may use during a sample; a busy neighbour once halved all results."""
CLOCK_SLACK = 0.03
"""Seconds of CPU that may be a rounding error: /proc/stat counts in ticks of 10 ms."""
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Sample:
    """One run of one process."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    machine_seconds: float
    """CPU seconds that the whole machine used meanwhile; 0.0 where that is not known."""

    @property
    def foreign(self) -> float:
        """Cores that were used by others, on average."""
        return max(0.0, self.machine_seconds - self.cpu_seconds) / self.seconds

    @property
    def quiet(self) -> bool:
        """Whether others used less than ``MAX_FOREIGN`` of a core, as far as ticks can tell."""
        return self.foreign <= MAX_FOREIGN + CLOCK_SLACK / self.seconds


def take(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Sample:
    """Run a command once.

    Args:
        command: The program and its arguments; its output is thrown away.
        environment: Variables on top of this process's own.
        folder: Where the launcher may leave its report and the command its messages.

    Raises:
        Error: The command failed; the last line it wrote to stderr is in the message.

    """
    report, messages = folder / "report.txt", folder / "stderr.txt"
    with messages.open("wb") as stderr:
        subprocess.run(  # noqa: S603 - the commands are those of the table of engines
            [sys.executable, "-I", "-S", str(LAUNCHER), str(report), *command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            check=True,
        )
    code, wall, cpu, peak, machine = report.read_text().split()
    if code != "0":
        raise Error(f"{shlex.join(command)} ended with {code}: {last_line(messages)}")
    return Sample(int(wall) / 1e9, float(cpu), int(peak) * RSS_UNIT, float(machine))


def last_line(messages: Path) -> str:
    """Return the last thing that a failed command said."""
    lines = messages.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def take_quiet(once: Callable[[], Sample], retakes: int) -> Sample:
    """Take a sample again while it is disturbed; after ``retakes`` times give the calmest."""
    samples = [once()]
    while not samples[-1].quiet and len(samples) <= retakes:
        time.sleep(min(1.0, samples[-1].seconds))
        samples.append(once())
    return min(samples, key=lambda sample: (not sample.quiet, sample.foreign))


def warm(path: Path) -> None:
    """Bring a file into the page cache."""
    block = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            pass


def heat(folder: Path, size: int) -> None:
    """Leave that much free memory ready for the output of the next command, or 2 GB of it.

    A virtual machine gives free memory back to its host and pays for every page when it takes it
    again. After an engine that used much memory, ``cat`` of 1 GB then took 0.39 s, not 0.28.
    """
    block = bytes(1 << 19)
    scratch = folder / "heat"
    with scratch.open("wb", buffering=0) as file:
        for _ in range(min(size, 2_000_000_000) // len(block) + 1):
            file.write(block)
    scratch.unlink()


def least_peak(folder: Path) -> int:
    """Measure the smallest peak that can be told: that of the launcher, seen through ``true``."""
    return take(["true"], {}, folder).peak_bytes
