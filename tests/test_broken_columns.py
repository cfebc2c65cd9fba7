"""Columns from files with hostile bytes end as errors, or give rows.

Run as a script, this file reads many broken copies of one file in a process of its own, which may
crash without ending the tests.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
import raftfast
from corpora import seeded
from pyarrow import ipc
from raftfast.columns import opened
from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raftfast.kinds import Kind


from table_files import EVERY_FORM, FORMS, STRINGS, WANTED, Form, assert_clear, fault, read, records

# Hostile files ------------------------------------------------------------------------------------


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes that occur once in a file."""
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def offsets(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


OFFSETS = {
    "beyond the text": (0, 5, 12, 1 << 30),
    "a little beyond": (0, 5, 12, 23),
    "negative": (-8, 5, 12, 22),
    "backwards": (0, 12, 5, 22),
    "beyond in the middle": (0, 1 << 30, 12, 22),
}


@pytest.mark.parametrize("form", ["arrow", "arrows"])
@pytest.mark.parametrize("wrong", OFFSETS.values(), ids=OFFSETS)
def test_offsets_out_of_range_are_an_error(
    tmp_path: Path, form: str, wrong: tuple[int, ...]
) -> None:
    path = tmp_path / "corpus"
    FORMS[form].save(STRINGS, path)
    fault(patched(path, offsets(0, 5, 12, 22), offsets(*wrong)), WANTED)


@pytest.mark.parametrize("form", ["arrow", "arrows", "parquet-plain"])
@pytest.mark.parametrize("wrong", [b"second\xff", b"\xed\xa0\x80cond", b"secon\xc0\xa2"])
def test_strings_that_are_not_utf8_are_an_error(tmp_path: Path, form: str, wrong: bytes) -> None:
    path = tmp_path / "corpus"
    form_ = FORMS[form]._replace(options={**FORMS[form].options, **NO_STATISTICS.get(form, {})})
    form_.save(STRINGS, path)
    patched(path, b"second!", wrong)
    with pytest.raises(Error) as caught:
        raftfast.convert(str(path), str(tmp_path / "rows.jsonl"))
    assert_clear(caught.value)
    assert "UTF" in str(caught.value).upper()
    assert not (tmp_path / "rows.jsonl").exists()


NO_STATISTICS: dict[str, dict[str, Any]] = {"parquet-plain": {"write_statistics": False}}


@pytest.mark.parametrize("wrong", [3, -1, 1 << 30])
def test_dictionary_indices_out_of_range_are_an_error(tmp_path: Path, wrong: int) -> None:
    keys = pa.array([1, 0, 2, 1], pa.int32())
    table = pa.table({"instruction": pa.DictionaryArray.from_arrays(keys, ["a", "b", "c"])})
    path = tmp_path / "corpus"
    FORMS["arrows"].save(table, path)
    fault(patched(path, offsets(1, 0, 2, 1), offsets(1, wrong, 2, 1)))


@pytest.mark.parametrize("name", [b"instruction", b"inner"])
def test_names_that_are_not_utf8_are_an_error(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "corpus"
    FORMS["arrows"].save(pa.table({"instruction": [{"inner": "a"}]}), path)
    patched(path, name, b"\xff" + name[1:])
    assert "utf-8" in fault(path)


@EVERY_FORM
def test_a_doubled_column_is_an_error_where_it_is_wanted(tmp_path: Path, form: Form) -> None:
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])]
    table = pa.table(columns, names=["instruction", "instruction", "cot_answer"])
    path = tmp_path / "corpus"
    form.save(table, path)
    assert "several columns are called 'instruction'" in fault(path, WANTED)
    assert "several columns are called 'instruction'" in fault(path)
    assert read(path, ["cot_answer"]).to_pylist() == [{"cot_answer": "c"}]


@pytest.mark.parametrize("form", ["arrow", "arrows", "parquet-snappy"])
def test_a_table_without_columns_is_an_error(tmp_path: Path, form: str) -> None:
    path = tmp_path / "corpus"
    FORMS[form].save(pa.table({}), path)
    assert "has no columns" in fault(path)


@pytest.mark.parametrize("form", ["arrows", "arrows-legacy"])
@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_stream_cut_between_two_batches_is_an_error(
    tmp_path: Path, form: str, batches: int
) -> None:
    path = tmp_path / "corpus"
    data = FORMS[form].save(records(), path)
    with pa.OSFile(str(path)) as file, ipc.open_stream(file) as reader:
        for _ in range(batches):
            reader.read_next_batch()
        path.write_bytes(data[: file.tell()])
    assert "its end is missing" in fault(path)


