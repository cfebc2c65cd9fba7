"""What Parquet does not know becomes what pyarrow makes of it, or is refused in a line."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import raftfast
from pyarrow import parquet
from raftfast import Error, UsageError

if TYPE_CHECKING:
    from pathlib import Path

WHEN = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - a type without a zone
TIMES = {
    "timestamp[s]": (pa.timestamp("s"), WHEN),
    "timestamp[s] with a zone": (pa.timestamp("s", "UTC"), WHEN.replace(tzinfo=dt.timezone.utc)),
    "timestamp[s] before 1970": (pa.timestamp("s"), dt.datetime(1066, 10, 14)),  # noqa: DTZ001
    "timestamp[ms]": (pa.timestamp("ms"), WHEN),
    "time32[s]": (pa.time32("s"), dt.time(12, 30)),
    "in a list": (pa.list_(pa.timestamp("s")), [WHEN, None]),
    "in an object": (pa.struct({"when": pa.timestamp("s")}), {"when": WHEN}),
    "in objects in a list": (pa.list_(pa.struct({"at": pa.time32("s")})), [{"at": dt.time(1)}]),
}


@pytest.mark.parametrize(("kind", "value"), TIMES.values(), ids=TIMES)
def test_times_are_of_the_type_that_pyarrow_writes(
    kind: pa.DataType, value: object, tmp_path: Path
) -> None:
    table = pa.table({"cot_answer": ["a", "b"], "when": pa.array([value, None], kind)})
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    raftfast.convert(table, ours, to="hf")
    parquet.write_table(table, theirs)
    found, expected = parquet.read_table(ours), parquet.read_table(theirs)
    assert found.schema.types == expected.schema.types
    assert found.to_pylist() == expected.to_pylist() == table.to_pylist()


def test_a_time_out_of_range_is_an_error_and_not_null(tmp_path: Path) -> None:
    far = pa.array([1 << 60], pa.timestamp("s"))
    table = pa.table({"cot_answer": ["a"], "when": far})
    with pytest.raises(Error, match=r"column 'when': .* out of range"):
        raftfast.convert(table, tmp_path / "rows.parquet", to="hf")
    assert list(tmp_path.iterdir()) == []


UNION = pa.UnionArray.from_sparse(
    pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]
)
UNIONS = {
    "a column": UNION,
    "in lists": pa.ListArray.from_arrays([0, 1, 2], UNION),
    "in lists of a size": pa.FixedSizeListArray.from_arrays(UNION, 1),
    "in maps": pa.MapArray.from_arrays([0, 1, 2], pa.array(["k", "l"]), UNION),
}


@pytest.mark.parametrize("union", UNIONS.values(), ids=UNIONS)
def test_a_union_is_refused_by_the_name_of_its_column(union: pa.Array, tmp_path: Path) -> None:
    table = pa.table({"cot_answer": ["a", "b"], "both": union})
    with pytest.raises(UsageError, match=r"'both.*' holds a union"):
        raftfast.convert(table, tmp_path / "rows.parquet", to="hf")


def test_objects_without_keys_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"{}\n{}\n")
    with pytest.raises(UsageError, match="objects without any keys"):
        raftfast.convert(tmp_path / "in.jsonl", tmp_path / "rows.parquet", to="hf")
    ledger = raftfast.convert(tmp_path / "in.jsonl", tmp_path / "rows.arrow", to="hf")
    with pa.ipc.open_file(tmp_path / "rows.arrow") as file:
        assert sum(file.get_batch(at).num_rows for at in range(file.num_record_batches)) == 2
    assert ledger.written == 2


# It was a file without columns, which nothing reads.
def test_whole_records_of_which_there_are_none_are_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"")
    with pytest.raises(UsageError, match="Parquet has no rows without columns"):
        raftfast.convert(tmp_path / "in.jsonl", tmp_path / "rows.parquet", to="hf")
    assert not (tmp_path / "rows.parquet").exists()


@pytest.mark.parametrize("name", ["in.parquet", "in.arrow"])
def test_rejects_of_columns_are_refused_and_not_an_empty_file(name: str, tmp_path: Path) -> None:
    table = pa.table({"instruction": ["q"], "cot_answer": ["a"]})
    raftfast.convert(table, tmp_path / name, to="hf")
    for source in (tmp_path / name, table):
        with pytest.raises(UsageError, match="rejects of columns are counted"):
            raftfast.convert(
                source, tmp_path / "out", on_error="skip", rejects=tmp_path / "rejects"
            )


def test_files_of_other_columns_are_joined_by_way_of_lines(tmp_path: Path) -> None:
    one, two = tmp_path / "1.parquet", tmp_path / "2.parquet"
    parquet.write_table(pa.table({"cot_answer": ["a"]}), one)
    parquet.write_table(pa.table({"cot_answer": ["b"], "n": [1]}), two)
    with pytest.raises(UsageError, match=r"2\.parquet: its columns are not those of all inputs"):
        raftfast.convert([one, two], tmp_path / "rows.parquet", to="hf")
    raftfast.convert([one, two], tmp_path / "rows.jsonl", to="hf")
    raftfast.convert(tmp_path / "rows.jsonl", tmp_path / "rows.parquet", to="hf")
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert rows == [{"cot_answer": "a", "n": None}, {"cot_answer": "b", "n": 1}]


def test_files_of_other_columns_of_strings_are_joined(tmp_path: Path) -> None:
    one, two = tmp_path / "1.parquet", tmp_path / "2.parquet"
    parquet.write_table(pa.table({"cot_answer": ["a"]}), one)
    parquet.write_table(pa.table({"cot_answer": ["b"], "n": ["c"]}), two)
    raftfast.convert([one, two], tmp_path / "rows.parquet", to="hf")
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert rows == [{"cot_answer": "a", "n": None}, {"cot_answer": "b", "n": "c"}]
