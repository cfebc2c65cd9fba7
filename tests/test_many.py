"""Many files: folders and patterns in; shards and folders out, which appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
import raftfast as library
from conftest import jsonl, record
from raftfast import Error, UsageError, _raftfast
from raftfast.folder import output_names, to_folder
from raftfast.inputs import Found, expand, is_divisible, split_ending
from raftfast.jobs import Job, run_all
from raftfast.manifest import MANIFEST, State
from raftfast.several import is_folder, several_of
from raftfast.sharded import portions_of, to_shards, to_sized_shards
from raftfast.shards import shard_name
from raftfast.staging import SUCCESS, staged
from raftfast.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from raftfast.jobs import Tick

Tree = dict[str, bytes]


def plant(root: Path, *names: str, data: bytes = b"") -> None:
    """Make files; a name that ends with a slash is a folder."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def tree(root: Path) -> Tree:
    """Return all files below a folder, hidden ones too, but for manifests, which hold times."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


# Inputs


USUAL = ("d/b.jsonl", "d/a.jsonl.gz", "d/sub/c.parquet", "d/sub/deep/d.json", "e.jsonl")
NAMES: dict[str, tuple[tuple[str, ...], list[str], dict[str, str | None]]] = {
    "a file": (USUAL, ["e.jsonl"], {"e.jsonl": "e.jsonl"}),
    "a file of any ending": (("notes.txt",), ["notes.txt"], {"notes.txt": "notes.txt"}),
    "a file in a folder": (USUAL, ["d/b.jsonl"], {"d/b.jsonl": "b.jsonl"}),
    "what is not there": ((), ["none.jsonl"], {"none.jsonl": "none.jsonl"}),
    "standard input": ((), ["-"], {"-": None}),
    "a folder": (
        USUAL,
        ["d"],
        {
            "d/a.jsonl.gz": "a.jsonl.gz",
            "d/b.jsonl": "b.jsonl",
            "d/sub/c.parquet": "sub/c.parquet",
            "d/sub/deep/d.json": "sub/deep/d.json",
        },
    ),
    "a folder with a slash": (("d/a.jsonl",), ["d/"], {"d/a.jsonl": "a.jsonl"}),
    "files of a folder that hold no records": (
        ("d/a.ndjson", "d/README.md", "d/_SUCCESS", f"d/{MANIFEST}", "d/dataset_infos.json"),
        ["d"],
        {"d/a.ndjson": "a.ndjson"},
    ),
    "hidden files and folders": (
        ("d/a.arrow", "d/.b.jsonl", "d/.raftfast-parts/files/c.jsonl"),
        ["d"],
        {"d/a.arrow": "a.arrow"},
    ),
    "every known ending": (
        tuple(f"d/{x}" for x in ("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl.zst", "d.arrows")),
        ["d"],
        {f"d/{x}": x for x in ("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl.zst", "d.arrows")},
    ),
    "a saved dataset": (
        ("ds/state.json", "ds/dataset_info.json", "ds/data-00000-of-00001.arrow"),
        ["ds"],
        {"ds": "ds"},
    ),
    "saved datasets in a folder": (
        ("dd/train/state.json", "dd/train/0.arrow", "dd/test/state.json"),
        ["dd"],
        {"dd/test": "test", "dd/train": "train"},
    ),
    "saved splits of one dataset, of which none is chosen": (
        ("dd/dataset_dict.json", "dd/train/state.json", "dd/train/0.arrow", "dd/test/state.json"),
        ["dd"],
        {"dd": "dd"},
    ),
    "a pattern": (USUAL, ["d/*.jsonl*"], {"d/a.jsonl.gz": "a.jsonl.gz", "d/b.jsonl": "b.jsonl"}),
    "a pattern of folders": (
        ("d/x/1.jsonl", "d/y/1.jsonl", "d/z.jsonl"),
        ["d/*/1.jsonl"],
        {"d/x/1.jsonl": "x/1.jsonl", "d/y/1.jsonl": "y/1.jsonl"},
    ),
    "a pattern for any depth": (
        USUAL,
        ["d/**/*.j*"],
        {
            "d/a.jsonl.gz": "a.jsonl.gz",
            "d/b.jsonl": "b.jsonl",
            "d/sub/deep/d.json": "sub/deep/d.json",
        },
    ),
    "a pattern takes files of any ending": (("a.txt", "b/"), ["*"], {"a.txt": "a.txt"}),
    "a pattern takes saved datasets whole": (
        ("d/ds/state.json", "d/ds/0.arrow", "d/x.arrow"),
        ["d/**"],
        {"d/ds": "ds", "d/x.arrow": "x.arrow"},
    ),
    "a file whose name reads as a pattern": (
        ("a[1].jsonl", "a1.jsonl"),
        ["a[1].jsonl"],
        {"a[1].jsonl": "a[1].jsonl"},
    ),
    "names stay in their order": (
        ("b.jsonl", "d/a.jsonl"),
        ["b.jsonl", "d", "b.jsonl"],
        {"b.jsonl": "b.jsonl", "d/a.jsonl": "a.jsonl"},
    ),
}


@pytest.mark.parametrize(("files", "names", "expected"), NAMES.values(), ids=NAMES)
def test_names_stand_for_inputs(
    files: tuple[str, ...], names: list[str], expected: dict[str, str | None], folder: Path
) -> None:
    plant(folder, *files)
    found = expand(names)
    assert list(dict(found).items()) == list(expected.items())
    assert [one.source for one in found][: len(expected)] == list(expected)


NOTHING = {
    "an empty folder": ("d/", "d", "no file in it ends in .jsonl"),
    "a folder without records": ("d/README.md", "d", "no file in it ends in .jsonl"),
    "a pattern": ("d/", "d/*.jsonl", "no file matches it"),
    "a pattern of folders only": ("d/sub/", "d/*", "no file matches it"),
}


@pytest.mark.parametrize(("there", "name", "message"), NOTHING.values(), ids=NOTHING)
def test_a_name_that_stands_for_nothing_is_an_error(
    there: str, name: str, message: str, folder: Path
) -> None:
    plant(folder, there)
    with pytest.raises(FileNotFoundError, match=message) as caught:
        expand([name])
    assert caught.value.filename == name


def test_links_to_folders_are_followed_but_in_no_circle(folder: Path) -> None:
    plant(folder, "d/a.jsonl", "elsewhere/b.jsonl")
    (folder / "d/up").symlink_to("..")
    (folder / "d/self").symlink_to(".")
    (folder / "d/over").symlink_to("../elsewhere")
    names = [found.name for found in expand(["d"])]
    assert names == ["a.jsonl", "over/b.jsonl", "up/elsewhere/b.jsonl"]


def test_a_dangling_link_is_not_passed_over(folder: Path) -> None:
    plant(folder, "d/a.jsonl")
    (folder / "d/b.jsonl").symlink_to("none")
    assert [found.name for found in expand(["d"])] == ["a.jsonl", "b.jsonl"]


OWN = {
    "below the input": ("d/out/", ["d"], ["a.jsonl"]),
    "below a pattern": ("d/out/", ["d/**/*.jsonl"], ["a.jsonl"]),
    "the input itself": ("d", ["d"], ["a.jsonl", "out/b.jsonl"]),
    "elsewhere": ("else", ["d"], ["a.jsonl", "out/b.jsonl"]),
}


@pytest.mark.parametrize(("output", "names", "expected"), OWN.values(), ids=OWN)
def test_outputs_of_an_earlier_run_are_no_inputs(
    output: str, names: list[str], expected: list[str], folder: Path
) -> None:
    plant(folder, "d/a.jsonl", "d/out/b.jsonl")
    assert [found.name for found in expand(names, output)] == expected


# Names of outputs


SPLIT = {
    "train.jsonl": ("train", ".jsonl"),
    "a/train.v1.jsonl.zst": ("a/train.v1", ".jsonl.zst"),
    "TRAIN.JSONL.GZ": ("TRAIN", ".JSONL.GZ"),
    "x.parquet": ("x", ".parquet"),
    "notes.txt": ("notes.txt", ""),
    "train": ("train", ""),
}


@pytest.mark.parametrize(("name", "expected"), SPLIT.items())
def test_an_ending_is_cut_off_whole(name: str, expected: tuple[str, str]) -> None:
    assert split_ending(name) == expected


SHARD_NAMES = {
    ("out/train.jsonl", 0, 16): "out/train-00000-of-00016.jsonl",
    ("train.jsonl.zst", 15, 16): "train-00015-of-00016.jsonl.zst",
    ("train.parquet", 7, 123456): "train-00007-of-123456.parquet",
    ("train.txt", 1, 2): "train-00001-of-00002.txt",
    ("a.b/train", 1, 2): "a.b/train-00001-of-00002",
}


@pytest.mark.parametrize(("given", "expected"), SHARD_NAMES.items())
def test_shards_are_named_as_on_the_hub(given: tuple[str, int, int], expected: str) -> None:
    assert shard_name(*given) == expected


OUTPUT_NAMES = {
    "the ending changes": (["a.jsonl.gz", "s/b.parquet"], ".jsonl", ["a.jsonl", "s/b.jsonl"]),
    "an unknown ending stays": (["a.txt", "b"], ".parquet", ["a.txt.parquet", "b.parquet"]),
    "other dots stay": (["a.v1.json"], ".jsonl.zst", ["a.v1.jsonl.zst"]),
}


@pytest.mark.parametrize(("names", "ending", "expected"), OUTPUT_NAMES.values(), ids=OUTPUT_NAMES)
def test_outputs_keep_the_names_of_inputs(
    names: list[str], ending: str, expected: list[str]
) -> None:
    assert output_names([Found(f"in/{name}", name) for name in names], ending) == expected


def test_two_inputs_cannot_have_one_output(folder: Path) -> None:
    plant(folder, "d/a.jsonl", "d/a.jsonl.gz")
    with pytest.raises(UsageError, match=r"^d/a\.jsonl and d/a\.jsonl\.gz would both become a\.j"):
        output_names(expand(["d"]), ".jsonl")


def test_standard_input_has_no_name_in_a_folder() -> None:
    with pytest.raises(UsageError, match="standard input has no name"):
        output_names(expand(["-"]), ".jsonl")


def test_a_folder_is_what_is_one_or_ends_with_a_slash(folder: Path) -> None:
    plant(folder, "there/", "file")
    assert [is_folder(name) for name in ("there", "new/", "new", "file", "-")] == [
        *(True, True),
        *(False, False, False),
    ]


ASKED: dict[str, tuple[tuple[str | None, int | None, int | None, bool], str | None]] = {
    "a file": (("out.jsonl", None, None, False), None),
    "standard output": (("-", None, None, False), None),
    "an object": ((None, None, None, False), None),
    "a folder": (("out/", None, None, False), "folder"),
    "a folder again": (("out/", None, None, True), "folder"),
    "shards": (("out.jsonl", 2, None, False), "shards"),
    "shards of a size": (("out.jsonl", None, 100, False), "shards"),
}


@pytest.mark.parametrize(("asked", "expected"), ASKED.values(), ids=ASKED)
def test_a_call_asks_for_several_outputs_or_one(
    asked: tuple[str | None, int | None, int | None, bool], expected: str | None
) -> None:
    several = several_of(*asked[:3], resume=asked[3])
    assert expected == (several and ("folder" if several.folder else "shards"))


CONFLICTS: dict[str, tuple[tuple[str | None, int | None, int | None, bool], str]] = {
    "both kinds of shards": (("out.jsonl", 2, 100, False), "exclude each other"),
    "shards in a folder": (("out/", 2, None, False), "need the name of a file"),
    "shards of an object": ((None, 2, None, False), "need the name of a file"),
    "resumed shards": (("out.jsonl", 2, None, True), "resume needs a folder"),
    "a resumed file": (("out.jsonl", None, None, True), "resume needs a folder"),
    "no shard": (("out.jsonl", 0, None, False), "at least one"),
    "shards of nothing": (("out.jsonl", None, 0, False), "at least one"),
}


@pytest.mark.parametrize(("asked", "message"), CONFLICTS.values(), ids=CONFLICTS)
def test_what_does_not_go_together_is_refused(
    asked: tuple[str | None, int | None, int | None, bool], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        several_of(*asked[:3], resume=asked[3])


# Jobs


def test_results_are_in_the_order_of_the_jobs() -> None:
    waits = [0.03, 0, 0.02, 0, 0.01]

    def work(index: int, _threads: int, _tick: Tick) -> int:
        threading.Event().wait(waits[index])
        return index

    jobs = [Job(partial(work, index), None) for index in range(5)]
    assert [run_all(jobs, threads) for threads in (1, 2, 8)] == [[0, 1, 2, 3, 4]] * 3


def test_no_jobs_give_nothing() -> None:
    assert run_all([], 4) == []


SHARES = {(1, 4): {4}, (2, 4): {2}, (4, 4): {1}, (9, 4): {1}, (3, 1): {1}, (2, 5): {2, 3}}


@pytest.mark.parametrize(("counts", "expected"), SHARES.items())
def test_threads_are_shared_out(counts: tuple[int, int], expected: set[int]) -> None:
    jobs, threads = counts
    all_begun = threading.Barrier(min(jobs, threads))

    def work(share: int, _tick: Tick) -> int:
        if jobs <= threads:
            all_begun.wait(10)
        return share

    assert set(run_all([Job(work, None)] * jobs, threads)) == expected


def test_the_first_error_in_the_order_of_the_jobs_is_raised() -> None:
    later_failed = threading.Event()
    begun = []

    def first(_threads: int, _tick: Tick) -> None:
        assert later_failed.wait(10)
        raise ValueError("first")

    def second(_threads: int, _tick: Tick) -> None:
        later_failed.set()
        raise ValueError("second")

    def third(_threads: int, _tick: Tick) -> None:
        begun.append("third")

    with pytest.raises(ValueError, match="first"):
        run_all([Job(first, None), Job(second, None), Job(third, None)], 2)


def endless_work(_threads: int, tick: Tick) -> None:
    while True:
        tick(1, 2)
        threading.Event().wait(0.01)


def test_an_error_ends_the_jobs_after_it_and_lets_none_begin() -> None:
    begun = []

    def failing(_threads: int, _tick: Tick) -> None:
        raise ValueError("at once")

    def third(_threads: int, _tick: Tick) -> None:
        begun.append("third")

    with pytest.raises(ValueError, match="at once"):
        run_all([Job(failing, 1), Job(endless_work, 1), Job(third, 1)], 2)
    assert begun == []


def test_what_progress_raises_ends_all_jobs_and_leaves_no_thread() -> None:
    before = threading.active_count()

    def progress(_read: int, _size: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([Job(endless_work, 5)] * 9, 3, progress)
    assert threading.active_count() == before


def test_ctrl_c_ends_all_jobs() -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run_all([Job(endless_work, 5)] * 9, 3)


def test_progress_is_that_of_all_jobs() -> None:
    told: set[tuple[int, int | None]] = set()
    release = threading.Event()

    def progress(read: int, size: int | None) -> None:
        told.add((read, size))
        if read == 5:
            release.set()

    def work(_threads: int, tick: Tick) -> None:
        tick(2, None)
        assert release.wait(10)

    def done(_threads: int, _tick: Tick) -> None:
        pass

    run_all([Job(work, 4), Job(done, 3)], 2, progress)
    assert (5, 7) in told


def test_the_size_is_unknown_if_one_is() -> None:
    told = []
    release = threading.Event()

    def progress(_read: int, size: int | None) -> None:
        told.append(size)
        release.set()

    def work(_threads: int, _tick: Tick) -> None:
        assert release.wait(10)

    run_all([Job(work, 4), Job(work, None)], 2, progress)
    assert set(told) == {None}


def test_threads_that_cannot_be_had_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    real = threading.Thread.start
    started: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert run_all([Job(lambda *_: 1, None)] * 3, 3) == [1, 1, 1]


# What the tests below convert with


BAD = b'{"instruction": 5}\n'


def task(output: str, *inputs: str, on_error: str = "fail", **options: Any) -> Task:  # noqa: ANN401
    run = partial(_raftfast.convert_files, converter=library.Converter("chat", on_error=on_error))  # type: ignore[arg-type]
    return Task(expand(inputs, output), output, run, **{"threads": 2, **options})


def roll(*inputs: str, output: str, size: int, **options: Any) -> Outcome:  # noqa: ANN401
    return to_sized_shards(task(output, *inputs, **options), size)


def into(output: str, *inputs: str, resume: bool = False, **options: Any) -> Outcome:  # noqa: ANN401
    made = {"to": "chat", "other": options.pop("other", None)}
    return to_folder(task(output, *inputs, **options), ".jsonl", options=made, resume=resume)


@pytest.fixture
def sources(folder: Path) -> Path:
    """Make three corpora in a folder, one of them further down."""
    for index, name in enumerate(("a.jsonl", "b.jsonl", "sub/c.jsonl")):
        plant(folder, f"in/{name}", data=corpus_of(30 * index + 1, 30 * index + 30))
    return folder


def corpus_of(first: int, last: int) -> bytes:
    return jsonl(
        *(
            record(id=str(index), instruction=f"Q{index}" + "?" * (index % 50))
            for index in range(first, last + 1)
        )
    )


def alone(*inputs: str) -> bytes:
    """Convert inputs into one output, as is tested elsewhere."""
    library.convert([found.source for found in expand(inputs)], ".alone")
    rows = Path(".alone").read_bytes()
    Path(".alone").unlink()
    return rows


def shards_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_file())


# Shards


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 3, 16, 200])
def test_shards_are_the_rows_in_order_whatever_the_threads(
    count: int, threads: int, sources: Path
) -> None:
    outcome = to_shards(task("out.jsonl", "in", threads=threads), count)
    names = [f"out-{index:05d}-of-{count:05d}.jsonl" for index in range(count)]
    assert shards_in(sources) == names
    assert [made.output for made in outcome.outputs] == names
    assert b"".join((sources / name).read_bytes() for name in names) == alone("in")
    assert (outcome.ledger.read, outcome.ledger.written) == (90, 90)
    assert sum(made.ledger.written for made in outcome.outputs if made.ledger) == 90


def test_threads_do_not_change_shards(sources: Path) -> None:
    seen = []
    for threads in (1, 2, 7):
        to_shards(task("out.jsonl", "in", threads=threads), 5)
        seen.append({name: (sources / name).read_bytes() for name in shards_in(sources)})
    assert seen[0] == seen[1] == seen[2]


def test_shards_of_another_number_go_when_the_new_ones_are_there(sources: Path) -> None:
    others = ("out-1-of-2.jsonl", "out-00000-of-00005.parquet", "other-00000-of-00002.jsonl")
    plant(sources, "d/out-00000-of-00005.jsonl", *others)
    to_shards(task("out.jsonl", "in"), 3)
    to_shards(task("out.jsonl", "in"), 2)
    new = {f"out-{index:05d}-of-00002.jsonl" for index in range(2)}
    assert set(shards_in(sources)) == new | set(others)
    assert (sources / "d/out-00000-of-00005.jsonl").exists()


def test_an_error_leaves_the_old_shards(sources: Path) -> None:
    to_shards(task("out.jsonl", "in"), 3)
    before = tree(sources)
    (sources / "in/b.jsonl").write_bytes(corpus_of(1, 5) + b"{\n" + corpus_of(7, 9))
    with pytest.raises(Error, match=r"in/b\.jsonl: line 6"):
        to_shards(task("out.jsonl", "in"), 4)
    (sources / "in/b.jsonl").write_bytes(before["in/b.jsonl"])
    assert tree(sources) == before


def test_the_first_error_of_all_shards_is_told_with_its_line(sources: Path) -> None:
    (sources / "in/b.jsonl").write_bytes(corpus_of(1, 5) + b"{\n" + corpus_of(7, 9) + b"[\n")
    for count, threads in ((1, 1), (4, 1), (4, 4), (30, 3)):
        with pytest.raises(Error, match=r"in/b\.jsonl: line 6"):
            to_shards(task("out.jsonl", "in", threads=threads), count)


@pytest.mark.parametrize("count", [2, 3])
def test_shards_that_are_inputs_are_not_harmed(count: int, sources: Path) -> None:
    to_shards(task("out.jsonl", "in"), 2)
    before = tree(sources)
    with pytest.raises(UsageError, match="same file as input"):
        to_shards(task("out.jsonl", "out-*.jsonl"), count)
    with pytest.raises(UsageError, match="same file as input"):
        roll("out-*.jsonl", output="out.jsonl", size=1000)
    assert tree(sources) == before


@pytest.mark.parametrize("output", ["-", "new/", ""])
def test_shards_need_a_name(output: str, sources: Path) -> None:
    with pytest.raises(UsageError, match="shards need the name of a file"):
        to_shards(task(output, "in"), 2)
    assert not (sources / "new").exists()


def test_until_the_end_no_shard_is_seen(sources: Path) -> None:
    seen = []

    def finish(_outcome: Outcome, _paths: Mapping[str, str]) -> None:
        seen.append(shards_in(sources))

    to_shards(task("out.jsonl", "in", finish=finish), 4)
    roll("in", output="new.jsonl", size=5000, finish=finish)
    assert seen == [[], [f"out-{index:05d}-of-00004.jsonl" for index in range(4)]]


def test_what_finish_raises_leaves_nothing(sources: Path) -> None:
    def finish(outcome: Outcome, _paths: Mapping[str, str]) -> None:
        raise Error(f"{outcome.ledger.written} rows", kind="expected-rows")

    before = tree(sources)
    runs: list[Callable[[], object]] = [
        lambda: to_shards(task("out.jsonl", "in", finish=finish), 4),
        lambda: roll("in", output="out.jsonl", size=5000, finish=finish),
        lambda: into("out/", "in", finish=finish),
    ]
    for run in runs:
        with pytest.raises(Error, match="90 rows"):
            run()
    assert tree(sources) == before


def test_whoever_watches_sees_whole_shards_and_with_the_last_all(sources: Path) -> None:
    over = threading.Event()
    names = [f"out-{index:05d}-of-00012.jsonl" for index in range(12)]
    rounds = [sources / str(index) for index in range(30)]
    seen: set[tuple[str, int]] = set()
    torn = []

    def watch() -> None:
        while not over.is_set():
            for round_ in rounds:
                found = [path.name for path in round_.iterdir()]
                seen.update((name, (round_ / name).stat().st_size) for name in found)
                if names[-1] in found and set(found) != set(names):
                    torn.append(found)

    for round_ in rounds:
        round_.mkdir()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for round_ in rounds:
            to_shards(task(f"{round_}/out.jsonl", "in"), 12)
    finally:
        over.set()
        watcher.join()
    assert torn == []
    assert seen <= {(name, (rounds[0] / name).stat().st_size) for name in names}


def test_a_field_missing_from_one_shard_only_is_no_error(folder: Path) -> None:
    lacking: list[dict[str, object]] = [{"instruction": "x"}] * 50
    plant(folder, "a.jsonl", data=jsonl(*lacking) + corpus_of(1, 2))
    outcome = to_shards(task("out.jsonl", "a.jsonl"), 8)
    assert outcome.ledger.written == 2


def test_fields_that_are_missing_from_different_shards_are_no_error(folder: Path) -> None:
    one: list[dict[str, object]] = [{"instruction": "x"}] * 50
    other: list[dict[str, object]] = [{"cot_answer": "x"}] * 50
    plant(folder, "a.jsonl", data=jsonl(*one) + jsonl(*other))
    outcome = to_shards(task("out.jsonl", "a.jsonl"), 8)
    assert outcome.ledger.read == 100


def test_a_field_missing_from_all_shards_is_an_error(folder: Path) -> None:
    lacking: list[dict[str, object]] = [{"instruction": "x", "answer": "y"}] * 50
    plant(folder, "a.jsonl", data=jsonl(*lacking))
    with pytest.raises(Error, match="cot_answer") as caught:
        to_shards(task("out.jsonl", "a.jsonl"), 80)  # some of which have no record
    assert caught.value.kind == "missing-field"
    assert shards_in(folder) == ["a.jsonl"]


REJECTING = {"shards": 5, "a folder": None}


@pytest.mark.parametrize("count", REJECTING.values(), ids=REJECTING)
def test_rejects_are_those_of_one_run_in_order(count: int | None, sources: Path) -> None:
    for name in ("in/a.jsonl", "in/sub/c.jsonl"):
        with (sources / name).open("ab") as file:
            file.write(BAD + corpus_of(1, 3) + BAD)
    paths = [found.source for found in expand(["in"])]
    library.convert(paths, "one", on_error="skip", rejects="bad.one")
    several = task("out/o.jsonl", "in", on_error="skip", beside={"rejects": "bad.many"})
    if count:
        (sources / "out").mkdir()
        outcome = to_shards(several, count)
    else:
        outcome = into("out", "in", on_error="skip", beside={"rejects": "bad.many"})
    assert outcome.ledger.rejected == {"wrong-type": 4}
    assert (sources / "bad.many").read_bytes() == (sources / "bad.one").read_bytes()
    assert [name for name in tree(sources / "out") if "reject" in name] == []


def test_links_in_the_place_of_shards_stay_links(sources: Path) -> None:
    plant(sources, "else/real")
    (sources / "out-00000-of-00002.jsonl").symlink_to("else/real")
    to_shards(task("out.jsonl", "in"), 2)
    assert (sources / "out-00000-of-00002.jsonl").is_symlink()
    assert (sources / "else/real").stat().st_size > 0


LIMITS = {
    "a low soft limit is raised": ("ulimit -Sn 100", 0, b"True\n"),
    "a low hard limit is told": (
        "ulimit -n 300",
        1,
        b"raftfast: out.jsonl: 100 shards need 556 open files, more than `ulimit -Hn` allows\n",
    ),
}
LIMITED = """
import sys
from resource import RLIMIT_NOFILE, getrlimit
from raftfast import _raftfast, Converter, endings
from raftfast.inputs import expand
from raftfast.several import is_folder, several_of
from raftfast.sharded import to_shards
from raftfast.task import Task

