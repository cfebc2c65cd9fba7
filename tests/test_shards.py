"""Shards are the rows of one run in order, and appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
import raftfast as library
from conftest import corpus_of, jsonl
from many import BAD, alone, by_input, into, plant, roll, shards_in, task, tree
from raftfast import Error, UsageError
from raftfast.files import Output
from raftfast.inputs import expand, is_divisible
from raftfast.sharded import portions_of, to_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from raftfast.task import Outcome


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
    return endings.Ended()

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
    library.convert("*.arrows", "out.jsonl", shards=3)
    rows = [name.read_bytes().count(b"\n") for name in sorted(folder.glob("out-*"))]
    assert rows == [6, 6, 6]


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
    portions = portions_of(names, count) or []
    taken = [portion.only or (0, 0) for portion in portions]
    assert [end - start for start, end in taken] == expected
    assert [name for start, end in taken for name in names[start:end]] == names
    assert {portion.part for portion in portions} == {None}


# Each shard had the columns of its own inputs.
@pytest.mark.parametrize("ending", ["parquet", "arrow", "arrows"])
def test_shards_of_whole_inputs_have_the_columns_of_all(ending: str, folder: Path) -> None:
    rows = [b'{"a":"x","n":1}\n', b'{"a":"x","n":1.5,"b":"new"}\n']
    for index, row in enumerate(rows):
        plant(folder, f"{index}.gz", data=gzip.compress(row))
    library.convert(["0.gz", "1.gz"], f"one.{ending}", to="hf")
    library.convert(["0.gz", "1.gz"], f"out.{ending}", to="hf", shards=2)
    parts = [library.read(name, to="hf").to_pyarrow() for name in sorted(folder.glob("out-*"))]
    whole = library.read(f"one.{ending}", to="hf").to_pyarrow()
    assert [part.schema for part in parts] == [whole.schema] * 2
    assert [row for part in parts for row in part.read_all().to_pylist()] == (
        whole.read_all().to_pylist()
    )


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


# Each took away what it found of the other set, and of both something stayed.
def test_of_two_runs_at_once_one_set_stays(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = corpus.with_name("set.jsonl")
    show = Output.show
    others: list[threading.Thread] = []

    def slow(self: Output) -> None:
        if not others:  # in the middle of the first run
            others.append(
                threading.Thread(
                    target=library.convert, args=[corpus, output], kwargs={"shards": 3}
                )
            )
            others[0].start()
            time.sleep(0.3)
        show(self)

    monkeypatch.setattr(Output, "show", slow)
    library.convert(corpus, output, shards=2)
    others[0].join()
    assert shards_in(corpus.parent)[1:] == [f"set-0000{index}-of-00003.jsonl" for index in range(3)]


# It waited for ever, and heard no signal.
def test_a_folder_that_somebody_else_has_locked_is_written_to(corpus: Path) -> None:
    lock = os.open(corpus.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert library.convert(corpus, corpus.with_name("set.jsonl"), shards=2).written
    finally:
        os.close(lock)
