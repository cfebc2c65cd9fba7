"""Records are the same in lines and in columns, wherever those come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from pyarrow import ipc, parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rows = list[dict[str, Any]]

ROWS: dict[str, tuple[str, Rows]] = {
    # Of files only the columns in use were read and told the dialect: three were filtered.
    "an instruction for some": (
        "completion",
        [
            {"question": f"q{n}", "context": "c", "instruction": given, "cot_answer": "a"}
            for n, given in enumerate(["given", None, None, None])
        ],
    ),
    "a text for documents": (
        "raft",
        [{"question": "q", "context": "<DOCUMENT>c</DOCUMENT>", "cot_answer": "a"}],
    ),
    # A key that tells the dialect by being there was not read.
    "rows for evaluation": (
        "completion",
        [
            {
                "question": "q",
                "context": "<DOCUMENT>c</DOCUMENT>",
                "gold_final_answer": "g",
                "cot_answer": "a <ANSWER>: b",
                "instruction": "i",
            }
        ],
    ),
    # Documents that are in no list of lists were told in lines only.
    "documents right in their list": (
        "completion",
        [
            {
                "question": "q",
                "context": {"sentences": ["d"], "title": ["t"]},
                "instruction": "i",
                "cot_answer": "##Reason: r ##Answer: 42 \n",
            }
        ],
    ),
    "documents in a list of one list": (
        "completion",
        [
            {
                "question": "q",
                "context": {"sentences": [["d"]], "title": [["t"]]},
                "instruction": "i",
                "cot_answer": "a",
            }
        ],
    ),
    "a system message in parts": (
        "chat",
        [
            {
                "system": [{"text": "S"}],
                "messages": [
                    {"role": "user", "content": [{"text": "Q"}]},
                    {"role": "assistant", "content": [{"text": "A"}]},
                ],
            }
        ],
    ),
    # Objects in objects, which arrow-rs cuts twice where they are a slice.
    "an object in an object": (
        "hf",
        [{"instruction": "i", "meta": {"from": {"url": str(n)}, "n": n}} for n in range(5)],
    ),
    "an object in an object in a list": (
        "hf",
        [{"instruction": "i", "meta": [{"from": {"url": str(n)}}] * 2} for n in range(5)],
    ),
    "an object that nobody asks for": (
        "completion",
        [{"instruction": "i", "cot_answer": "a", "m": {"a": {"b": n}}} for n in range(3)],
    ),
}


def sliced(rows: Rows) -> pa.Table:
    """Put the rows between others, and cut those off again."""
    return pa.Table.from_pylist([rows[-1], *rows, rows[0]]).slice(1, len(rows))


def arrow(rows: Rows, folder: Path, kind: Callable[..., Any]) -> Path:
    table = pa.Table.from_pylist(rows)
    with kind(folder / "in.arrow", table.schema) as file:
        file.write_table(table)
    return folder / "in.arrow"


def parquet_file(rows: Rows, folder: Path) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), folder / "in.parquet")
    return folder / "in.parquet"


def saved(rows: Rows, folder: Path) -> Path:
    pytest.importorskip("datasets").Dataset.from_list(rows).save_to_disk(folder / "in")
    return folder / "in"


SOURCES: dict[str, Callable[[Rows, Path], Any]] = {
    "an Arrow file": lambda rows, folder: arrow(rows, folder, ipc.new_file),
    "an Arrow stream": lambda rows, folder: arrow(rows, folder, ipc.new_stream),
    "Parquet": parquet_file,
    "a folder of datasets": saved,
    "a table": lambda rows, _: pa.Table.from_pylist(rows),
    "a slice": lambda rows, _: sliced(rows),
    "a batch": lambda rows, _: sliced(rows).combine_chunks().to_batches()[0],
    "a reader": lambda rows, _: sliced(rows).to_reader(max_chunksize=2),
    "an array of structs": lambda rows, _: sliced(rows).combine_chunks().to_struct_array().chunk(0),
    "a chunked array": lambda rows, _: sliced(rows).to_struct_array(),
    "a frame of pandas": lambda rows, _: pandas_frame(rows),
    "a Dataset": lambda rows, _: pytest.importorskip("datasets").Dataset.from_list(rows),
    "a selection": lambda rows, _: (
        pytest.importorskip("datasets")
        .Dataset.from_list([rows[0], *rows])
        .select(range(1, len(rows) + 1))
    ),
}


def pandas_frame(rows: Rows) -> Any:  # noqa: ANN401 - pandas may not be there
    pandas = pytest.importorskip("pandas")
    whole = pa.Table.from_pylist([rows[-1], *rows, rows[0]])
    return whole.to_pandas(types_mapper=pandas.ArrowDtype).iloc[1:-1]


def told(source: Any, to: str, output: Path) -> tuple[object, ...]:  # noqa: ANN401
    """Convert something; return the rows and what they were read as, or what is said instead."""
    try:
        ledger = raftfast.convert(source, output, to=to)
    except raftfast.Error as error:
        return error.kind, str(error).partition(": ")[2]
    rows = [json.loads(line) for line in output.read_bytes().splitlines()]
    return rows, ledger.dialects, ledger.filtered


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("to", "rows"), ROWS.values(), ids=ROWS)
def test_rows_are_those_of_lines(to: str, rows: Rows, kind: str, tmp_path: Path) -> None:
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = told(lines, to, tmp_path / "lines")
    assert told(SOURCES[kind](rows, tmp_path), to, tmp_path / "columns") == expected


def test_columns_that_nobody_uses_may_be_of_any_type_in_a_table_too(tmp_path: Path) -> None:
    table = pa.table({"instruction": ["a"], "cot_answer": ["b"], "question": pa.array([b"x"])})
    assert raftfast.convert(table, tmp_path / "out", to="completion").written == 1


def test_the_keys_of_a_table_that_lacks_one_are_those_that_it_has(tmp_path: Path) -> None:
    row = {"instruction": "i", "cot_answer": "c", "rejected_response": "r", "question": "q"}
    with pytest.raises(raftfast.Error, match="are: instruction, cot_answer, rejected_response"):
        raftfast.convert(parquet_file([row], tmp_path), tmp_path / "out", to="trl-dpo")


# The footer of the last one tells of places in itself: its rows were taken out of the first.
@pytest.mark.parametrize("to", ["completion", "hf"])
@pytest.mark.parametrize(("first", "second"), [(5, 500), (500, 5), (5, 0), (0, 5)])
def test_arrow_files_one_after_the_other_are_refused(
    first: int, second: int, to: str, tmp_path: Path
) -> None:
    schema = pa.schema([("instruction", pa.string()), ("cot_answer", pa.string())])
    parts = []
    for count in (first, second):
        with ipc.new_file(tmp_path / "one.arrow", schema) as file:
            file.write_table(pa.table([["i"] * count, ["a"] * count], schema=schema))
        parts.append((tmp_path / "one.arrow").read_bytes())
    (tmp_path / "in.arrow").write_bytes(b"".join(parts))
    with pytest.raises(raftfast.Error, match="is it several files") as caught:
        raftfast.convert(tmp_path / "in.arrow", tmp_path / "out", to=to)
    assert caught.value.kind == "broken-input"


# The same: of two files of one layout, the rows of the first were taken for those of the second.
@pytest.mark.parametrize("source", ["path", "file object"])
@pytest.mark.parametrize(("first", "second"), [(5, 5), (500, 500), (500, 5), (5, 0), (0, 5)])
def test_parquet_files_one_after_the_other_are_refused(
    first: int, second: int, source: str, tmp_path: Path
) -> None:
    parts = []
    for count in (first, second):
        texts = [f"{count} {at}" for at in range(count)]
        rows = {"instruction": texts, "cot_answer": texts}
        schema = pa.schema([("instruction", pa.string()), ("cot_answer", pa.string())])
        parquet.write_table(pa.table(rows, schema=schema), tmp_path / "one.parquet")
        parts.append((tmp_path / "one.parquet").read_bytes())
    (tmp_path / "in.parquet").write_bytes(b"".join(parts))
    with (tmp_path / "in.parquet").open("rb") as file:
        given = file if source == "file object" else tmp_path / "in.parquet"
        with pytest.raises(raftfast.Error, match="is it several files") as caught:
            raftfast.convert(given, tmp_path / "out")
    assert caught.value.kind == "broken-input"
    assert not (tmp_path / "out").exists()


# The parts that the last footer tells of end behind the place where the first file does.
@pytest.mark.parametrize(("first", "second"), [(1, 500), (50, 5000), (3000, 9000)])
def test_parquet_files_one_after_the_other_are_refused_if_a_later_one_is_longer(
    first: int, second: int, tmp_path: Path
) -> None:
    parts = []
    for length in (first, second):
        rest = [f"{at} " * length for at in range(50)]
        table = pa.table({"instruction": ["i"] * 50, "cot_answer": ["c"] * 50, "rest": rest})
        parquet.write_table(table, tmp_path / "one.parquet", compression="none")
        parts.append((tmp_path / "one.parquet").read_bytes())
    (tmp_path / "in.parquet").write_bytes(b"".join(parts))
    with pytest.raises(raftfast.Error, match="is it several files"):
        raftfast.convert(tmp_path / "in.parquet", tmp_path / "out", to="completion")


@pytest.mark.parametrize("beside", ["page_index", "page_checksum"])
def test_texts_that_look_like_the_seam_of_two_parquet_files_are_none(
    beside: str, tmp_path: Path
) -> None:
    table = pa.table({"instruction": ["PAR1PAR1"] * 9, "cot_answer": ["PAR1PAR1"] * 9})
    path = tmp_path / "in.parquet"
    parquet.write_table(table, path, compression="none", **{f"write_{beside}": True})
    assert raftfast.convert(path, tmp_path / "out", to="completion").written == 9


# Polars writes no message of a schema where there are no rows.
def test_a_file_without_rows_is_one_file(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"instruction": ["i"], "cot_answer": ["c"]})
    frame.write_ipc(tmp_path / "one.arrow")
    frame.clear().write_ipc(tmp_path / "none.arrow")
    inputs = [tmp_path / "one.arrow", tmp_path / "none.arrow"]
    assert raftfast.convert(inputs, tmp_path / "out").written == 1


def test_a_column_of_no_texts_tells_no_dialect_by_how_texts_start(tmp_path: Path) -> None:
    ids = pa.array([b"x" * 16], pa.binary(16))
    table = pa.table({"instruction": ["i"], "cot_answer": ["c"], "id": ids})
    assert raftfast.convert(table, tmp_path / "out", to="completion").written == 1


@pytest.mark.parametrize("seconds", [253_402_300_800, -62_167_219_201])
@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out.arrow"])
def test_a_time_of_a_year_without_four_digits_is_out_of_range(
    seconds: int, output: str, tmp_path: Path
) -> None:
    table = pa.table({"instruction": ["i"], "at": pa.array([seconds], pa.timestamp("s"))})
    with pytest.raises(raftfast.Error, match=r"value 0 of its Timestamp.* is out of range"):
        raftfast.convert(table, tmp_path / output, to="hf")
    days = pa.table({"at": pa.array([seconds // 86_400], pa.int32()).view(pa.date32())})
    with pytest.raises(raftfast.Error, match="value 0 of its Date32 is out of range"):
        raftfast.convert(days, tmp_path / output, to="hf")


# Of two members of one name, most readers of lines lose one.
def test_a_key_that_stands_twice_in_a_map_is_refused(tmp_path: Path) -> None:
    once = pa.array([[("z", 1), ("y", 2)], None, [("z", 3)]], pa.map_(pa.string(), pa.int32()))
    twice = pa.array([[("z", 1)], [("z", 1), ("z", 2)], []], pa.map_(pa.string(), pa.int32()))
    assert raftfast.convert(pa.table({"m": once}), tmp_path / "out", to="hf").written == 3
    with pytest.raises(raftfast.Error, match="a key stands twice in one of its maps"):
        raftfast.convert(pa.table({"m": twice}), tmp_path / "out", to="hf")
    offsets, hidden = pa.array([0, 2, 3], pa.int32()), pa.array([True, False])
    unseen = pa.MapArray.from_arrays(offsets, ["z", "z", "y"], [1, 2, 3], mask=hidden)
    assert raftfast.convert(pa.table({"m": unseen}), tmp_path / "out", to="hf").written == 2


def empty_slices() -> dict[str, Any]:
    """Make arrays without values whose offsets do not start at nothing, as Arrow allows."""
    batch = pa.record_batch({"instruction": ["a", "b"], "cot_answer": ["x", "y"]})
    none_inside = pa.ListArray.from_arrays(
        pa.array([0, 0], pa.int32()), pa.array(["a", "b"]).slice(1, 0)
    )
    none_inside.validate(full=True)
    listed = pa.table({"question": ["q"], "context": none_inside, "instruction": ["i"]})
    return {
        "a batch": [batch, batch.slice(1, 0)],
        "the end of a reader": pa.RecordBatchReader.from_batches(
            batch.schema, [batch, batch.slice(2)]
        ),
        "large texts": [batch, large(batch).slice(1, 0)],
        "a list": listed.append_column("cot_answer", pa.array(["c"])),
    }


def large(batch: pa.RecordBatch) -> pa.RecordBatch:
    schema = pa.schema([(name, pa.large_string()) for name in batch.schema.names])
    return batch.cast(schema)


# They were broken inputs.
@pytest.mark.parametrize("name", [*empty_slices()])
def test_arrays_without_values_hold_nothing_whatever_they_are_slices_of(
    name: str, tmp_path: Path
) -> None:
    ledger = raftfast.convert(empty_slices()[name], tmp_path / "out", to="completion")
    assert ledger.written == (1 if name == "a list" else 2)


# The extension hid the objects in objects, and arrow-rs cut them twice.
def test_a_slice_of_an_extension_of_objects_is_read(tmp_path: Path) -> None:
    class Extension(pa.ExtensionType):  # type: ignore[misc]
        def __init__(self) -> None:
            inside = pa.struct([("b", pa.string())])
            super().__init__(pa.struct([("a", inside)]), "raftfast.test")

        def __arrow_ext_serialize__(self) -> bytes:
            return b""

    values = [{"a": {"b": text}} for text in ("x", "y", "z")]
    kind = Extension()
    array = pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    table = pa.table({"instruction": ["i", "j", "k"], "x": array}).slice(1)
    raftfast.convert(table, tmp_path / "out", to="hf")
    rows = [json.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
    assert [row["x"] for row in rows] == values[1:]


# The values of the dictionary were looked for where there were none: a worker panicked.
def test_a_slice_whose_lists_of_json_are_empty_is_read(tmp_path: Path) -> None:
    keys = pa.array([0, 1], pa.int32())
    values = pa.DictionaryArray.from_arrays(keys, pa.array(['{"a":1}', "[1]"]))
    item = pa.field("item", values.type, metadata={"ARROW:extension:name": "arrow.json"})
    offsets = pa.array([0, 0, 2], pa.int32()).buffers()[1]
    lists = pa.Array.from_buffers(pa.list_(item), 2, [None, offsets], children=[values])
    lists.validate(full=True)
    schema = pa.schema([pa.field("id", pa.string()), pa.field("x", lists.type)])
    table = pa.Table.from_arrays([pa.array(["i", "j"]), lists], schema=schema)
    for part, expected in (
        (table, [{"id": "i", "x": []}, {"id": "j", "x": [{"a": 1}, [1]]}]),
        (table.slice(0, 1), [{"id": "i", "x": []}]),
        (table.slice(1), [{"id": "j", "x": [{"a": 1}, [1]]}]),
    ):
        raftfast.convert(part, tmp_path / "out", to="hf")
        rows = [json.loads(line) for line in (tmp_path / "out").read_bytes().splitlines()]
        assert rows == expected