def work():
    run = lambda *given, **options: _raftfast.convert_files(*given, Converter("chat"), **options)
    before = getrlimit(RLIMIT_NOFILE)
    to_shards(Task(expand(["in"]), "out.jsonl", run, 2), 100)
    print(getrlimit(RLIMIT_NOFILE) == before)
    return 0

sys.exit(endings.run(work))
"""


@pytest.mark.parametrize(("limit", "code", "said"), LIMITS.values(), ids=LIMITS)
def test_many_shards_need_many_files(limit: str, code: int, said: bytes, sources: Path) -> None:
    script = f'{limit}; exec "$@"'
    arguments = ["/bin/sh", "-c", script, "sh", sys.executable, "-c", LIMITED]
    done = subprocess.run(arguments, cwd=sources, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (code, said)
    assert len(shards_in(sources)) == (100 if code == 0 else 0)


DIVISIBLE = {
    "lines": (b'{"a": 1}\n', True),
    "nothing": (b"", True),
    "a byte order mark": (b"\xef\xbb\xbf{}", True),
    "an array": (b"\xef\xbb\xbf \n[{}]", False),
    "gzip": (b"\x1f\x8b\x08\x00", False),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", False),
    "a frame of zstd to skip": (b"\x52\x2a\x4d\x18", False),
    "bzip2": (b"BZh9", False),
    "xz": (b"\xfd7zXZ\x00", False),
    "Parquet": (b"PAR1", False),
    "Arrow": (b"ARROW1\x00\x00", False),
    "a stream of Arrow": (b"\xff\xff\xff\xff\x10", False),
    "encrypted Parquet": (b"PARE", False),
    "a stream from before Arrow 0.15": (b"\x0c\0\0\0\x08\0\0\0" + bytes(8), False),
}


@pytest.mark.parametrize(("first", "expected"), DIVISIBLE.values(), ids=DIVISIBLE)
def test_only_plain_lines_are_divisible(first: bytes, expected: bool, folder: Path) -> None:  # noqa: FBT001
    plant(folder, "x", data=first)
    assert is_divisible("x") is expected
    assert is_divisible(".") is False


def test_a_stream_from_before_arrow_0_15_becomes_a_shard_as_a_whole(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"instruction": ["Q"] * 9, "cot_answer": ["A"] * 9})
    old = pa.ipc.IpcWriteOptions(use_legacy_format=True, metadata_version=pa.ipc.MetadataVersion.V4)
    for name in ("a.arrows", "b.arrows"):
        with pa.ipc.new_stream(folder / name, table.schema, options=old) as stream:
            stream.write_table(table)
    library.convert("*.arrows", "out.jsonl", shards=2)
    rows = [name.read_bytes().count(b"\n") for name in sorted(folder.glob("out-*"))]
    assert rows == [9, 9]
    with pytest.raises(UsageError, match=r"^a\.arrows cannot be divided"):
        library.convert("*.arrows", "out.jsonl", shards=3)


GROUPS = {
    "as many as shards": ([1, 1, 1], 3, [1, 1, 1]),
    "equal": ([5] * 8, 4, [2, 2, 2, 2]),
    "a long one": ([1, 1, 100, 1, 1], 3, [3, 1, 1]),
    "equal, but not divisible": ([2] * 4, 3, [2, 1, 1]),
    "one after a long one": ([9, 1, 1, 1], 3, [1, 1, 2]),
    "one shard": ([3, 4], 1, [2]),
}


@pytest.mark.parametrize(("sizes", "count", "expected"), GROUPS.values(), ids=GROUPS)
def test_inputs_that_cannot_be_divided_are_shared_out_whole(
    sizes: list[int], count: int, expected: list[int], folder: Path
) -> None:
    names = [f"{index}.gz" for index in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        plant(folder, name, data=b"\x1f\x8b" + b"x" * 100 * size)
    portions = portions_of(names, count)
    assert [len(portion.inputs) for portion in portions] == expected
    assert [name for portion in portions for name in portion.inputs] == names
    assert {portion.part for portion in portions} == {None}


def test_more_shards_than_inputs_that_cannot_be_divided_are_refused(folder: Path) -> None:
    plant(folder, "a.gz", data=b"\x1f\x8b")
    plant(folder, "b.jsonl")
    with pytest.raises(
        UsageError,
        match=r"^a\.gz cannot be divided, so that there can be 2 shards at most",
    ):
        portions_of(["b.jsonl", "a.gz"], 3)


# Shards of a size


@pytest.mark.parametrize("size", [1, 1000, 5000, 10**9])
def test_shards_of_a_size_are_the_rows_in_order(size: int, sources: Path) -> None:
    outcome = roll("in", output="out.jsonl.x", size=size)
    rows = [(sources / made.output).read_bytes() for made in outcome.outputs]
    assert b"".join(rows) == alone("in")
    assert all(len(shard) <= size or shard.count(b"\n") == 1 for shard in rows)
    count = len(rows)
    assert shards_in(sources) == [f"out.jsonl-{i:05d}-of-{count:05d}.x" for i in range(count)]


def test_shards_of_a_size_replace_those_of_another(sources: Path) -> None:
    counts = []
    for size in (2000, 5000, 2000):
        roll("in", output="out.jsonl", size=size)
        counts.append(len(shards_in(sources)))
    assert counts[0] == counts[2] > counts[1]


def test_no_rows_give_one_shard_of_a_size(folder: Path) -> None:
    plant(folder, "in.jsonl")
    roll("in.jsonl", output="out.jsonl", size=100)
    assert shards_in(folder) == ["in.jsonl", "out-00000-of-00001.jsonl"]


def test_an_error_leaves_the_old_shards_of_a_size(sources: Path) -> None:
    roll("in", output="out.jsonl", size=2000)
    before = tree(sources)
    (sources / "bad.jsonl").write_bytes(b"{\n")
    with pytest.raises(Error):
        roll("in", "bad.jsonl", output="out.jsonl", size=3000)
    (sources / "bad.jsonl").unlink()
    assert tree(sources) == before


def test_a_shard_of_a_size_cannot_move_through_a_link(sources: Path) -> None:
    plant(sources, "else/real")
    (sources / "out-00000-of-00001.jsonl").symlink_to("else/real")
    roll("in", output="out.jsonl", size=10**9)
    assert (sources / "else/real").stat().st_size > 0
    (sources / "out-00000-of-00001.jsonl").rename("out-00000-of-00002.jsonl")
    with pytest.raises(OSError, match="link") as caught:
        roll("in", output="out.jsonl", size=len(alone("in")) - 1)
    assert caught.value.errno == errno.EXDEV


# Folders


def rows_of(*names: str) -> Tree:
    return {name: alone(f"in/{name}") for name in names}


ALL = ("a.jsonl", "b.jsonl", "sub/c.jsonl")


@pytest.mark.parametrize("threads", [1, 2, 9])
@pytest.mark.parametrize("output", ["out/", "there", "out//", "./out/"])
def test_a_folder_has_an_output_for_each_input(output: str, threads: int, sources: Path) -> None:
    (sources / "there").mkdir()
    outcome = into(output, "in", threads=threads)
    assert tree(sources / output) == {**rows_of(*ALL), SUCCESS: b""}
    assert [made.output for made in outcome.outputs] == [os.path.join(output, n) for n in ALL]  # noqa: PTH118
    assert [made.input for made in outcome.outputs] == [f"in/{name}" for name in ALL]
    assert (outcome.ledger.read, outcome.ledger.written) == (90, 90)
    assert {name.split("/")[0] for name in tree(sources)} <= {"in", "out", "there"}


def test_a_folder_keeps_what_is_not_replaced(sources: Path) -> None:
    plant(sources, "out/a.jsonl", "out/other.txt", "out/sub/x.jsonl", data=b"old")
    into("out", "in")
    kept = {"other.txt": b"old", "sub/x.jsonl": b"old"}
    assert tree(sources / "out") == {**rows_of(*ALL), **kept, SUCCESS: b""}


def test_a_link_to_a_folder_stays_a_link(sources: Path) -> None:
    plant(sources, "real/")
    (sources / "there").symlink_to("real")
    (sources / "dangling").symlink_to("new")
    for output, real in (("there", "real"), ("dangling/", "new")):
        into(output, "in")
        assert (sources / output).is_symlink()
        assert set(tree(sources / real)) == {*ALL, SUCCESS}


def test_links_in_the_place_of_outputs_in_a_folder_stay_links(sources: Path) -> None:
    plant(sources, "store/old", data=b"old")
    plant(sources, "out/sub/")
    links = {"a.jsonl": "../store/old", "sub/c.jsonl": "../../store/new", MANIFEST: "../store/m"}
    for name, to in links.items():
        (sources / "out" / name).symlink_to(to)
    for data in (corpus_of(1, 30), corpus_of(1, 3)):
        (sources / "in/a.jsonl").write_bytes(data)
        into("out/", "in", resume=True, sync=True)
        assert {name: os.readlink(f"out/{name}") for name in links} == links  # noqa: PTH115
        assert tree(sources / "out") == {**rows_of(*ALL), SUCCESS: b""}
        assert set(tree(sources / "store")) == {"old", "new", "m"}
        assert converted(into("out/", "in", resume=True)) == []


def test_where_a_link_in_a_folder_leads_shows_the_old_file_after_an_error(sources: Path) -> None:
    plant(sources, "store/old", data=b"old")
    plant(sources, "out/")
    (sources / "out/a.jsonl").symlink_to("../store/old")
    (sources / "out/b.jsonl").symlink_to("../store/new")
    before = tree(sources)

    def finish(_outcome: Outcome, _paths: Mapping[str, str]) -> None:
        raise Error("no", kind="expected-rows")

    with pytest.raises(Error, match="no"):
        into("out/", "in", finish=finish)
    assert tree(sources) == before


def test_a_link_in_a_folder_that_leads_nowhere_is_refused_before_the_work(sources: Path) -> None:
    plant(sources, "out/")
    (sources / "out/b.jsonl").symlink_to("../none/b.jsonl")
    (sources / "in/a.jsonl").write_bytes(BAD)
    with pytest.raises(FileNotFoundError) as caught:
        into("out/", "in")
    assert caught.value.filename == "out/b.jsonl"


def test_a_full_disk_where_a_link_leads_is_told_and_leaves_all_as_it_was(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(sources, "out/a.jsonl", "store/b", data=b"old")
    (sources / "out/b.jsonl").symlink_to("../store/b")
    before = tree(sources)

    def full(_parts: object, whole: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", whole)

    monkeypatch.setattr("raftfast.staging.gather", full)
    with pytest.raises(OSError, match="No space") as caught:
        into("out/", "in")
    assert caught.value.filename == "out/b.jsonl"
    assert tree(sources) == before


def test_the_manifest_tells_what_was_made_from_what(sources: Path) -> None:
    into("out/", "in", resume=True)
    facts = json.loads((sources / "out" / MANIFEST).read_bytes())
    assert (facts["raftfast"], facts["options"]) == (
        library.__version__,
        {"to": "chat", "other": None},
    )
    entry = facts["files"]["a.jsonl"]
    found = (sources / "in/a.jsonl").stat()
    assert entry["input"] == {
        "name": str(sources / "in/a.jsonl"),
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "xxh3": _raftfast.digest("in/a.jsonl"),
    }
    assert entry["output"] == {
        "size": len(alone("in/a.jsonl")),
        "xxh3": _raftfast.digest("out/a.jsonl"),
    }
    assert entry["ledger"]["read"] == 30
    assert list(facts["files"]) == list(ALL)


REFUSED: dict[str, tuple[str, type[Exception], str]] = {
    "an output that is the input": ("in", UsageError, "same file as input"),
    "an output that is a folder": ("folders", IsADirectoryError, "directory"),
    "an output below a file": ("files", NotADirectoryError, "directory"),
    "a FIFO": ("fifo", UsageError, "not a regular file"),
    "a file": ("file/", NotADirectoryError, "directory"),
    "a folder in no folder": ("none/out/", FileNotFoundError, "No such file"),
}


@pytest.mark.parametrize(("output", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_replaced_is_refused_before_the_work(
    output: str, kind: type[Exception], message: str, sources: Path
) -> None:
    plant(sources, "folders/a.jsonl/", "files/sub", "fifo/", "file")
    os.mkfifo(sources / "fifo/b.jsonl")
    before = tree(sources)
    with pytest.raises(kind, match=message):
        into(output, "in")
    assert tree(sources) == before


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_after_an_error_a_folder_is_as_before(there: bool, resume: bool, sources: Path) -> None:  # noqa: FBT001
    if there:
        into("out/", "in/a.jsonl")
    before = tree(sources)
    (sources / "in/b.jsonl").write_bytes(b"{\n")
    with pytest.raises(Error, match=r"in/b\.jsonl: line 1"):
        into("out/", "in", resume=resume)
    after = tree(sources)
    hidden = {name for name in after if "raftfast-parts" in name}
    assert bool(hidden) is resume
    after = {name: after[name] for name in after if name not in hidden}
    assert {**after, "in/b.jsonl": before["in/b.jsonl"]} == before
    assert (sources / "out").exists() is there


def test_an_error_of_writing_names_the_output_in_the_folder(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_inputs: object, output: str, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", output)

    monkeypatch.setattr(_raftfast, "convert_files", full)
    with pytest.raises(OSError, match="No space") as caught:
        into("out/", "in")
    assert caught.value.filename == "out/a.jsonl"
    assert not (sources / "out").exists()


# Resuming


def converted(outcome: Outcome) -> list[str]:
    return [Path(made.output).name for made in outcome.outputs if not made.kept]


def touch(root: Path) -> None:
    os.utime(root / "in/a.jsonl", ns=(1, 1))


def change(root: Path) -> None:
    (root / "in/a.jsonl").write_bytes(corpus_of(5, 40))


def change_in_place(root: Path) -> None:
    path = root / "in/a.jsonl"
    before = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes().replace(b"Q7", b"Q8"))
    os.utime(path, ns=(before, before + 1))


def edit(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def done(root: Path) -> None:
        path = root / "out" / MANIFEST
        facts = json.loads(path.read_bytes())
        change(facts)
        path.write_text(json.dumps(facts))

    return done


NONE: list[str] = []
EVERY = ["a.jsonl", "b.jsonl", "c.jsonl"]
CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "nothing": (lambda _: None, NONE),
    "an input is touched": (touch, NONE),
    "an input is another": (change, ["a.jsonl"]),
    "an input is another of the same size": (change_in_place, ["a.jsonl"]),
    "an output is missing": (lambda root: (root / "out/b.jsonl").unlink(), ["b.jsonl"]),
    "an output was cut": (lambda root: os.truncate(root / "out/sub/c.jsonl", 9), ["c.jsonl"]),
    "the mark is missing": (lambda root: (root / "out" / SUCCESS).unlink(), NONE),
    "the manifest is missing": (lambda root: (root / "out" / MANIFEST).unlink(), EVERY),
    "the manifest is no JSON": (lambda root: (root / "out" / MANIFEST).write_text("{"), EVERY),
    "the manifest is no object": (lambda root: (root / "out" / MANIFEST).write_text("[]"), EVERY),
    "the manifest lacks a part": (edit(lambda facts: facts["files"]["a.jsonl"].clear()), EVERY),
    "the manifest has another version": (edit(lambda facts: facts.update(raftfast="0")), EVERY),
    "the manifest has other options": (edit(lambda facts: facts["options"].clear()), EVERY),
    "a file is not in the manifest": (
        edit(lambda facts: facts["files"].pop("b.jsonl")),
        ["b.jsonl"],
    ),
    "the folder is renamed": (
        lambda root: [(root / "in").rename("x"), (root / "x").rename("in")],
        NONE,
    ),
}


@pytest.mark.parametrize(("change", "redone"), CHANGES.values(), ids=CHANGES)
def test_resume_redoes_only_what_changed(
    change: Callable[[Path], object], redone: list[str], sources: Path
) -> None:
    into("out/", "in", resume=True)
    inodes = {path: path.stat().st_ino for path in sources.glob("out/**/*.jsonl")}
    change(sources)
    outcome = into("out/", "in", resume=True)
    assert converted(outcome) == redone
    assert tree(sources / "out") == {**rows_of(*ALL), SUCCESS: b""}
    kept = {path for path, inode in inodes.items() if path.stat().st_ino == inode}
    assert {path.name for path in inodes.keys() - kept} == set(redone)
    assert outcome.ledger.written == sum(rows.count(b"\n") for rows in rows_of(*ALL).values())
    assert converted(into("out/", "in", resume=True)) == []


@pytest.mark.usefixtures("sources")
def test_resume_with_other_options_redoes_all() -> None:
    into("out/", "in", resume=True)
    assert converted(into("out/", "in", resume=True, other=1)) == EVERY


def test_resume_takes_a_copy_of_the_inputs_for_the_same(sources: Path) -> None:
    into("out/", "in", resume=True)
    (sources / "in").rename("copy")
    assert converted(into("out/", "copy", resume=True)) == []


def test_without_digests_a_touched_input_is_redone(sources: Path) -> None:
    into("out/", "in")
    touch(sources)
    assert converted(into("out/", "in", resume=True)) == ["a.jsonl"]


@pytest.mark.usefixtures("sources")
def test_without_resume_all_is_redone() -> None:
    into("out/", "in", resume=True)
    assert converted(into("out/", "in")) == EVERY


def test_an_input_that_is_gone_takes_its_output_with_it(sources: Path) -> None:
    plant(sources, "out/mine.jsonl", data=b"mine")
    into("out/", "in", resume=True)
    (sources / "in/a.jsonl").unlink()
    into("out/", "in", resume=True)
    kept = rows_of("b.jsonl", "sub/c.jsonl")
    assert tree(sources / "out") == {**kept, SUCCESS: b"", "mine.jsonl": b"mine"}


def test_the_output_of_an_input_that_is_not_named_stays(sources: Path) -> None:
    into("out/", "in", resume=True)
    assert converted(into("out/", "in/b.jsonl", resume=True)) == []
    assert tree(sources / "out") == {**rows_of(*ALL), SUCCESS: b""}
    assert converted(into("out/", "in", resume=True)) == []


@pytest.mark.parametrize("name", ["../in/b.jsonl", "/etc/hostname", "sub/../../in/b.jsonl"])
def test_a_manifest_cannot_take_away_what_is_elsewhere(name: str, sources: Path) -> None:
    into("out/", "in/a.jsonl", resume=True)

    def add(facts: Any) -> None:  # noqa: ANN401
        entry = json.loads(json.dumps(facts["files"]["a.jsonl"]))
        entry["input"]["name"] = "/none"
        facts["files"][name] = entry

    edit(add)(sources)
    before = tree(sources / "in")
    into("out/", "in/a.jsonl", resume=True)
    assert tree(sources / "in") == before


def test_a_failed_run_is_resumed_where_it_was(sources: Path) -> None:
    good = (sources / "in/b.jsonl").read_bytes()
    (sources / "in/b.jsonl").write_bytes(b"{\n")
    with pytest.raises(Error):
        into("out/", "in", resume=True, threads=1)
    assert not (sources / "out").exists()
    (sources / "in/b.jsonl").write_bytes(good)
    assert converted(into("out/", "in", resume=True)) == ["b.jsonl", "c.jsonl"]
    assert tree(sources) == {
        **{f"in/{name}": (sources / "in" / name).read_bytes() for name in ALL},
        **{f"out/{name}": rows for name, rows in rows_of(*ALL).items()},
        f"out/{SUCCESS}": b"",
    }


LEFTOVERS: dict[str, Callable[[Path], object]] = {
    "a journal that is cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "a journal of zeros": lambda path: path.write_bytes(b"\0" * 999),
    "no journal": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", LEFTOVERS.values(), ids=LEFTOVERS)
def test_a_damaged_journal_costs_only_work(damage: Callable[[Path], object], sources: Path) -> None:
    good = (sources / "in/b.jsonl").read_bytes()
    (sources / "in/b.jsonl").write_bytes(b"{\n")
    with pytest.raises(Error):
        into("out/", "in", resume=True, threads=1)
    damage(sources / ".out.raftfast-parts/journal")
    (sources / "in/b.jsonl").write_bytes(good)
    assert converted(into("out/", "in", resume=True)) == EVERY
    assert tree(sources / "out") == {**rows_of(*ALL), SUCCESS: b""}


def test_what_a_failed_run_left_is_not_shown_if_nobody_wants_it(sources: Path) -> None:
    (sources / "in/b.jsonl").write_bytes(b"{\n")
    with pytest.raises(Error):
        into("out/", "in", resume=True, threads=1)
    into("out/", "in/sub/c.jsonl", resume=True)
    assert set(tree(sources / "out")) == {"c.jsonl", SUCCESS}


def test_resume_finds_the_rejects_of_what_it_would_keep(sources: Path) -> None:
    with (sources / "in/b.jsonl").open("ab") as file:
        file.write(BAD)
    run = partial(into, "out/", "in", resume=True, on_error="skip")
    run()
    outcome = run(beside={"rejects": "bad"})
    assert converted(outcome) == ["b.jsonl"]
    assert (sources / "bad").read_bytes().count(b"\n") == 1
    assert outcome.ledger.rejected == {"wrong-type": 1}


def test_two_runs_do_not_work_in_one_folder(sources: Path) -> None:
    for there in (False, True):
        with (
            staged("out/", resume=False),
            pytest.raises(Error, match="another run is writing") as caught,
        ):
            into("out/", "in")
        assert caught.value.kind == "busy"
        if not there:
            into("out/", "in")
    assert set(tree(sources / "out")) == {*ALL, SUCCESS}


def test_a_name_may_be_as_long_as_names_can_be(sources: Path) -> None:
    name = "ö" * 127
    for _ in range(2):
        into(f"{name}/", "in")
    assert sorted(path.name for path in sources.iterdir()) == ["in", name]


@pytest.mark.usefixtures("sources")
def test_an_input_that_changes_meanwhile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _raftfast.convert_files

    def slow(inputs: Any, *given: Any, **options: Any) -> Any:  # noqa: ANN401
        ledger = real(inputs, *given, **options)
        os.utime(inputs[0], ns=(1, 1))
        return ledger

    monkeypatch.setattr(_raftfast, "convert_files", slow)
    with pytest.raises(Error, match="changed while it was being read") as caught:
        into("out/", "in")
    assert (caught.value.kind, caught.value.path) == ("input-changed", "in/a.jsonl")


def test_the_success_mark_is_away_while_files_are_replaced(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into("out/", "in")
    (sources / "in/a.jsonl").write_bytes(corpus_of(3, 4))
    real, seen = os.replace, []

    def spied(source: str, target: str) -> None:
        seen.append((Path(target).name, (sources / "out" / SUCCESS).exists()))
        real(source, target)

    monkeypatch.setattr(os, "replace", spied)
    into("out/", "in", resume=True)
    assert seen == [("a.jsonl", False), (MANIFEST, False), (SUCCESS, False)]


@pytest.mark.parametrize("kept", [True, False])
def test_taking_digests_can_be_ended(kept: bool, folder: Path) -> None:  # noqa: FBT001
    plant(folder, "in/a.jsonl", data=corpus_of(1, 1))
    os.truncate("in/a.jsonl", 200 << 20)  # zeros, which no conversion would take

    def tick(_read: int, _size: int | None) -> None:
        raise KeyboardInterrupt

    state = State.of("in/a.jsonl")
    assert state is not None
    before = replace(state, xxh3="0", mtime_ns=0)
    with pytest.raises(KeyboardInterrupt):
        before.is_same(state, tick) if kept else state.digested(tick)


LEDGERS = {
    "written": jsonl(record()),
    "filtered": jsonl(
        *(record(**{key: value}) for key in ("instruction", "cot_answer") for value in (None, "")),
        {"instruction": "x"},
    ),
    "blank": b"\n\n",
    "rejected": b"".join(
        line + b"\n"
        for line in (
            *(b"{]", b"[]", b"{", b"{} {}", b'{"a":"\\x"}', b'{"a":"\xff"}', b'{"a":"\x01"}'),
            *(b'{"a":"\\ud800"}', b'{"a":NaN}', b'{"a":' + b"[" * 2000, b'{"instruction":1}'),
            b'{"a":"' + b"x" * 6000 + b'"}',
        )
    ),
}


@pytest.mark.parametrize("data", LEDGERS.values(), ids=LEDGERS)
def test_a_ledger_can_be_read_back(data: bytes) -> None:
    converter = library.Converter("chat", on_error="skip", max_record_bytes=5000)
    converter.convert_bytes(data)
    account = converter.ledger.as_dict()
    assert _raftfast.Ledger.from_dict(account).as_dict() == account
    if data.startswith(b"{]"):
        assert len(converter.ledger.rejected) == 12


WRONG = {
    "a value is missing": ("read", None),
    "a number is text": ("read", "1"),
    "a number is negative": ("read", -1),
    "a number is huge": ("read", 1 << 64),
    "a number is so large that sums would not fit": ("bytes_in", 1 << 62),
    "the sum is wrong": ("read", 7),
    "a reason is unknown": ("filtered", {"made up": 1}),
    "reasons are a list": ("rejected", [1]),
    "the time is negative": ("seconds", -1.0),
    "the time is no number": ("seconds", float("nan")),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
def test_what_no_ledger_can_be_is_refused(name: str, value: object) -> None:
    account: dict[str, Any] = {**library.Converter("chat").ledger.as_dict(), name: value}
    if value is None:
        del account[name]
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _raftfast.Ledger.from_dict(account)


# Signals


DRIVER = """
import sys
from dataclasses import replace
from functools import partial
from raftfast import _raftfast, Converter, endings
from raftfast.folder import to_folder
from raftfast.inputs import expand
from raftfast.several import is_folder, several_of
from raftfast.sharded import to_shards
from raftfast.task import Task

