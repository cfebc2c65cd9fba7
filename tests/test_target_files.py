"""Files are as their consumers take them: arrays, byte order marks, and limits."""

from __future__ import annotations

import codecs
import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import raftfast
from raftfast import Error, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def corpus_of(tmp_path: Path, count: int) -> Path:
    """Write records of growing answers, one of which is filtered."""
    path = tmp_path / "corpus.jsonl"
    records = [{"instruction": f"Q{n}", "cot_answer": "A" * (n % 700)} for n in range(count)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 3000])
def test_fastchat_gets_one_json_array(tmp_path: Path, count: int, threads: int) -> None:
    corpus, output = corpus_of(tmp_path, count), tmp_path / "rows.json"
    ledger = raftfast.convert(corpus, output, to="fastchat", threads=threads, block_bytes=4096)
    rows = json.loads(output.read_bytes())
    assert len(rows) == ledger.written == count - (count + 699) // 700
    assert [row["conversations"][0]["value"] for row in rows] == [
        f"Q{n}" for n in range(count) if n % 700
    ]
    assert ledger.bytes_out == output.stat().st_size


def test_each_shard_is_an_array(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 3000)
    raftfast.convert(corpus, tmp_path / "rows.json", to="fastchat", shards=3)
    raftfast.convert(corpus, tmp_path / "small.json", to="fastchat", shard_size=100_000)
    raftfast.convert(corpus, tmp_path / "tiny.json", to="fastchat", shard_size=300)
    for name in ("rows", "small", "tiny"):
        shards = sorted(tmp_path.glob(f"{name}-*.json"))
        rows = [row for shard in shards for row in json.loads(shard.read_bytes())]
        assert len(rows) == 2995
    assert all(shard.stat().st_size <= 100_000 for shard in tmp_path.glob("small-*.json"))


def test_an_array_is_not_compressed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one JSON array"):
        raftfast.convert(corpus_of(tmp_path, 3), tmp_path / "rows.json.gz", to="fastchat")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
@pytest.mark.parametrize("count", [0, 3000])
def test_azure_gets_a_byte_order_mark(tmp_path: Path, count: int, name: str) -> None:
    corpus, output = corpus_of(tmp_path, count), tmp_path / name
    ledger = raftfast.convert(corpus, output, to="azure", threads=2, block_bytes=4096, check="off")
    data = output.read_bytes()
    assert ledger.bytes_out == len(data)
    data = gzip.decompress(data) if name.endswith(".gz") else data
    assert data.startswith(codecs.BOM_UTF8)
    assert data.count(codecs.BOM_UTF8) == 1
    again = raftfast.convert(output, tmp_path / "again.jsonl", to="chat") if count else ledger
    assert again.written == ledger.written


def test_a_file_beyond_the_limits_of_its_consumer_is_told_or_refused(tmp_path: Path) -> None:
    corpus, output = corpus_of(tmp_path, 5), tmp_path / "rows.jsonl"
    with pytest.warns(
        raftfast.RuleWarning, match="rows.jsonl: 4 rows, and openai takes 10 or more"
    ):
        raftfast.convert(corpus, output, to="openai")
    assert output.exists()
    output.unlink()
    with pytest.raises(Error, match="4 rows, and openai takes 10 or more") as caught:
        raftfast.convert(corpus, output, to="openai", check="strict")
    assert caught.value.kind == "rule"
    assert not output.exists()
    assert raftfast.convert(corpus, output, to="openai", check="off").written == 4


# Nobody counted the rows of shards that are as many as it takes.
def test_shards_of_a_size_are_held_against_the_limits_of_files(tmp_path: Path) -> None:
    corpus, output, report = corpus_of(tmp_path, 30), tmp_path / "rows.jsonl", tmp_path / "r.json"
    for ending in ("jsonl", "jsonl.gz", "parquet"):
        output = tmp_path / f"rows.{ending}"
        ledger = raftfast.convert(
            corpus, output, "openai", check="off", shard_size=9000, report=report
        )
        shards = sorted(tmp_path.glob(f"rows-*.{ending}"))
        told = json.loads(report.read_bytes())["outputs"]
        assert [shard["bytes"] for shard in told] == [path.stat().st_size for path in shards]
        assert [shard["rows"] for shard in told] == [rows_in(path) for path in shards]
        assert sum(shard["rows"] for shard in told) == ledger.written
        if ending != "jsonl":  # their frames and row groups hold all of these rows
            continue
        with pytest.raises(Error, match=r"-of-.*: [0-9]+ rows, and openai takes 10 or more"):
            raftfast.convert(corpus, output, "openai", check="strict", shard_size=500)


def rows_in(path: Path) -> int:
    if path.name.endswith("parquet"):
        return int(pq.read_metadata(path).num_rows)
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.endswith(".gz") else data).count(b"\n")


@pytest.mark.parametrize("to", ["azure", "fastchat"])
def test_shards_are_not_longer_than_asked_with_what_stands_around_rows(
    to: str, tmp_path: Path
) -> None:
    corpus = corpus_of(tmp_path, 30)
    for size in (5000, 5001, 5002, 5003, 9000):
        for old in tmp_path.glob("rows-*"):
            old.unlink()
        raftfast.convert(corpus, tmp_path / "rows.json", to, check="off", shard_size=size)
        rows = [path.read_bytes() for path in tmp_path.glob("rows-*")]
        assert all(len(row) <= size or len(row.splitlines()) <= 3 for row in rows)


def test_the_command_tells_of_limits_in_a_line(tmp_path: Path) -> None:
    corpus_of(tmp_path, 5)
    command = [
        sys.executable,
        "-m",
        "raftfast",
        "convert",
        "corpus.jsonl",
        "-o",
        "o",
        "-t",
        "openai",
    ]
    done = subprocess.run([*command, "-q"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stderr == b"raftfast: o: 4 rows, and openai takes 10 or more\n"


# The turns of the others were left out of rows in silence.
@pytest.mark.parametrize(
    ("turns", "role", "missing"),
    [
        ("messages", "user", "assistant"),
        ("turns", "assistant", "user"),
        ("prompt", "assistant", "user"),
    ],
)
def test_roles_without_a_name_for_one_who_always_speaks_are_refused(
    turns: str, role: str, missing: str
) -> None:
    target = f"""
name = "own"
needs = ["instruction", "cot_answer"]
row = '[{{"$each": "{turns}", "do": {{"r": "{{role}}", "c": "{{content}}"}}}}]'

[roles]
{role} = "r"
"""
    with pytest.raises(UsageError, match=f"the roles have no name for '{missing}'"):
        raftfast.Converter.from_toml(target)
