"""One output for each input, in a folder that appears whole and can be brought up to date."""

# Like `raftfast.files`, without pathlib.
# ruff: noqa: PTH100, PTH113, PTH114, PTH118

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from raftfast import _raftfast
from raftfast.errors import UsageError
from raftfast.files import Output, published
from raftfast.inputs import is_there, split_ending
from raftfast.jobs import Job, run_all
from raftfast.manifest import (
    MANIFEST,
    Entry,
    Journal,
    Maker,
    Result,
    State,
    manifest,
    read_manifest,
    refuse_change,
)
from raftfast.paths import STANDARD, refuse_to_take_away, status
from raftfast.sources import name_in_account, name_of
from raftfast.staging import SUCCESS, staged
from raftfast.task import Made, Outcome, gather

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from raftfast.inputs import Found
    from raftfast.jobs import Tick
    from raftfast.staging import Staging
    from raftfast.task import Task


def to_folder(
    task: Task, ending: str, *, options: Mapping[str, object], resume: bool = False
) -> Outcome:
    """Convert each input into an output of its own, several at once, which all appear or none.

    A folder that is not there appears with all outputs in it. In one that is there, files of the
    same names are replaced and others stay. Either way the folder then holds a manifest and,
    written last, `_SUCCESS`.

    Args:
        task: What to convert, and as the output its folder.
        ending: How the names of the outputs end, such as ``.jsonl.zst``.
        options: What decides the bytes of an output, apart from its input and the version.
        resume: Whether to keep the outputs that the manifest shows to be made from the same input
            in the same way, to take away those whose input is gone, and to leave what is complete
            for the next such run if this one fails.

    Raises:
        UsageError: Two inputs would have the same output, or an output is also an input.
        Error: Another run is writing to the folder.

    """
    started = perf_counter()
    names = output_names(task.inputs, ending)
    outputs = [os.path.join(task.output, name) for name in names]
    own = own_files(task)
    for output in (*own.values(), *outputs):
        refuse_unreplaceable(output)
    if task.companion is not None and task.companion.file in names:
        raise UsageError(f"an output would be the {task.companion.file} that describes it")
    task.refuse_clashes(outputs, own)
    if task.companion is not None:
        task.companion.is_right(task.output, names)  # better to fail now than after all work
    maker = Maker(_raftfast.__version__, json.loads(json.dumps(options)))
    if resume:
        earlier = _Earlier.of(task.output, maker, task.inputs)
        going = earlier.gone(earlier.others(names))
        refuse_to_take_away(task.sources, task.beside, map(earlier.path, going))
    with (
        ExitStack() as last,
        staged(task.output, last, resume=resume) as staging,
        closing(Journal(staging.journal, maker)) as journal,
    ):
        folder = _Folder(task, names, staging, maker, journal, resume=resume)
        with published(task.beside, sync=task.sync, last=folder.show) as paths:
            steps = run_all(list(folder.jobs()), task.threads, task.progress)
            gather(folder.rejected(), paths.get("rejects"))
            ledgers = [
                step.entry.ledger.of_input(name_in_account(found.source))
                for found, step in zip(task.inputs, steps, strict=True)
            ]
            total = _raftfast.Ledger.total(ledgers, perf_counter() - started)
            made = [
                Made(output, name_of(found.source), step.entry.ledger, step.kept)
                for output, found, step in zip(outputs, task.inputs, steps, strict=True)
            ]
            outcome = Outcome(total, made)
            task.finish(outcome, paths)
            folder.prepare(steps)
        folder.settle()
    return outcome


def output_names(inputs: Sequence[Found], ending: str) -> list[str]:
    """Name the output of each input: its own name with another ending.

    Raises:
        UsageError: Two inputs would have the same, or one has no name.

    """
    taken: dict[str, str] = {}
    for found in inputs:
        if found.name is None:
            what = name_of(found.source).replace(STANDARD, "standard input")
            raise UsageError(f"{what} has no name that its output in a folder could have")
        name = split_ending(found.name)[0] + ending
        source = name_of(found.source)
        if name in taken:
            raise UsageError(f"{taken[name]} and {source} would both become {name}")
        taken[name] = source
    return list(taken)


def own_files(task: Task) -> dict[str, str]:
    """Name what a run has in its folder besides the outputs, by what it is for."""
    beside = {} if task.companion is None else {"beside": task.companion.file}
    names = {**beside, "manifest": MANIFEST, "mark": SUCCESS}
    return {role: os.path.join(task.output, name) for role, name in names.items()}


def refuse_unreplaceable(output: str) -> None:
    """Fail for what a rename would refuse to replace, or should not, and for links to such."""
    found = status(output)
    if found is not None:
        _refuse_kind(output, found)
    if os.path.islink(output):
        with Output(output):  # that a file can be made where it leads, which is another folder
            pass


def _refuse_kind(output: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), output)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"output {output} is there, and not a regular file")
    if not os.access(output, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), output)


@dataclass(frozen=True)
class _Step:
    """What one input came to: converted now, or kept from an earlier run."""

    entry: Entry
    kept: bool
    staged: bool