def work():
    def run(inputs, output, **options):
        return _raftfast.convert_files(inputs, output, Converter("chat"), **options)
    output, how = sys.argv[1:]
    task = Task(expand(["in"]), output, run, 2)
    if how == "shards":
        to_shards(task, 2)
    else:
        to_folder(task, ".jsonl", options={"to": "chat"}, resume=how == "resume")
    return 0

sys.exit(endings.run(work))
"""
ROADS = {
    "shards": ("out.jsonl", "shards"),
    "a new folder": ("out/", "folder"),
    "a folder that is there": ("old", "folder"),
}


@contextmanager
def waiting(root: Path, output: str, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run until one input is converted and the other waits for more."""
    plant(root, "in/a.jsonl", data=corpus_of(1, 20))
    plant(root, "old/a.jsonl", "old/b.jsonl", "old/_SUCCESS", data=b"old")
    os.mkfifo(root / "in/b.jsonl")
    arguments = [sys.executable, "-c", DRIVER, output, how]
    with subprocess.Popen(arguments, cwd=root, stderr=subprocess.PIPE) as process:
        try:
            with opened_by_reader(root / "in/b.jsonl", process) as records:
                records.write(corpus_of(1, 1))
                while how != "shards" and not is_noted(root, "a.jsonl"):
                    assert process.poll() is None
                yield process
        finally:
            process.kill()
    (root / "in/b.jsonl").unlink()


