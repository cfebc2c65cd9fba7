"""The file beside the rows: an entry for each output, and nothing of the user's lost."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import Converter, Error, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

TARGET = """
name = "own"
row = '{"a": "{instruction}"}'

[beside]
file = "about.json"
entry = '{"{name}": {"path": "{file}", "of": ["{name}", 1]}}'
"""


def entries(folder: Path, file: str = "dataset_info.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / file).read_bytes())
    return found


def test_a_folder_gets_an_entry_for_each_output(corpus: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    (inputs / "a").mkdir(parents=True)
    for name in ("one.jsonl", "a/two.jsonl"):
        (inputs / name).write_bytes(corpus.read_bytes())
    raftfast.convert(inputs, f"{tmp_path}/rows/", to="sharegpt")
    found = entries(tmp_path / "rows")
    assert {name: one["file_name"] for name, one in found.items()} == {
        "a/two": "a/two.jsonl",
        "one": "one.jsonl",
    }
    assert found["one"]["formatting"] == "sharegpt"
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    assert found["one"]["columns"] == columns


@pytest.mark.parametrize("name", ["alpaca", "sharegpt", "llamafactory-preference"])
def test_the_entry_names_what_is_in_the_rows(name: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    said = [
        {"role": role, "content": f"{role} {n}"} for n in (1, 2) for role in ("user", "assistant")
    ]
    corpus.write_text(json.dumps({"messages": said, "rejected": "no"}))
    raftfast.convert(corpus, tmp_path / "train.jsonl", to=name, beside=True)
    row = json.loads((tmp_path / "train.jsonl").read_bytes())
    entry = entries(tmp_path)["train"]
    assert entry["file_name"] == "train.jsonl"
    assert set(entry["columns"].values()) <= row.keys()
    assert bool(entry.get("ranking")) == ("rejected" in row)
    if "tags" in entry:
        tags = entry["tags"]
        turn = row["conversations"][0]
        assert turn.keys() == {tags["role_tag"], tags["content_tag"]}
        assert turn[tags["role_tag"]] == tags["user_tag"]


def test_one_file_gets_it_only_if_that_is_asked_for(corpus: Path, tmp_path: Path) -> None:
    raftfast.convert(corpus, tmp_path / "train.jsonl", to="alpaca")
    assert not (tmp_path / "dataset_info.json").exists()
    raftfast.convert(corpus, tmp_path / "train.jsonl", to="alpaca", beside=True)
    assert entries(tmp_path).keys() == {"train"}


def test_a_folder_does_not_get_it_if_that_is_asked_for(corpus: Path, tmp_path: Path) -> None:
    raftfast.convert(corpus, f"{tmp_path}/rows/", to="alpaca", beside=False)
    assert not (tmp_path / "rows" / "dataset_info.json").exists()


def test_what_it_holds_already_stays(corpus: Path, tmp_path: Path) -> None:
    mine = {"mine": {"hf_hub_url": "a/b"}}
    for output in ("train.jsonl", "rows/"):
        folder = (tmp_path / output).parent if output == "train.jsonl" else tmp_path / output
        folder.mkdir(exist_ok=True)
        (folder / "dataset_info.json").write_text(json.dumps(mine))
        raftfast.convert(corpus, f"{tmp_path}/{output}", to="alpaca", beside=True)
        found = entries(folder)
        assert found.pop("mine") == mine["mine"]
        assert len(found) == 1


def test_what_is_right_already_is_not_touched(corpus: Path, tmp_path: Path) -> None:
    output, beside = tmp_path / "train.jsonl", tmp_path / "dataset_info.json"
    raftfast.convert(corpus, output, to="alpaca", beside=True)
    own = json.dumps(entries(tmp_path), indent=7)
    beside.write_text(own)
    raftfast.convert(corpus, output, to="alpaca", beside=True)
    assert beside.read_text() == own


@pytest.mark.parametrize("output", ["corpus2.jsonl", "rows/"])
@pytest.mark.parametrize("there", ['{"NAME": {"file_name": "mine"}}', "[]", "no json"])
def test_what_is_there_is_never_overwritten(
    corpus: Path, tmp_path: Path, output: str, there: str
) -> None:
    folder = tmp_path / output if output.endswith("/") else tmp_path
    name = "corpus" if output.endswith("/") else "corpus2"
    folder.mkdir(exist_ok=True)
    text = there.replace("NAME", name)
    (folder / "dataset_info.json").write_text(text)
    with pytest.raises(Error, match="--no-beside") as raised:
        raftfast.convert(corpus, f"{tmp_path}/{output}", to="alpaca", beside=True)
    assert raised.value.kind == "beside"
    assert (folder / "dataset_info.json").read_text() == text
    assert not (folder / f"{name}.jsonl").exists()


def test_a_failed_run_leaves_it_as_it_was(tmp_path: Path) -> None:
    corpus = tmp_path / "bad.jsonl"
    corpus.write_bytes(b"{")
    for output in ("train.jsonl", "rows/"):
        with pytest.raises(Error):
            raftfast.convert(corpus, f"{tmp_path}/{output}", to="alpaca", beside=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_a_target_file_says_what_stands_in_it(corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "own.toml"
    target.write_text(TARGET)
    raftfast.convert(corpus, tmp_path / "x.y.jsonl.gz", to=target, beside=True)
    expected = {"x.y": {"path": "x.y.jsonl.gz", "of": ["x.y", 1]}}
    assert entries(tmp_path, "about.json") == expected


def test_beside_needs_a_target_and_an_output_that_can_have_it(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file beside its rows"):
        raftfast.convert(corpus, tmp_path / "train.jsonl", to="chat", beside=True)
    with pytest.raises(UsageError, match="needs one file or a folder"):
        raftfast.convert(corpus, tmp_path / "train.jsonl", to="alpaca", beside=True, shards=2)
    with pytest.raises(UsageError, match="the same file as beside"):
        raftfast.convert(corpus, tmp_path / "dataset_info.json", to="alpaca", beside=True)


@pytest.mark.parametrize("split", [None, [1]])
def test_a_report_in_its_place_is_refused_as_with_one_file(
    split: list[float] | None, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows").mkdir()
    report = tmp_path / "rows" / "dataset_info.json"
    for _ in range(2):
        with pytest.raises(UsageError, match=r"report .* is the same file as beside .*_info\.json"):
            raftfast.convert(corpus, f"{tmp_path}/rows", to="alpaca", split=split, report=report)
        raftfast.convert(corpus, f"{tmp_path}/rows", to="alpaca", split=split)
    assert len(entries(tmp_path / "rows")) == 1


@pytest.mark.parametrize("output", [b"rows/", b"\xff.jsonl"])
def test_an_output_whose_name_is_not_utf_8_is_named_before_the_work(
    output: bytes, corpus: Path, request: pytest.FixtureRequest
) -> None:
    corpus.rename(os.fsdecode(bytes(corpus.parent) + b"/\xff.json"))
    arguments = [b"\xff.json", b"-o", output, b"--beside", b"--to", b"sharegpt"]
    run: Run = request.getfixturevalue("raftfast")
    done = run("convert", *map(os.fsdecode, arguments))
    assert done.returncode == 1
    assert done.stderr.endswith(
        b"\\xff.jsonl: its name is not UTF-8, so that dataset_info.json cannot have it;"
        b" pass --no-beside\n"
    )
    assert done.stderr.count(b"\n") == 1
    assert [path.suffix for path in corpus.parent.iterdir()] == [".json"]


def test_lone_surrogates_in_entries_that_are_there_stay(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{"mine": "\\udcff", "é": "\\ud83d"}')
    raftfast.convert(corpus, tmp_path / "train.jsonl", to="alpaca", beside=True)
    found = entries(tmp_path)
    assert (found["mine"], found["é"]) == ("\udcff", "\ud83d")


WRONG = {
    "a folder in the name": TARGET.replace("about.json", "a/b.json"),
    "an entry that is no JSON": TARGET.replace('\'{"{name}"', "'{{name}"),
    "an entry that is no object": TARGET.replace('\'{"{name}"', '\'[{"{name}"').replace(
        "}}'", "}}]'"
    ),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_table_is_told_when_the_target_is_read(text: str) -> None:
    with pytest.raises(UsageError, match="beside"):
        Converter.from_toml(text)
