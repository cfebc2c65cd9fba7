"""What is done to each tool, and how it takes it: one function for each kind of hazard."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTESTANTS = Path(__file__).with_name("contestants.py")
SECONDS = 30
"""After which a run counts as hanging."""
KILLS = 20
ADDRESSES = (48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Megabytes."""
SEED = 1


@dataclass(frozen=True)
class Found:
    """How a tool took a hazard: in a word or two, and what was seen where a trial went wrong."""

    told: str
    trials: list[str] = field(default_factory=list)

    @classmethod
    def counted(cls, trials: list[str], of: int) -> Found:
        """Tell how many trials went wrong."""
        return cls(f"{len(trials)} of {of}", trials)


@dataclass(frozen=True)
class Ended:
    """How one run ended."""

    code: int | None
    """The exit code, the negative number of a signal, or `None` if it hung."""
    said: bytes

    @property
    def told(self) -> str:
        """The ending in a word."""
        if self.code is None:
            return "hangs"
        if self.code < 0:
            return signal.Signals(-self.code).name
        return "complete" if self.code == 0 else "an error"


def command(tool: str, task: str, source: object, output: object) -> list[str]:
    """Return what does a task: the script, or for the plain job of raftfast its own command."""
    if (tool, task) == ("raftfast", "convert"):
        return [sys.executable, "-m", "raftfast", "convert", str(source), "-o", str(output)]
    return [sys.executable, str(CONTESTANTS), tool, task, str(source), str(output)]