def opened_by_reader(fifo: Path, process: subprocess.Popen[bytes]) -> BinaryIO:
    """Open a FIFO for writing as soon as a process reads it."""
    while True:
        with suppress(OSError):  # nobody reads it
            return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)
        assert process.poll() is None
        threading.Event().wait(0.01)


def is_noted(root: Path, name: str) -> bool:
    """Tell whether a run has noted that an output is complete."""
    return any(f'"{name}"' in path.read_text() for path in root.glob("**/.*parts/journal"))


ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize(("number", "code"), ENDINGS.items())
@pytest.mark.parametrize(("output", "how"), ROADS.values(), ids=ROADS)
def test_a_signal_ends_all_runs_and_leaves_nothing(
    output: str, how: str, number: int, code: int, folder: Path
) -> None:
    with waiting(folder, output, how) as process:
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert process.stderr
        assert process.stderr.read() == b""
    left = {name: data for name, data in tree(folder).items() if not name.startswith("in/")}
    assert left == {f"old/{name}": b"old" for name in ("_SUCCESS", "a.jsonl", "b.jsonl")}
    assert sorted(path.name for path in folder.iterdir()) == ["in", "old"]


@pytest.mark.parametrize(("output", "how"), ROADS.values(), ids=ROADS)
def test_being_killed_leaves_the_old_state_and_what_the_next_run_clears_away(
    output: str, how: str, folder: Path
) -> None:
    with waiting(folder, output, how) as process:
        process.kill()
        process.wait(timeout=20)
    plain = {name: data for name, data in tree(folder).items() if "/." not in f"/{name}"}
    old = {f"old/{name}": b"old" for name in ("_SUCCESS", "a.jsonl", "b.jsonl")}
    assert plain == {**old, "in/a.jsonl": corpus_of(1, 20)}
    if how != "shards":
        into(output, "in")
    assert {name for name in tree(folder) if "/." in f"/{name}"} == set()


