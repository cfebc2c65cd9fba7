"""Signals at any time: the old files or the new ones, and the next run finds nothing in its way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest
from corpora import seeded
from tracing import each_time, each_time_it_loads, needs_strace
from verdict import ENDINGS, ROADS, Done, Place, Road, give_rows, judge
from waiting import WORK, wait_until_it_listens

pytest_generate_tests = give_rows

SIGNALS = {
    "KILL": signal.SIGKILL,
    "TERM": signal.SIGTERM,
    "INT": signal.SIGINT,
    "HUP": signal.SIGHUP,
}


@pytest.mark.parametrize("number", SIGNALS.values(), ids=SIGNALS)
def test_a_signal_at_any_time(
    road: Road, number: signal.Signals, seed: int, tmp_path: Path
) -> None:
    dice = seeded(seed * 100 + 10 * list(ROADS.values()).index(road) + number)
    place = Place(tmp_path / "place", road, old=dice.random() < 0.5)
    with place.start() as process:
        wait_until_it_listens(process)
        threading.Event().wait(dice.uniform(0, WORK))
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    ending = ENDINGS.get(number, -number)
    judge(place, Done(process.returncode, said), codes=[ending, road.code], late=True)
    judge_rerun(place)


def judge_rerun(place: Place) -> None:
    """Fail unless a run after a signal is complete, whatever was left."""
    done = place.run()
    for part in (place.folder / "to").rglob(".raftfast-*.part"):
        part.unlink()
    judge(place, done, codes=[place.road.code])


STEPPING = Path(__file__).with_name("stepping.py")
"""The command with a signal at a step of the interpreter, as the module says."""

ENDING = ("linkat", "renameat", "rename", "unlink", "unlinkat")
"""The calls that give files their names and take others away."""

CALLS = (*ENDING, "openat", "writev", "mkdir", "rmdir", "fsync")


@needs_strace
def test_killed_at_a_call(road: Road, *, replacing: bool, long: bool, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", road, old=replacing)
    hit: set[str] = set()
    for call in CALLS if long else ENDING:
        for ended in each_time(place, f"{call}:signal=KILL"):
            judge(place, ended.done, codes=[-signal.SIGKILL])
            hit.add(call)
            if long:
                judge_rerun(place)
    assert hit


WATCHED = """
import os, sys
import raftfast
from raftfast import cli

class Held:
    def __init__(self, ledger):
        self.ledger = ledger

    def __getattr__(self, name):
        return getattr(self.ledger, name)

    def __del__(self):
        os.write(2, b"let go\\n")

convert = raftfast.convert
raftfast.convert = lambda *inputs, **options: Held(convert(*inputs, **options))
sys.argv[1:] = ["convert", "in.jsonl", "-o", "to/out"]
os._exit(cli.main())
"""


def test_nothing_is_left_to_do_once_the_summary_is_told(tmp_path: Path) -> None:
    # Killed as the C library opened a file to let go of the memory of threads, after the summary.
    place = Place(tmp_path / "place", ROADS["jsonl"])
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(command, cwd=place.folder, check=True, stderr=subprocess.PIPE)
    let_go, told = done.stderr.splitlines()
    assert let_go == b"let go"
    assert told.startswith(b"raftfast: 887 read = 887 written")


@needs_strace
def test_terminated_at_a_call(road: Road, *, replacing: bool, long: bool, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", road, old=replacing)
    hit: set[str] = set()
    for call in CALLS if long else ENDING:
        for ended in each_time(place, f"{call}:signal=TERM"):
            judge(place, ended.done, codes=[ENDINGS[signal.SIGTERM], road.code], late=True)
            hit.add(call)
    assert hit


@needs_strace
def test_ctrl_c_while_the_command_loads(*, long: bool, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", ROADS["jsonl"], old=True)
    step, ended = 1 if long else 10, 0
    for done in each_time_it_loads(place, "openat:signal=INT", step):
        judge(place, done, codes=[-signal.SIGINT, ENDINGS[signal.SIGINT]])
        ended += 1
    assert ended > 50 / step


def test_terminated_at_a_step_once_all_is_shown(
    *, replacing: bool, long: bool, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", ROADS["a folder"], old=replacing)
    stepping = [sys.executable, str(STEPPING)]
    ended = 0
    for step in count(1, 7 if long else 80):
        command = [*stepping, str(step), str(signal.SIGTERM.value), *place.road.command]
        done = subprocess.run(command, cwd=place.folder, check=False, capture_output=True)
        if done.stderr.endswith(b"no such step\n"):
            break
        outcome = Done(done.returncode, done.stderr)
        judge(place, outcome, codes=[ENDINGS[signal.SIGTERM], place.road.code], late=True)
        place.renew()
        ended += 1
    assert ended > (100 if long else 10)


RESUMED = Road(f"{ROADS['a folder'].arguments} --resume", ROADS["a folder"].old)
STEPS = {
    "linkat": 1,
    "rename": 1,
    "unlink": 1,
    "write": 1,
    "mkdir": 2,
    "writev": 2,
    "openat": 10,
}
"""The calls of such a run, and how many of them lie between two trials, if there is no time."""


@needs_strace
@pytest.mark.parametrize("call", STEPS)
def test_a_run_that_was_killed_is_resumed(
    call: str, *, replacing: bool, long: bool, tmp_path: Path
) -> None:
    place = Place(tmp_path / "place", RESUMED, old=replacing)
    hit = False
    for ended in each_time(place, f"{call}:signal=KILL", 1 if long else STEPS[call]):
        judge(place, ended.done, codes=[-signal.SIGKILL])
        judge_rerun(place)
        hit = True
    assert hit
