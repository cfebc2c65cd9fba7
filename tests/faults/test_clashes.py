"""An output that is also an input, or another output, is refused under whatever name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import jsonl, record

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run


CLASHES = {
    "the same path": "convert a.jsonl -o a.jsonl",
    "another spelling": "convert a.jsonl -o ./d/../a.jsonl",
    "a symbolic link": "convert a.jsonl -o link",
    "through a symbolic link": "convert link -o a.jsonl",
    "a hard link": "convert a.jsonl -o hard",
    "the second input": "convert b.jsonl a.jsonl -o a.jsonl",
    "standard input": "convert -o a.jsonl <a.jsonl",
    "standard input as a device": "convert /dev/stdin -o a.jsonl <a.jsonl",
    "standard output": "convert a.jsonl >>a.jsonl",
    "both standard streams": "convert <a.jsonl >>a.jsonl",
    "rejects that are the input": "convert a.jsonl -o out --on-error skip --rejects a.jsonl",
    "a report that is the input": "convert a.jsonl -o out --report hard",
    "rejects that are the output": "convert a.jsonl -o out --on-error skip --rejects ./out",
    "a report that is the output": "convert a.jsonl -o out --report dangling",
    "a report that is the mark": "convert a.jsonl -o d/ --report d/_SUCCESS",
    "a report that is the mark of a split": "convert a.jsonl -o d/ --split 1 --report d/_SUCCESS",
    "a report that is the manifest": "convert a.jsonl -o d/ --report d/.raftfast.json",
    "rejects that are the manifest, which a split takes away": (
        "convert a.jsonl -o d/ --split 1 --on-error skip --rejects d/.raftfast.json"
    ),
    "a report that is beside": "convert a.jsonl -o d/ --to alpaca --report d/dataset_info.json",
    "rejects that are beside a split": (
        "convert a.jsonl -o d/ --to alpaca --split 1 --on-error skip --rejects d/dataset_info.json"
    ),
    "a report that is the rejects": "convert a.jsonl -o o --on-error skip --rejects r --report ./r",
}


@pytest.mark.parametrize("command", CLASHES.values(), ids=CLASHES)
def test_an_output_that_is_also_something_else_is_refused(
    command: str, folder: Path, shell: Run
) -> None:
    data = jsonl(record())
    (folder / "a.jsonl").write_bytes(data)
    (folder / "b.jsonl").write_bytes(data)
    shell("mkdir d; ln -s a.jsonl link; ln a.jsonl hard; ln -s out dangling")
    before = sorted(folder.rglob("*"))
    done = shell(f"raftfast {command}")
    assert done.returncode == 2, done.stderr
    assert b" is the same file as " in done.stderr
    assert (folder / "a.jsonl").read_bytes() == data
    assert sorted(folder.rglob("*")) == before
