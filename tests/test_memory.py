"""Memory that runs out is one line and exit code 1, and no name shows half a file."""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING

import pytest
import raftfast
from pyarrow import ipc, parquet

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

MB = 1 << 20
OLD = b"old\n"
FORMS = ["rows.jsonl", "rows.gz", "rows.zst", "rows.arrow", "rows.parquet"]
LIMITS = [36, 40, 44, 48, 56, 64, 80, 96, 112, 128, 144, 160, 192, 256]
ENOUGH = 512

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is not kept elsewhere")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make records of which each thread has more than one portion."""
    path = tmp_path_factory.mktemp("memory") / "large.jsonl"
    raftfast.sample(path, size=70_000_000)
    return path


def converted(large: Path, output: str, megabytes: int, raftfast: Run) -> tuple[int, bytes]:
    limit = (megabytes * MB, resource.RLIM_INFINITY)
    arguments = ["convert", str(large), "-o", output, "--threads", "2", "--quiet"]
    done = raftfast(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
    return done.returncode, done.stderr


SAID = {
    b"raftfast: out of memory\n",
    b"raftfast: cannot start a thread: Resource temporarily unavailable\n",
}


@pytest.mark.parametrize("output", FORMS)
def test_memory_that_runs_out_is_one_line_and_leaves_the_old_file(
    output: str, large: Path, folder: Path, raftfast: Run
) -> None:
    for megabytes in LIMITS:
        (folder / output).write_bytes(OLD)
        code, said = converted(large, output, megabytes, raftfast)
        if code == 0:
            assert (said, (folder / output).read_bytes() != OLD) == (b"", True), megabytes
        else:
            assert (code, said in SAID) == (1, True), (megabytes, said)
            assert (folder / output).read_bytes() == OLD, megabytes
        assert [path.name for path in folder.iterdir()] == [output], megabytes


# Each block gave back a buffer for each file, of which one was used again: 2.4 GB took 690 MB.
def test_a_split_takes_no_more_memory_the_longer_its_input_is(
    large: Path, folder: Path, raftfast: Run
) -> None:
    limit = (128 * MB, resource.RLIM_INFINITY)
    (folder / "in").mkdir()
    for number in range(6):
        (folder / "in" / f"{number}.jsonl").symlink_to(large)
    done = raftfast(
        *("convert", "in", "-o", "out/", "--split", "50,50", "--threads", "2", "--quiet"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
    )
    assert (done.returncode, done.stderr) == (0, b"")


def least_that_loads(shell: Run) -> int:
    """Tell how many bytes of addresses Python needs for the core, to a megabyte."""
    loads = 'python -c "import raftfast"'
    limits = range(16 * MB, ENOUGH * MB, MB)
    return next(one for one in limits if shell(f"ulimit -v {one >> 10}", loads).returncode == 0)


def test_as_soon_as_the_core_is_loaded_memory_that_runs_out_is_one_line(
    corpus: Path, shell: Run
) -> None:
    least = least_that_loads(shell)
    for limit in range(least + MB, least + 10 * MB, MB // 4):
        done = shell(f"ulimit -v {limit >> 10}", f"raftfast convert {corpus.name} -o out -q")
        failed = done.returncode == 1 and done.stderr in SAID
        assert failed or (done.returncode, done.stderr) == (0, b""), (limit, done.stderr)


def test_a_bar_that_there_is_no_memory_for_is_not_drawn(corpus: Path, shell: Run) -> None:
    drawn = set()
    for limit in range(36 * MB, 64 * MB, MB // 4):
        command = f"raftfast convert {corpus.name} -o out --progress"
        done = shell(f"ulimit -v {limit >> 10}", command)
        *bar, said = done.stderr.rsplit(b"\r", 1)
        if done.returncode == 0:
            assert said.startswith(b"raftfast: 3 read = 2 written"), (limit, done.stderr)
            drawn.add(bool(bar))
        else:
            assert (done.returncode, done.stderr in SAID) == (1, True), (limit, done.stderr)
    assert drawn == {False, True}


def test_too_little_memory_is_one_line_also_with_standard_output_closed(shell: Run) -> None:
    limit = (least_that_loads(shell) + MB) >> 10
    done = shell(f"ulimit -v {limit}", "raftfast --version >&-")
    assert (done.returncode, done.stderr) == (1, b"raftfast: out of memory\n")


@pytest.mark.parametrize("output", FORMS)
def test_a_limit_that_is_kept_changes_no_byte(
    output: str, large: Path, folder: Path, raftfast: Run
) -> None:
    assert converted(large, output, ENOUGH, raftfast) == (0, b"")
    under_the_limit = (folder / output).read_bytes()
    assert raftfast("convert", str(large), "-o", output, "--quiet").returncode == 0
    assert (folder / output).read_bytes() == under_the_limit


def batches_of(path: Path) -> list[int]:
    if path.suffix == ".arrow":
        file = ipc.open_file(path)
        return [file.get_batch(number).num_rows for number in range(file.num_record_batches)]
    told = parquet.read_metadata(path)
    return [told.row_group(number).num_rows for number in range(told.num_row_groups)]


# All of them came to one batch, of which most was nulls.
@pytest.mark.parametrize(("ending", "most"), [("parquet", 12_000), ("arrow", 2_000)])
def test_rows_of_few_bytes_and_many_keys_come_in_several_batches(
    ending: str, most: int, tmp_path: Path
) -> None:
    lines, output = tmp_path / "in.jsonl", tmp_path / f"out.{ending}"
    keys = json.dumps({f"k{number}": number for number in range(1000)})
    lines.write_text(keys + "\n" + '{"a":1}\n' * 40_000)
    raftfast.convert(lines, output, "hf")
    assert sum(batches_of(output)) == 40_001
    assert max(batches_of(output)) < most
    lines.write_text('{"a":1}\n' * 40_000)
    raftfast.convert(lines, output, "hf")
    assert batches_of(output) == [40_000]