@pytest.mark.parametrize("form", ["arrows", "arrows-legacy"])
def test_what_follows_a_stream_is_not_lost_but_an_error(tmp_path: Path, form: str) -> None:
    path = tmp_path / "corpus"
    data = FORMS[form].save(records(), path)
    for more in (data, b"\0", b"\n"):
        path.write_bytes(data + more)
        assert "something follows its end" in fault(path)


@EVERY_FORM
def test_another_kind_of_file_is_an_error(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    for other in FORMS.values():
        if other.kind != form.kind:
            other.save(records(), path)
            fault(path, kind=form.kind)


def test_an_error_stays_one_and_never_looks_like_the_end(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    data = FORMS["arrows"].save(records(), path)
    path.write_bytes(data[:-100])
    with opened(str(path), "arrows", None) as (_, columns):
        reader = pa.RecordBatchReader.from_stream(columns)
        assert reader.read_next_batch().num_rows == 15
        assert columns.failure is None
        reader.read_next_batch()
        for _ in range(3):
            with pytest.raises(pa.ArrowInvalid, match="cannot be read as an Arrow stream"):
                reader.read_next_batch()
        assert isinstance(columns.failure, Error)
        assert_clear(columns.failure)


@pytest.mark.parametrize("form", ["arrow", "arrows", "parquet-plain"])
def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path, form: str) -> None:
    path = tmp_path / "corpus"
    data = FORMS[form].save(pa.table({"instruction": ["x" * 100_000] * 60}), path)
    with opened(str(path), FORMS[form].kind, None) as (_, columns):
        next(columns)
        os.truncate(path, len(data) // 3)
        with pytest.raises(Error) as caught:
            list(columns)
    assert_clear(caught.value)


# Many broken copies, in a process of their own ----------------------------------------------------

SEED, FLIPS, MEMORY = 20260, 300, 4 << 30


def cuts(data: bytes) -> Iterator[bytes]:
    """Cut everywhere in the last 100 bytes, and at as many places before."""
    for end in {*range(8, len(data), len(data) // 100 + 1), *range(len(data) - 100, len(data))}:
        yield data[:end]


def flips(data: bytes) -> Iterator[bytes]:
    """Change one bit or byte, or four bytes, anywhere."""
    dice = seeded(SEED)
    for _ in range(FLIPS):
        broken = bytearray(data)
        at = dice.randrange(len(data) - 4)
        change = dice.randrange(4)
        if change == 0:
            broken[at] ^= 1 << dice.randrange(8)
        elif change == 1:
            broken[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
        else:
            broken[at : at + 4] = dice.choice([dice.randbytes(4), b"\xff\xff\xff\x7f", bytes(4)])
        yield bytes(broken)


def trial(path: Path, kind: Kind, data: bytes) -> str:
    """Convert a broken copy: every value of it, and what most targets need."""
    path.write_bytes(data)
    try:
        raftfast.convert(str(path), io.BytesIO(), to="chat")
        with opened(str(path), kind, None) as (_, columns):
            rows = raftfast.convert(columns, io.BytesIO(), to="hf").written
    except Error as error:
        return "error" if str(error).isprintable() else f"unprintable: {error!r}"
    return "rows" if rows == records().num_rows else f"{rows} rows"


def trials(path: Path, kind: Kind, how: str) -> Counter[str]:
    """Read broken copies of a file, and count how it ended."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    copies = {"cuts": cuts, "flips": flips}[how](path.read_bytes())
    return Counter(trial(path, kind, data) for data in copies)


def outcomes(path: Path, kind: Kind, how: str) -> dict[str, int]:
    """Try in another process."""
    command = [sys.executable, __file__, str(path), kind, how]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    counts: dict[str, int] = json.loads(ended.stdout)
    return counts


@EVERY_FORM
def test_a_file_cut_anywhere_is_an_error(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    assert set(outcomes(path, form.kind, "cuts")) == {"error"}


@EVERY_FORM
def test_flipped_bytes_are_errors_or_rows(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    counts = outcomes(path, form.kind, "flips")
    assert set(counts) <= {"error", "rows"}, counts
    assert sum(counts.values()) == FLIPS
    assert counts["error"] > FLIPS / 10


if __name__ == "__main__":
    _, name, of_kind, change = sys.argv
    json.dump(trials(Path(name), cast("Kind", of_kind), change), sys.stdout)