def start(
    tool: str,
    task: str,
    source: object,
    output: object,
    limits: dict[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a task, under limits of the system."""

    def limit() -> None:
        for kind, size in (limits or {}).items():
            resource.setrlimit(kind, (size, size))

    return subprocess.Popen(
        command(tool, task, source, output),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=limit,  # noqa: PLW1509 - no other thread runs here
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> Ended:
    """Wait for it, and end it with all its children if it hangs."""
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return Ended(None, said)
    return Ended(process.returncode, said)


@dataclass(frozen=True)
class Scene:
    """A tool, a corpus, the rows it makes of it, and how long that takes."""

    tool: str
    corpus: Path
    folder: Path
    rows: bytes
    seconds: float

    @classmethod
    def of(cls, tool: str, corpus: Path, folder: Path) -> Scene:
        """Run it twice, the first time to warm up."""
        output = folder / "rows.jsonl"
        for _ in range(2):
            output.unlink(missing_ok=True)
            before = time.perf_counter()
            done = ended(start(tool, "convert", corpus, output))
            seconds = time.perf_counter() - before
        assert done.code == 0, done.said
        rows = output.read_bytes()
        output.unlink()
        return cls(tool, corpus, folder, rows, seconds)

    @contextlib.contextmanager
    def output(self, old: bytes | None = None) -> Iterator[Path]:
        """Name an output, in a folder of its own that is removed."""
        folder = self.folder / "trial"
        folder.mkdir()
        output = folder / "rows.jsonl"
        if old is not None:
            output.write_bytes(old)
        try:
            yield output
        finally:
            shutil.rmtree(folder)

    def is_partial(self, output: Path) -> bool:
        """Whether the name shows something else than all rows."""
        return output.exists() and output.read_bytes() != self.rows

    def start(self, task: str, output: Path, **limits: int) -> subprocess.Popen[bytes]:
        """Start a task on the corpus; limits are named as in ``resource``."""
        numbers = {getattr(resource, name): size for name, size in limits.items()}
        return start(self.tool, task, self.corpus, output, numbers)


# Hazards ------------------------------------------------------------------------------------------


def killed(scene: Scene) -> Found:
    """Send SIGKILL at any time of the run, and look what the name of the output shows."""
    dice, partial = random.Random(SEED), []  # noqa: S311 - it has to come out the same
    for _ in range(KILLS):
        after = dice.uniform(0.1, 0.95) * scene.seconds
        with scene.output() as output:
            process = scene.start("convert", output)
            time.sleep(after)
            process.kill()
            process.communicate()
            if scene.is_partial(output):
                size = output.stat().st_size
                partial.append(f"after {after:.2f} s: {size:,} of {len(scene.rows):,} bytes")
    return Found.counted(partial, KILLS)


def full(scene: Scene) -> Found:
    """Give the output a disk with room for a part of it only."""
    shares = (0, 5, 10, 25, 50, 75, 90, 95)
    partial = []
    for share in shares:
        size = len(scene.rows) * share // 100
        with scene.output() as output, disk(output.parent, size) as limits:
            done = ended(scene.start("convert", output, **limits))
            if scene.is_partial(output):
                partial.append(f"at {share} %: {done.told}, {output.stat().st_size:,} bytes")
    return Found.counted(partial, len(shares))


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[dict[str, int]]:
    """Mount a disk of a size, of a page at least; without the right to, give a limit instead."""
    room = f"size={max(size, resource.getpagesize())}"
    mount = ["mount", "-t", "tmpfs", "-o", room, "tmpfs", str(folder)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        yield {"RLIMIT_FSIZE": size}
        return
    try:
        yield {}
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - as `mount` is


def clashing(scene: Scene) -> Found:
    """Name the input as the output, in four ways."""
    harmed = []
    ways: dict[str, Callable[[Path], str]] = {
        "the same name": str,
        "./": lambda source: f"{source.parent}/./{source.name}",
        "a symbolic link": lambda source: linked(source, Path.symlink_to),
        "a hard link": lambda source: linked(source, Path.hardlink_to),
    }
    for way, name in ways.items():
        with scene.output() as output:
            source = output.with_name("corpus.jsonl")
            shutil.copyfile(scene.corpus, source)
            done = ended(start(scene.tool, "convert", source, name(source)))
            if source.read_bytes() not in (scene.corpus.read_bytes(), scene.rows):
                harmed.append(f"{way}: {done.told}, {source.stat().st_size:,} bytes are left")
    return Found.counted(harmed, len(ways))


def linked(source: Path, link: Callable[[Path, Path], None]) -> str:
    """Make a link to a file, and return its name."""
    name = source.with_name("link.jsonl")
    link(name, source)
    return str(name)


def starved(scene: Scene) -> Found:
    """Allow fewer and fewer addresses, and keep the worst ending."""
    endings: dict[int, str] = {}
    for megabytes in ADDRESSES:
        with scene.output() as output:
            done = ended(scene.start("convert", output, RLIMIT_AS=megabytes << 20))
            told = done.told
            if done.code == 0 and scene.is_partial(output):
                told = "wrong rows"
            endings[megabytes] = told
    worst = max(endings.values(), key=badness)
    where = ", ".join(str(size) for size, told in endings.items() if told == worst)
    fine = worst in ("complete", "an error")
    least = min(size for size, told in endings.items() if told == "complete")
    told = f"complete from {least} MB" if fine else f"{worst} at {where} MB"
    return Found(told, [f"{size} MB: {told}" for size, told in endings.items()])


def badness(told: str) -> int:
    """Order endings: a run that hangs or lies is worse than one that crashes."""
    known = ["complete", "an error"]
    worst = ["hangs", "wrong rows"]
    return known.index(told) if told in known else 3 + (told in worst)


def forked(scene: Scene) -> Found:
    """Use it again in a fork, and in a pool of forks."""
    trials = []
    for task in ("fork", "pool"):
        with scene.output() as output:
            done = ended(scene.start(task, output))
            if done.code != 0:
                trials.append(f"{task}: {done.told}")
    return Found("fine" if not trials else "; ".join(trials), trials)


def interrupted(scene: Scene) -> Found:
    """Send SIGINT in the middle of the run, with an older output there."""
    old = b"old\n"
    with scene.output(old) as output:
        process = scene.start("interrupt", output)
        time.sleep(scene.seconds * 0.75)
        process.send_signal(signal.SIGINT)
        done = ended(process)
        lost = output.read_bytes() not in (old, scene.rows) if output.exists() else True
    said = done.said.decode(errors="replace").strip()
    raised = "a panic" if " panicked at " in said else said.rsplit("\n", 1)[-1]
    told = [] if raised == "KeyboardInterrupt" else [f"{raised or done.told}"]
    told += ["old output lost"] if lost else []
    return Found("; ".join(told) or "fine", [f"raised: {raised}"])


def abandoned(scene: Scene) -> Found:
    """Let the interpreter end while a daemon thread converts."""
    with scene.output() as output:
        done = ended(scene.start("daemon", output))
    return Found("fine" if done.code == 0 else done.told, [done.told])


HAZARDS: dict[str, Callable[[Scene], Found]] = {
    f"SIGKILL at {KILLS} moments: partial file": killed,
    "full disk: partial file": full,
    "output = input: input destroyed": clashing,
    "`ulimit -v`: worst ending": starved,
    "fork after use, fork pool": forked,
    "Ctrl-C in a program": interrupted,
    "interpreter ends beside a daemon thread": abandoned,
}