@dataclass(frozen=True)
class _Earlier:
    """What earlier runs made in a folder.

    Attributes:
        folder: The folder.
        entries: What the manifest says of its files.
        made_so: Whether they were made as this run makes them.
        inputs: Those of this run.

    """

    folder: str
    entries: Mapping[str, Entry]
    made_so: bool
    inputs: Sequence[Found]

    @classmethod
    def of(cls, folder: str, maker: Maker, inputs: Sequence[Found]) -> _Earlier:
        return cls(folder, *read_manifest(folder, maker), inputs)

    def others(self, names: Iterable[str]) -> list[str]:
        """Name the outputs that are there and are none of these."""
        others = self.entries.keys() - {*names}
        there = {name for name in others if self.entries[name].output.is_there(self.path(name))}
        return [name for name in self.entries if name in there]

    def gone(self, others: Sequence[str]) -> list[str]:
        """Name those of them whose input is gone, or has another output by now."""
        states = [State.of(found.source) for found in self.inputs if others]
        now = {state.name for state in states if state is not None}
        roots = {os.path.abspath(found.root) for found in self.inputs if found.root is not None}
        return [name for name in others if _is_gone(self.entries[name].input, now, roots)]

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)


def _is_gone(state: State | None, now: Container[str], roots: Iterable[str]) -> bool:
    """Tell whether an input is one that this run makes outputs of, or would if it were there.

    Where its folder was not named, nobody knows: the whole tree may have moved.
    """
    if state is None:
        return False
    if state.name in now:
        return True
    with suppress(OSError):  # what nobody may look at is not gone
        is_named = any(state.name.startswith(os.path.join(root, "")) for root in roots)
        return is_named and not is_there(state.name)
    return False


class _Folder:
    """A run that fills a folder."""

    def __init__(  # noqa: PLR0913 - what a run consists of
        self,
        task: Task,
        names: Sequence[str],
        staging: Staging,
        maker: Maker,
        journal: Journal,
        *,
        resume: bool,
    ) -> None:
        self._task = task
        self._names = names
        self._staging = staging
        self._maker = maker
        self._journal = journal
        self._resume = resume
        self._before = _Earlier.of(staging.target, maker, task.inputs)
        self._shown: list[str] = []
        self._gone: list[str] = []

    def jobs(self) -> Iterator[Job[_Step]]:
        for index, found in enumerate(self._task.inputs):
            state = State.of(found.source)
            size = None if state is None else state.size
            yield Job(partial(self._step, index, state), size)

    def rejected(self) -> list[str]:
        paths = map(self._staging.rejects, range(len(self._names)))
        return [path for path in paths if os.path.isfile(path)]

    def prepare(self, steps: Sequence[_Step]) -> None:
        """Write the marks, and decide what is to be shown and what to go."""
        entries = {name: step.entry for name, step in zip(self._names, steps, strict=True)}
        made = [name for name, step in zip(self._names, steps, strict=True) if step.staged]
        there = self._before.others(self._names)
        self._gone = self._before.gone(there) if self._resume else []
        # What was made in another way is not for this manifest to keep.
        stay = {*there} - {*self._gone} if self._before.made_so else set()
        kept = {name: self._before.entries[name] for name in stay}
        text = manifest(self._maker, {**kept, **entries})
        described = self._described()
        if not (made or self._gone or described) and self._stands(text):
            return
        beside = {**described, MANIFEST: text, SUCCESS: b""}
        for name, content in beside.items():
            self._staging.write(name, content, sync=self._task.sync)
        self._shown = [*made, *beside]
        self._staging.keep_only(set(self._shown))
        self._staging.follow_links(self._shown, sync=self._task.sync)

    def _described(self) -> dict[str, bytes]:
        """Say what the file that the consumer wants has to hold, if it does not yet."""
        companion = self._task.companion
        folder = self._staging.target
        if companion is None or companion.is_right(folder, self._names):
            return {}
        return {companion.file: companion.text(folder, self._names)}

    def show(self) -> None:
        if self._shown:
            self._staging.show(self._shown, self._gone)

    def settle(self) -> None:
        if self._task.sync:
            self._staging.settle_names(self._shown)

    def _stands(self, text: bytes) -> bool:
        return self._staging.holds(MANIFEST, text) and self._staging.holds(SUCCESS, b"")

    def _step(self, index: int, state: State | None, threads: int, tick: Tick) -> _Step:
        if self._resume and state is not None:
            for entry, path in self._earlier(self._names[index]):
                if self._is_right(entry, path, state, tick):
                    staged = path == self._staging.path(self._names[index])
                    return _Step(entry.of_now(state, path), kept=True, staged=staged)
        return _Step(self._converted(index, state, threads, tick), kept=False, staged=True)

    def _earlier(self, name: str) -> Iterator[tuple[Entry, str]]:
        """Name what earlier runs made for an output, of which one may have been cut off."""
        if name in self._journal.entries:
            yield self._journal.entries[name], self._staging.path(name)
        if name in self._before.entries and self._before.made_so:
            yield self._before.entries[name], self._before.path(name)

    def _is_right(self, entry: Entry, path: str, state: State, tick: Tick) -> bool:
        if "rejects" in self._task.beside and entry.ledger.rejected:
            return False  # its rejected lines are wanted, and only a conversion finds them
        is_same = entry.input is not None and entry.input.is_same(state, tick)
        return is_same and entry.output.is_right(path, tick)

    def _converted(self, index: int, state: State | None, threads: int, tick: Tick) -> Entry:
        name, source = self._names[index], self._task.inputs[index].source
        outputs = self._outputs(index)
        with published(outputs, sync=self._task.sync) as to:
            ledger = self._task.run(
                [source], to["output"], threads=threads, rejects=to.get("rejects"), tick=tick
            )
        result, noted = Result.of(outputs["output"]), state
        if self._resume:
            result = result.digested(outputs["output"], tick)
            noted = None if state is None else state.digested(tick)
        refuse_change(source, state)
        entry = Entry(noted, result, ledger)
        self._journal.add(name, entry)
        return entry

    def _outputs(self, index: int) -> dict[str, str]:
        output = {"output": self._staging.path(self._names[index])}
        if "rejects" not in self._task.beside:
            return output
        return {"rejects": self._staging.rejects(index), **output}