def test_a_killed_run_is_resumed_where_it_was(folder: Path) -> None:
    with waiting(folder, "out/", "resume") as process:
        process.kill()
        process.wait(timeout=20)
    plant(folder, "in/b.jsonl", data=corpus_of(1, 3))
    run = partial(_raftfast.convert_files, converter=library.Converter("chat"))
    again = Task(expand(["in"]), "out/", run, 2)
    outcome = to_folder(again, ".jsonl", options={"to": "chat"}, resume=True)
    assert converted(outcome) == ["b.jsonl"]
    assert tree(folder / "out") == {**rows_of("a.jsonl", "b.jsonl"), SUCCESS: b""}


# What a second reading found ----------------------------------------------------------------------


def test_resume_does_not_take_away_what_it_did_not_make(folder: Path) -> None:
    inputs = folder / "in"
    inputs.mkdir()
    for name in ("a", "b"):
        (inputs / f"{name}.jsonl").write_bytes(jsonl(record(id=name)))
    library.convert(inputs, str(folder / "out") + "/")
    (inputs / "b.jsonl").unlink()
    (folder / "out/b.jsonl").write_bytes(b"mine")
    library.convert(inputs, str(folder / "out") + "/", resume=True)
    assert (folder / "out/b.jsonl").read_bytes() == b"mine"


