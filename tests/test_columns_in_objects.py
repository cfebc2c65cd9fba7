"""Binary file objects that hold columns give the rows that files of the same bytes give."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from pyarrow import ipc, parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLE = pa.table(
    {"instruction": ["I\u00e9", "J", None], "cot_answer": ["A", "B", "C"], "other": [1, None, 3]}
)


def as_parquet(table: pa.Table) -> bytes:
    parquet.write_table(table, out := io.BytesIO())
    return out.getvalue()


def as_stream(table: pa.Table) -> bytes:
    with ipc.new_stream(out := io.BytesIO(), table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def as_file(table: pa.Table) -> bytes:
    with ipc.new_file(out := io.BytesIO(), table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def in_fsspec(data: bytes) -> Any:  # noqa: ANN401
    files = pytest.importorskip("fsspec").filesystem("memory")
    files.pipe("/held", data)
    return files.open("/held", "rb")


class Short(io.BytesIO):
    """Gives less than is asked for, as a file without a buffer may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(5, size) if size and size > 0 else 5)

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401
        return super().readinto(memoryview(buffer)[:5])


# Dictionaries were checked again for each batch that has them.
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_each_batch_has_the_values_of_its_own_dictionary(kind: pa.DataType) -> None:
    dictionaries = [pa.array([f'"{name}{n}"' for n in range(5)], kind) for name in "ABA"]
    keys = [pa.array([batch % 5, None, 4], pa.int8()) for batch in range(30)]
    batches = [
        pa.record_batch(
            {
                "instruction": pa.DictionaryArray.from_arrays(of, dictionaries[batch // 2 % 3]),
                "cot_answer": [f"{batch}.{row}" for row in range(3)],
            }
        )
        for batch, of in enumerate(keys)
    ]
    rows = raftfast.convert(
        pa.RecordBatchReader.from_batches(batches[0].schema, batches),
        out := io.BytesIO(),
        "completion",
    )
    plain = [
        batch.cast(pa.schema({"instruction": kind, "cot_answer": pa.string()})) for batch in batches
    ]
    raftfast.convert(pa.Table.from_batches(plain), expected := io.BytesIO(), "completion")
    assert out.getvalue() == expected.getvalue()
    assert rows.written == 60


class Stream:
    """Columns of which nobody can choose some."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def nested(levels: int) -> Stream:
    column = pa.array([1])
    for _ in range(levels):
        column = pa.ListArray.from_arrays([0, 1], column)
    return Stream(pa.table({"instruction": ["I"], "cot_answer": ["A"], "unused": column}))


# Arrow's import of columns calls itself for each level: more of them were the end of the stack, and
# of the process.
@pytest.mark.parametrize("levels", [128, 1500])
def test_columns_that_nobody_uses_are_nested_within_bounds(levels: int) -> None:
    with pytest.raises(raftfast.Error, match="column 'unused': nested deeper than 128") as caught:
        raftfast.convert(nested(levels), io.BytesIO())
    assert caught.value.kind == "broken-input"
    assert raftfast.convert(nested(127), io.BytesIO()).written == 1


class Bare:
    """Has what is asked of it, and nothing else that files have."""

    def __init__(self, data: bytes) -> None:
        held = io.BytesIO(data)
        self.read, self.seek, self.tell = held.read, held.seek, held.tell


class Onward(io.BytesIO):
    """Says that it can be sought and cannot, as `fsspec` does of a page without a length."""

    def seek(self, place: int, whence: int = 0, /) -> int:
        if (place, whence) not in ((self.tell(), 0), (0, 1)):
            raise ValueError("Cannot seek streaming HTTP file")
        return place


FORMS = {"Parquet": as_parquet, "a stream": as_stream}
OF_EACH_FORM = pytest.mark.parametrize("held", FORMS.values(), ids=FORMS)
MAKERS = {"memory": io.BytesIO, "fsspec": in_fsspec, "short reads": Short, "no more": Bare}
FROM_EACH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def rows(source: Any, to: str, **options: Any) -> bytes:  # noqa: ANN401
    raftfast.convert(source, out := io.BytesIO(), to, **options)
    return out.getvalue()


@FROM_EACH
@OF_EACH_FORM
@pytest.mark.parametrize("to", ["chat", "completion", "hf"])
def test_an_object_of_columns_gives_the_rows_of_its_file(
    to: str, held: Callable[[pa.Table], bytes], make: Callable[[bytes], Any], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(held(TABLE))
    source = make(held(TABLE))
    assert rows(source, to) == rows(tmp_path / "in", to)
    assert not getattr(source, "closed", False)


@FROM_EACH
@OF_EACH_FORM
def test_an_object_of_columns_can_be_written_as_columns_again(
    held: Callable[[pa.Table], bytes], make: Callable[[bytes], Any], tmp_path: Path
) -> None:
    raftfast.convert(make(held(TABLE)), tmp_path / "out.parquet", "hf")
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == TABLE.to_pylist()


@OF_EACH_FORM
def test_an_object_of_columns_that_is_cut_is_an_error_that_names_it(
    held: Callable[[pa.Table], bytes],
) -> None:
    source = io.BytesIO(held(TABLE)[:-6])
    source.name = "s3://bucket/key"
    with pytest.raises(raftfast.Error, match=r"^s3://bucket/key: ") as caught:
        rows(source, "chat")
    assert caught.value.kind == "broken-input"


def test_an_object_of_columns_without_rows_is_an_error() -> None:
    with pytest.raises(raftfast.Error, match="holds no rows"):
        rows(io.BytesIO(as_parquet(TABLE.slice(0, 0))), "chat")


def test_an_object_of_columns_that_was_read_from_is_not_taken_for_whole() -> None:
    source = io.BytesIO(as_parquet(TABLE))
    source.read(1)
    with pytest.raises(raftfast.Error):
        rows(source, "chat")


def test_an_arrow_file_must_have_a_name() -> None:
    with pytest.raises(raftfast.Error, match="holds an Arrow file"):
        rows(io.BytesIO(as_file(TABLE)), "chat")


def test_an_object_of_lines_is_not_sought_to_its_end() -> None:
    class Counting(gzip.GzipFile):
        def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
            assert whence != io.SEEK_END
            return super().seek(offset, whence)

    line = json.dumps({"instruction": "I", "cot_answer": "A"}).encode() + b"\n"
    source = Counting(fileobj=io.BytesIO(gzip.compress(3 * line)))
    assert rows(source, "completion") == 3 * b'{"prompt":"I","completion":"A<STOP>"}\n'


# The first bytes were taken, and could not be given back.
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["lines", "gz"])
def test_an_object_that_can_only_be_read_on_is_read_as_a_stream(
    packed: Callable[[bytes], bytes],
) -> None:
    lines = b'{"instruction": "Q", "cot_answer": "A"}\n' * 3
    assert rows(Onward(packed(lines)), "chat") == rows(io.BytesIO(lines), "chat")


class Breaking(io.BytesIO):
    """A file that gives what it holds up to some place, and then raises."""

    error: BaseException = OSError()
    limit = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self.limit:
            raise self.error
        return super().read(size)


# They were called broken files, and an interrupt was an error without words.
@pytest.mark.parametrize("error", [TimeoutError("late"), ValueError("own"), KeyboardInterrupt()])
@pytest.mark.parametrize("limit", [9, 40])
@pytest.mark.parametrize("save", [as_parquet, as_stream])
def test_what_an_object_raises_comes_through(
    save: Callable[[pa.Table], bytes], error: BaseException, limit: int
) -> None:
    texts = [f"{number} {'x' * 99}" for number in range(9000)]
    data = save(pa.table({"instruction": texts, "cot_answer": texts}))
    source = Breaking(data)
    source.error, source.limit = error, len(data) * limit // 100
    with pytest.raises(type(error)) as caught:
        raftfast.convert(source, io.BytesIO())
    assert caught.value is error
    assert not isinstance(error.__cause__, type(error))


# Both were a broken input without words.
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_end_that_a_generator_of_batches_asks_for_comes_through(error: BaseException) -> None:
    table = pa.table({"instruction": ["Q"], "cot_answer": ["A"]})

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise error

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(type(error)) as caught:
        raftfast.convert(reader, io.BytesIO())
    assert caught.value is error
