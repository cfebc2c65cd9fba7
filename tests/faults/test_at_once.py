"""Whoever looks at a name during a run, or writes to it at once, meets whole files only."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from verdict import FAILED, Done, Place, Road, digest, give_rows, judge, judge_words, seen

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

pytest_generate_tests = give_rows

WRITERS = 3
BUSY = b"another run is writing to this folder"


class Watcher:
    """Looks at names as fast as it can, until the block ends.

    Attributes:
        shown: What each name showed, in the order in which that changed.

    """

    def __init__(self, folder: Path, names: set[str]) -> None:
        """Begin with what is there."""
        self._folder, self._over = folder, threading.Event()
        self.shown: dict[str, list[str | None]] = {name: [self._look(name)] for name in names}
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            for name, shown in self.shown.items():
                if (now := self._look(name)) != shown[-1]:
                    shown.append(now)

    def _look(self, name: str) -> str | None:
        with suppress(FileNotFoundError):
            return digest(self._folder / name)
        return None


@pytest.mark.parametrize("old", [False, True], ids=["no files", "old files"])
def test_whoever_watches_a_name_sees_the_old_file_then_the_new_one(
    road: Road, *, old: bool, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", road, old=old)
    names = {name for name in {*place.before, *place.complete} if name.startswith("to/")}
    with Watcher(place.folder, names) as watcher:
        assert place.run().code == road.code
    for name, shown in watcher.shown.items():
        states = [place.before.get(name), place.complete.get(name)]
        if name.endswith("/_SUCCESS"):
            states.insert(1, None)  # it is away while other files are replaced
        rest = iter(states)
        assert all(state in rest for state in shown), name


def test_three_writers_of_one_output_leave_that_of_one(road: Road, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", road, old=True)
    running = [place.start() for _ in range(WRITERS)]
    said = [process.communicate(timeout=60)[1] for process in running]
    done = [Done(process.returncode, words) for process, words in zip(running, said, strict=True)]
    for one in done:
        judge_words(one)
        assert one.code == road.code or (one.code == FAILED and BUSY in one.said), one
    assert any(one.code == road.code for one in done)
    assert seen(place.folder) == place.complete


# Three are the standard streams, and Python itself cannot load a program with one more.
DESCRIPTORS = (5, 6, 7, 8, 9, 10, 12, 16, 32, 64)


@pytest.mark.parametrize("limit", DESCRIPTORS)
def test_with_few_descriptors_a_run_is_complete_or_says_so(
    road: Road, limit: int, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", road, old=True)
    done = place.run("/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh")
    judge(place, done)
    assert done.code == road.code or b"open files" in done.said