def test_resume_with_other_options_leaves_no_rows_of_the_old_ones(folder: Path) -> None:
    inputs, output = folder / "in", str(folder / "out") + "/"
    inputs.mkdir()
    for name in ("a", "b", "c"):
        (inputs / f"{name}.jsonl").write_bytes(jsonl(record(id=name)))
    library.convert(inputs, output, resume=True)
    (inputs / "b.jsonl").unlink()
    library.convert(inputs, output, resume=True, compression="gz")
    shown = sorted(path.name for path in (folder / "out").iterdir() if path.name[0] not in "._")
    assert shown == ["a.jsonl.gz", "c.jsonl.gz"]


def by_input(report: Path) -> dict[str, dict[str, int]]:
    facts = json.loads(report.read_bytes())
    accounts = {one["input"]: one for one in facts["by_input"]}
    for name in ("read", "written", "bytes_in", "bytes_out"):
        assert sum(one[name] for one in accounts.values()) == facts[name]
    return {name: {key: one[key] for key in ("read", "bytes_in")} for name, one in accounts.items()}


@pytest.mark.parametrize("output_type", ["jsonl", "parquet"])
def test_a_report_has_the_accounts_of_inputs_that_are_kept(
    output_type: Any,  # noqa: ANN401 - a Literal
    sources: Path,
) -> None:
    found = []
    for kept in range(3):
        ledger = library.convert(
            "in", "out/", output_type=output_type, resume=True, report="report.json"
        )
        found.append(by_input(sources / "report.json"))
        of_inputs = {
            name: {"read": one.read, "bytes_in": one.bytes_in} for name, one in ledger.inputs
        }
        assert of_inputs == found[-1]
        (sources / "out" / ALL[kept]).with_suffix(f".{output_type}").unlink()
    assert found[0] == found[1] == found[2]
    assert list(found[0]) == [f"in/{name}" for name in ALL]


