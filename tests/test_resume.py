"""A run that was ended is resumed where it was, and redoes only what changed."""

from __future__ import annotations

import errno
import json
import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import raftfast as library
from conftest import corpus_of, jsonl, record
from many import ALL, BAD, by_input, converted, into, plant, rows_of, tree
from raftfast import Error, _raftfast, manifest
from raftfast.manifest import MANIFEST, State
from raftfast.staging import SUCCESS, staged

if TYPE_CHECKING:
    from collections.abc import Callable


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
    "an output is not what was written": (
        lambda root: (root / "out/a.jsonl").write_bytes(
            (root / "out/a.jsonl").read_bytes().swapcase()
        ),
        ["a.jsonl"],
    ),
    "an output is touched": (lambda root: os.utime(root / "out/a.jsonl", (1, 1)), NONE),
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
    with ExitStack() as held:
        # Open files keep their inodes, so that no new file can have one of an old file.
        written = {
            path: os.fstat(held.enter_context(path.open("rb")).fileno()).st_ino
            for path in sources.glob("out/**/*.jsonl")
        }
        change(sources)
        outcome = into("out/", "in", resume=True)
        kept = {path for path, inode in written.items() if path.stat().st_ino == inode}
    assert converted(outcome) == redone
    assert tree(sources / "out") == {**rows_of(*ALL), SUCCESS: b""}
    assert {path.name for path in written.keys() - kept} == set(redone)
    assert outcome.ledger.written == sum(rows.count(b"\n") for rows in rows_of(*ALL).values())
    assert converted(into("out/", "in", resume=True)) == []


@pytest.mark.usefixtures("sources")
def test_resume_with_other_options_redoes_all() -> None:
    into("out/", "in", resume=True)
    assert converted(into("out/", "in", resume=True, other=1)) == EVERY


@pytest.mark.parametrize("setting", ["answer", "check", "dialect", "escape", "on_error", "turns"])
def test_resume_with_another_setting_redoes_all_whatever_its_name(
    setting: str, sources: Path
) -> None:
    (sources / "own.toml").write_text(
        f"""name = "own"\nrow = '["{{{setting}}}"]'\nsettings = {{ {setting} = "x" }}\n"""
    )
    for value in ("1", "2"):
        library.convert("in", "out/", to="own.toml", settings={setting: value}, resume=True)
        assert (sources / "out/a.jsonl").read_text() == f'["{value}"]\n' * 30


