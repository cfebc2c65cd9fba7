"""The command keeps the memory of row groups; the rows are those of the library."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import raftfast

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

FAULTS = """
import resource, sys
from raftfast import cli, pages
if sys.argv[1] == "given back":
    pages.keep = lambda: None
sys.argv[1:] = ["convert", *sys.argv[2:], "--threads", "1", "--quiet"]
code = cli.main()
assert code == 0, code
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others keep what they like")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["large.jsonl", "-o", "rows.parquet"], id="written"),
        pytest.param(["large.parquet", "-o", "rows.jsonl"], id="read"),
    ],
)
def test_memory_of_row_groups_is_asked_for_less_often_when_it_is_kept(
    arguments: list[str], folder: Path
) -> None:
    # A start is in both, and takes more on some CPUs: of 100 MB it was too much of what is read.
    raftfast.sample("large.jsonl", size=200_000_000)
    if arguments[0] != "large.jsonl":
        raftfast.convert("large.jsonl", arguments[0], to="hf")

    def faults(what: str) -> int:
        command = [sys.executable, "-c", FAULTS, what, *arguments]
        return int(subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout)

    assert faults("kept") < 0.8 * faults("given back")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-o", "rows.parquet"], id="by the name"),
        pytest.param(["-o", "rows.pq"], id="by the other name"),
        pytest.param(["-o", "rows.data", "--output-type", "parquet"], id="as asked for"),
    ],
)
def test_the_file_is_the_one_of_the_library(
    arguments: list[str], corpus: Path, raftfast: Run
) -> None:
    from raftfast import convert  # noqa: PLC0415 - the fixture has the name

    assert raftfast("convert", corpus.name, *arguments).returncode == 0
    convert(corpus, "library.parquet")
    written = (corpus.parent / arguments[1]).read_bytes()
    assert written == (corpus.parent / "library.parquet").read_bytes()