def test_a_report_of_shards_has_the_accounts_of_inputs_without_a_record(sources: Path) -> None:
    plant(sources, "in/before.jsonl", "in/zero.jsonl")
    library.convert("in", "out.jsonl", report="one.json")
    library.convert("in", "out.jsonl", shards=3, report="shards.json")
    assert by_input(sources / "one.json") == by_input(sources / "shards.json")
    assert list(by_input(sources / "one.json")) == list(by_input(sources / "shards.json"))


def test_a_report_has_each_input_once_whatever_it_is(sources: Path) -> None:
    datasets, pa = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    columns = {"instruction": ["Q"], "cot_answer": ["A"]}
    inputs = [pa.table(columns), datasets.Dataset.from_dict(columns), "in/a.jsonl"]
    library.convert(inputs, "out.jsonl", report="report.json")
    assert list(by_input(sources / "report.json")) == ["<Table>", "the Dataset", "in/a.jsonl"]


def test_a_folder_with_the_name_of_a_shard_is_left_alone(corpus: Path) -> None:
    (corpus.parent / "t-00000-of-00009.jsonl").mkdir()
    library.convert(corpus, corpus.with_name("t.jsonl"), shards=2)
    assert (corpus.parent / "t-00000-of-00009.jsonl").is_dir()


@pytest.mark.parametrize("name", ["t-00000-of-00007.jsonl", "t-00000-of-00002.jsonl"])
def test_a_report_with_the_name_of_a_shard_is_refused(name: str, corpus: Path) -> None:
    for shards, size in ((2, None), (None, 1000)):
        with pytest.raises(library.UsageError, match="has the name of a shard"):
            library.convert(
                corpus,
                corpus.with_name("t.jsonl"),
                shards=shards,
                shard_size=size,
                report=corpus.with_name(name),
            )
