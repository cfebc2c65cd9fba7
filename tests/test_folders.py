"""A folder has an output for each input, and is never half of what it should be."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest
import raftfast as library
from conftest import corpus_of
from many import ALL, BAD, alone, converted, into, plant, rows_of, tree
from raftfast import Error, UsageError, _raftfast
from raftfast.manifest import MANIFEST
from raftfast.staging import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from raftfast.task import Outcome


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
        "mtime_ns": (sources / "out/a.jsonl").stat().st_mtime_ns,
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


# It was gone although every row was what it had been, and the message named the folder.
def test_a_folder_of_which_nothing_could_be_replaced_is_as_it_was(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into("out/", "in")
    before = tree(sources / "out")
    replace, refused = os.replace, ["a.jsonl"]

    def refusing(source: str, target: str) -> None:
        if os.path.basename(target) in refused:  # noqa: PTH119 - as it is called
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), source, None, target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    for name in ALL:
        plant(sources, f"in/{name}", data=corpus_of(1, 2))
    with pytest.raises(OSError, match="busy") as caught:
        into("out/", "in")
    assert caught.value.filename == "out/a.jsonl"
    assert tree(sources / "out") == before
    refused[:] = ["b.jsonl"]
    with pytest.raises(OSError, match="busy"):
        into("out/", "in")
    assert SUCCESS not in tree(sources / "out")
