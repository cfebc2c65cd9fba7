"""``--split``: each row in one file of a folder, the same one whatever the run."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import Error, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Write records that tell their number, some of which are filtered."""
    path = tmp_path / "corpus.jsonl"
    records = [{"instruction": f"{n}", "cot_answer": "A" * (n % 90)} for n in range(3000)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def numbers(path: Path) -> list[int]:
    rows = map(json.loads, path.read_bytes().splitlines())
    return [int(row["messages"][0]["content"]) for row in rows]


def splits(folder: Path) -> dict[str, list[int]]:
    return {path.stem: numbers(path) for path in sorted(folder.glob("*.jsonl"))}


def test_each_row_is_in_one_file_and_in_order(numbered: Path, tmp_path: Path) -> None:
    ledger = raftfast.convert(numbered, f"{tmp_path}/rows/", to="mlx", split=SHARES)
    found = splits(tmp_path / "rows")
    assert sorted(chain(*found.values())) == [n for n in range(3000) if n % 90]
    assert all(rows == sorted(rows) for rows in found.values())
    assert {name: len(rows) / ledger.written for name, rows in found.items()} == pytest.approx(
        SHARES, abs=0.002
    )
    assert ledger.bytes_out == sum(
        path.stat().st_size for path in (tmp_path / "rows").glob("*.jsonl")
    )
    assert (tmp_path / "rows" / "_SUCCESS").exists()


def test_it_depends_on_the_seed_and_on_nothing_else(numbered: Path, tmp_path: Path) -> None:
    found = []
    for threads, block, seed in ((1, 500, 0), (3, 4096, 0), (2, 10**6, 0), (2, 4096, 1)):
        output = tmp_path / f"{threads}-{block}-{seed}"
        raftfast.convert(
            *(numbered, f"{output}/", "mlx", threads),
            split=SHARES,
            seed=seed,
            block_bytes=block,
        )
        found.append(splits(output))
    assert found[0] == found[1] == found[2]
    assert found[3] != found[0]


NAMES: dict[str, tuple[str, Any, set[str]]] = {
    "those that are given": ("chat", {"a": 50, "b": 50}, {"a", "b"}),
    "those of the Hub": ("chat", [0.8, 0.1, 0.1], {"train", "validation", "test"}),
    "those that the consumer reads": ("mlx", [0.9, 0.1], {"train", "valid"}),
    "thirds": ("chat", [0.33, 0.33, 0.33], {"train", "validation", "test"}),
}


@pytest.mark.parametrize(("to", "split", "expected"), NAMES.values(), ids=NAMES)
def test_files_have_the_names(
    corpus: Path, tmp_path: Path, to: str, split: object, expected: set[str]
) -> None:
    raftfast.convert(corpus, f"{tmp_path}/rows/", to=to, split=split)  # type: ignore[arg-type]
    assert {path.stem for path in (tmp_path / "rows").glob("*.jsonl")} == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"output": "rows.jsonl", "split": SHARES}, "needs a folder"),
    "too little": ({"split": {"train": 0.5}}, "come to 0.5"),
    "too much": ({"split": {"train": 0.9, "test": 0.5}}, "come to 1.4"),
    "nothing": ({"split": {"train": 1, "test": 0}}, "share of 'test' is 0"),
    "a name that is not read": ({"to": "mlx", "split": {"dev": 1}}, "no split 'dev'"),
    "a folder in a name": ({"split": {"a/b": 1}}, "no name for a split"),
    "too many without names": ({"split": [0.25] * 4}, "4 shares"),
    "columns": ({"split": SHARES, "output_type": "parquet"}, "JSON lines"),
    "compression": ({"split": SHARES, "compression": "gz"}, "JSON lines"),
    "resume": ({"split": SHARES, "resume": True}, "exclude"),
    "shards": ({"split": SHARES, "output": "rows.jsonl", "shards": 2}, "needs a folder"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together_is_refused(
    corpus: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    output = tmp_path / options.pop("output", "rows")
    name = f"{output}/" if output.suffix == "" else str(output)
    with pytest.raises(UsageError, match=message):
        raftfast.convert(corpus, name, **options)
    assert not output.exists()


def test_a_failed_run_leaves_the_files_of_the_one_before(numbered: Path, tmp_path: Path) -> None:
    raftfast.convert(numbered, f"{tmp_path}/rows/", to="mlx", split=SHARES)
    before = splits(tmp_path / "rows")
    with numbered.open("ab") as file:
        file.write(b"{\n")
    with pytest.raises(Error):
        raftfast.convert(numbered, f"{tmp_path}/rows/", to="mlx", split=SHARES, seed=1)
    assert splits(tmp_path / "rows") == before
    with pytest.raises(Error):
        raftfast.convert(numbered, f"{tmp_path}/new/", to="mlx", split=SHARES)
    assert not (tmp_path / "new").exists()


def test_files_beside_the_splits_describe_all_of_them(corpus: Path, tmp_path: Path) -> None:
    raftfast.convert(corpus, f"{tmp_path}/rows/", to="alpaca", split=[0.5, 0.5])
    found = json.loads((tmp_path / "rows" / "dataset_info.json").read_bytes())
    assert {name: one["file_name"] for name, one in found.items()} == {
        "train": "train.jsonl",
        "validation": "validation.jsonl",
    }


def test_links_in_the_place_of_splits_and_of_what_is_beside_stay_links(
    corpus: Path, tmp_path: Path
) -> None:
    for name in ("rows", "store"):
        (tmp_path / name).mkdir()
    for name in ("train.jsonl", "dataset_info.json"):
        (tmp_path / "rows" / name).symlink_to(f"../store/{name}")
    raftfast.convert(corpus, f"{tmp_path}/rows", to="alpaca", split=[0.5, 0.5])
    assert (tmp_path / "store" / "train.jsonl").stat().st_size > 0
    found = json.loads((tmp_path / "store" / "dataset_info.json").read_bytes())
    assert found.keys() == {"train", "validation"}
    shown = sorted(path.name for path in (tmp_path / "rows").iterdir() if path.is_symlink())
    assert shown == ["dataset_info.json", "train.jsonl"]


def test_each_split_that_is_an_array_is_a_whole_one(numbered: Path, tmp_path: Path) -> None:
    raftfast.convert(numbered, f"{tmp_path}/rows/", to="fastchat", split=[0.9, 0.1])
    rows = [json.loads(path.read_bytes()) for path in (tmp_path / "rows").glob("*.jsonl")]
    assert sum(map(len, rows)) == 2966


def test_the_command_tells_the_rows_of_each(raftfast: Run, numbered: Path, tmp_path: Path) -> None:
    split = ("--split", "train=0.9, valid=0.1", "--report", "report.json")
    done = raftfast("convert", numbered.name, "--to", "mlx", "-o", "rows/", *split)
    assert done.returncode == 0
    counts = {name: len(rows) for name, rows in splits(tmp_path / "rows").items()}
    told = f"; rows/train.jsonl {counts['train']:,}, rows/valid.jsonl {counts['valid']:,}"
    assert told.encode() in done.stderr
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert [one["rows"] for one in report["outputs"]] == [counts["train"], counts["valid"]]
    assert report["options"]["split"] == {"train": 0.9, "valid": 0.1}
    for wrong in ("train", "train=x", "train=0.5,train=0.5", "train=0.5,0.5"):
        done = raftfast("convert", numbered.name, "-o", "rows/", "--split", wrong)
        assert done.returncode == 2