def test_an_input_that_may_not_be_looked_at_is_not_gone(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into("out/", "in", resume=True)
    lstat = os.lstat

    def forbidding(path: str) -> os.stat_result:  # root may look at anything
        if os.fspath(path).endswith("in/b.jsonl"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return lstat(path)

    monkeypatch.setattr("os.lstat", forbidding)
    into("out/", "in/a.jsonl", resume=True)
    assert (sources / "out/b.jsonl").exists()


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


# What was made of inputs that had moved, or were done and gone, was taken away.
@pytest.mark.parametrize("given", ["moved/d.jsonl", "moved"])
def test_the_output_of_an_input_that_is_gone_stays_where_its_folder_is_not_named(
    given: str, sources: Path
) -> None:
    into("out/", "in", resume=True)
    (sources / "in").rename("moved")
    (sources / "moved/a.jsonl").rename("moved/d.jsonl")
    into("out/", given, resume=True)
    assert {*ALL, "d.jsonl"} <= tree(sources / "out").keys()


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
            ExitStack() as last,
            staged("out/", last, resume=False),
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


def test_a_name_that_is_not_utf8_has_one_account_and_is_kept(sources: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jsonl")
    (sources / "in" / "b.jsonl").rename(sources / "in" / name)
    for again in (False, True):
        library.convert("in", "out/", resume=True, report="report.json")
        accounts = by_input(sources / "report.json")
        assert list(accounts) == ["in/a.jsonl", r"in/caf\xe9.jsonl", "in/sub/c.jsonl"]
        kept = [made["kept"] for made in json.loads(Path("report.json").read_bytes())["outputs"]]
        assert kept == [again] * 3
        assert (sources / "out" / name).stat().st_size > 0


# It was taken away once its rows were written, and was the only copy.
@pytest.mark.parametrize("named", ["out/a.jsonl", "link.jsonl"])
def test_an_input_is_not_taken_away_as_the_output_of_what_is_gone(
    named: str, sources: Path
) -> None:
    library.convert("in/a.jsonl", "out/", "raft", resume=True)
    (sources / "in/a.jsonl").unlink()
    (sources / "link.jsonl").symlink_to("out/a.jsonl")
    before = tree(sources)
    others: list[dict[str, Any]] = [{"compression": "gz"}, {"output_type": "parquet"}]
    for options in others:
        with pytest.raises(
            library.UsageError, match=r"would take .*out/a.jsonl away, .* it is input"
        ):
            library.convert([named, "in"], "out/", resume=True, **options)
    with pytest.raises(library.UsageError, match=r"but it is report out/a.jsonl"):
        library.convert("in", "out/", "raft", resume=True, report="out/a.jsonl")
    assert tree(sources) == before


# They were held against one another, and the run was refused for good.
def test_outputs_that_go_may_be_one_file(sources: Path) -> None:
    (sources / "in/b.jsonl").write_bytes((sources / "in/a.jsonl").read_bytes())
    library.convert("in", "out/", resume=True)
    (sources / "out/b.jsonl").unlink()
    (sources / "out/b.jsonl").hardlink_to(sources / "out/a.jsonl")
    for name in ("a", "b"):
        (sources / f"in/{name}.jsonl").unlink()
    library.convert("in", "out/", resume=True)
    assert [path.name for path in (sources / "out").glob("*.jsonl")] == []


def test_an_output_behind_a_link_is_kept(sources: Path) -> None:
    for name in ("out", "store"):
        (sources / name).mkdir()
    (sources / "store/a.jsonl").write_bytes(b"")
    (sources / "out/a.jsonl").symlink_to("../store/a.jsonl")
    library.convert("in", "out/")
    library.convert("in", "out/", resume=True, report="report.json")
    outputs = json.loads((sources / "report.json").read_bytes())["outputs"]
    assert [made["kept"] for made in outputs] == [True, True, True]
    assert (sources / "out/a.jsonl").is_symlink()


def test_what_is_touched_is_read_once(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.convert("in", "out/", resume=True)
    os.utime(sources / "out/a.jsonl", (1, 1))
    read = []
    digest = manifest._digest  # noqa: SLF001

    def noted(path: str, tick: Any) -> str | None:  # noqa: ANN401
        read.append(Path(path).name)
        return digest(path, tick)

    monkeypatch.setattr(manifest, "_digest", noted)
    for _ in range(3):
        library.convert("in", "out/", resume=True)
    assert read == ["a.jsonl"]


UNNAMED = (errno.ENOSPC, None)
MADE_HERE = {
    "the disk is full": (UNNAMED, "out"),
    "an output": ((errno.ENOSPC, "files/sub/a.jsonl"), "out/sub/a.jsonl"),
    "the journal": ((errno.ENOSPC, "journal"), "out"),
    "something else": ((errno.EIO, None), None),
}


def fail_in_a_hidden_folder(number: int, inner: str | None) -> None:
    with ExitStack() as last, staged("out", last, resume=False) as staging:
        made = str(Path(staging.journal).parent)
        raise OSError(number, "full", inner and f"{made}/{inner}")


# A hidden folder was named, or nothing at all.
@pytest.mark.parametrize(("failure", "told"), MADE_HERE.values(), ids=MADE_HERE)
def test_what_fails_in_a_hidden_folder_is_told_of_the_folder_that_was_asked_for(
    failure: tuple[int, str | None], told: str | None, folder: Path
) -> None:
    with pytest.raises(OSError, match="full") as caught:
        fail_in_a_hidden_folder(*failure)
    assert caught.value.filename == told
    assert list(folder.iterdir()) == []
