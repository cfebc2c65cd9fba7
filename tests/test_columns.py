"""Columns from files: what they are, and that all rows come."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from conftest import jsonl, record
from pyarrow import ipc, parquet
from raftfast.columns import of_core, opened
from raftfast.errors import Error, UsageError
from raftfast.kinds import Kind, kind_of
from raftfast.parquet_files import BATCH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

from table_files import (
    EVERY_FORM,
    FORMS,
    STRINGS,
    TEXTS,
    WANTED,
    Form,
    chosen_from,
    fault,
    read,
    records,
    save_folder,
)

# What a path is -----------------------------------------------------------------------------------

HEADS: dict[str, tuple[bytes, Kind | None]] = {
    "Arrow file": (b"ARROW1\0\0\xff\xff\xff\xff", "arrow"),
    "Parquet": (b"PAR1\x15\x04\x15\x00", "parquet"),
    "encrypted Parquet": (b"PARE\x15\x04\x15\x00", "parquet"),
    "stream": (b"\xff\xff\xff\xff\x98\x02\0\0\x10\0\0\0", "arrows"),
    "stream that ends at once": (b"\xff\xff\xff\xff\0\0\0\0", None),
    "legacy stream": (b"\x0c\0\0\0\x08\0\0\0" + bytes(8), "arrows"),
    "legacy stream that ends at once": (bytes(8), None),
    "legacy stream longer than its file": (b"\x94\x02\0\0\x10\0\0\0", None),
    "nothing": (b"", None),
    "less than a magic number": (b"PAR", None),
    "JSON": (b'{"instruction": "ARROW1"}\n', None),
    "JSON with a mark": (b'\xef\xbb\xbf{"instruction": "PAR1"}\n', None),
    "JSON array": (b'[\n {"a": 1}]', None),
    "UTF-16": (('{"instruction": "a"}\n' * 50).encode("utf-16-le"), None),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(20), None),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(20), None),
    "skippable zstd frame": (b"\x54\x2a\x4d\x18\x08\0\0\0" + bytes(20), None),
    "bzip2": (b"BZh91AY&SY" + bytes(20), None),
    "xz": (b"\xfd7zXZ\0\0\x04" + bytes(20), None),
    "zeros": (bytes(100), None),
}


@pytest.mark.parametrize(("head", "kind"), HEADS.values(), ids=HEADS)
def test_first_bytes_tell_what_a_file_is(tmp_path: Path, head: bytes, kind: Kind | None) -> None:
    path = tmp_path / "named.jsonl"
    path.write_bytes(head)
    assert kind_of(str(path)) == kind


@EVERY_FORM
def test_names_tell_nothing(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus.jsonl"
    form.save(records(), path)
    assert kind_of(str(path)) == form.kind


def test_a_fifo_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "fifo.arrow"
    os.mkfifo(path)
    assert kind_of(str(path)) is None, "to open it would wait for a writer"


def test_what_is_not_there_is_no_columns(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path / "missing.parquet")) is None
    assert kind_of(str(tmp_path)) is None


def test_to_look_at_a_file_imports_no_pyarrow(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"{}\n")
    script = (
        "import sys; from raftfast.kinds import kind_of; kind_of(sys.argv[1]); "
        "sys.exit('pyarrow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)


# Rows ---------------------------------------------------------------------------------------------


@EVERY_FORM
def test_every_row_and_column_comes_through(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    assert read(path).to_pylist() == records().to_pylist()


@EVERY_FORM
def test_only_wanted_columns_are_read_and_nested_ones_whole(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    for wanted in (WANTED, ("context",), ("context", "missing")):
        table = read(path, wanted)
        assert set(table.column_names) == set(wanted) - {"missing"}
        assert table.to_pylist() == records().select(table.column_names).to_pylist()


@EVERY_FORM
def test_rows_are_counted_where_no_column_is_wanted(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    assert read(path, ["missing"]).num_rows == 40


@EVERY_FORM
def test_a_table_without_rows_is_one(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records().slice(0, 0), path)
    table = read(path, WANTED)
    assert table.num_rows == 0
    assert set(table.column_names) == set(WANTED)


@EVERY_FORM
def test_a_consumer_of_c_streams_gets_the_same(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    with opened(str(path), form.kind, None) as (_, columns):
        table = pa.RecordBatchReader.from_stream(columns).read_all()
    assert table.to_pylist() == records().to_pylist()


TYPES = {
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "dictionary of large strings": pa.dictionary(pa.int8(), pa.large_string()),
}


@pytest.mark.parametrize("form", ["arrow", "arrows", "parquet-snappy"])
@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
def test_strings_come_in_every_type(tmp_path: Path, form: str, type_: pa.DataType) -> None:
    strings = pa.array([*TEXTS, None] * 4).cast(type_)
    path = tmp_path / "corpus"
    FORMS[form].save(pa.table({"instruction": strings}), path)
    assert read(path, WANTED)["instruction"].to_pylist() == [*TEXTS, None] * 4


def test_a_dot_in_a_name_is_no_path(tmp_path: Path) -> None:
    table = pa.table({"instruction.old": ["a"], "instruction": ["b"], "cot_answer": ["c"]})
    parquet.write_table(table, tmp_path / "corpus")
    assert read(tmp_path / "corpus", WANTED).to_pylist() == [
        {"instruction": "b", "cot_answer": "c"}
    ]


@pytest.mark.parametrize(("size", "rows"), [(1_000_000, 24), (100, 20_000)])
def test_batches_of_a_row_group_are_small(tmp_path: Path, size: int, rows: int) -> None:
    texts = [f"{number}" + "x" * size for number in range(rows)]
    parquet.write_table(pa.table({"instruction": texts}), tmp_path / "corpus")
    with opened(str(tmp_path / "corpus"), "parquet", chosen_from(WANTED)) as (_, columns):
        sizes = [batch.nbytes for batch in columns]
    assert len(sizes) > 1
    assert max(sizes) < BATCH_BYTES * 1.5


def test_a_document_kept_once_for_all_rows_does_not_fill_the_memory(tmp_path: Path) -> None:
    texts = pa.array(["x" * 10_000] * 20_000)
    parquet.write_table(pa.table({"instruction": texts}), tmp_path / "corpus")
    assert (tmp_path / "corpus").stat().st_size < 10_000
    with opened(str(tmp_path / "corpus"), "parquet", chosen_from(WANTED)) as (_, columns):
        assert max(batch.nbytes for batch in columns) < 2 * BATCH_BYTES


# Folders of data sets -----------------------------------------------------------------------------


def test_a_folder_is_read_in_the_order_of_its_list(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "set", records(3), records(2), records(4))
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    order = [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert read(folder, ["id"])["id"].to_pylist() == [f"seed_task_{id_}" for id_ in order]


def test_datasets_writes_what_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset(records())
    dataset.save_to_disk(str(tmp_path / "one"), num_shards=3)
    dataset.select([5, 3, 8]).save_to_disk(str(tmp_path / "selected"))
    assert read(tmp_path / "one").to_pylist() == records().to_pylist()
    chosen = [f"seed_task_{number}" for number in (5, 3, 8)]
    assert read(tmp_path / "selected", ["id"])["id"].to_pylist() == chosen


def test_of_several_data_sets_one_has_to_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(UsageError, match=f"choose one of {tmp_path}/train, {tmp_path}/test"):
        kind_of(str(tmp_path))


STATES = {
    "cut": ('{"_data_files": [', "state.json is not JSON"),
    "deep": ("[" * 100_000, "state.json is not JSON"),
    "not UTF-8": ("\udcff", "state.json is not JSON"),
    "a list": ("[]", "state.json is not an object"),
    "without files": ("{}", "state.json names no files of its folder"),
    "with an empty list": ('{"_data_files": []}', "state.json names no files of its folder"),
    "with a list of names": ('{"_data_files": ["a"]}', "state.json names no files of its folder"),
    "with a number": (
        '{"_data_files": [{"filename": 1}]}',
        "state.json names no files of its folder",
    ),
    "elsewhere": ('{"_data_files": [{"filename": "../a"}]}', "state.json names no files of its"),
}


@pytest.mark.parametrize(("state", "message"), STATES.values(), ids=STATES)
def test_a_broken_list_of_files_is_an_error(tmp_path: Path, state: str, message: str) -> None:
    folder = save_folder(tmp_path / "set", records())
    (folder / "state.json").write_bytes(os.fsencode(state))
    assert fault(folder).startswith(message)


def test_a_broken_list_of_data_sets_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": "train"}')
    with pytest.raises(Error, match=r"dataset_dict\.json names no data sets"):
        kind_of(str(tmp_path))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "set", records(), records())
    (folder / "data-00001-of-00002.arrow").unlink()
    assert fault(folder) == "data-00001-of-00002.arrow: is missing, but named in state.json"


def test_shards_have_the_same_columns(tmp_path: Path) -> None:
    other = records().set_column(0, "id", pa.array([0] * 40))
    folder = save_folder(tmp_path / "set", records(), other)
    message = "data-00001-of-00002.arrow: has other columns than data-00000-of-00002.arrow"
    assert fault(folder) == message
    assert read(folder, WANTED).num_rows == 80, "a column that nobody reads may differ"


def test_a_broken_shard_is_named(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "set", records(), records())
    shard = folder / "data-00001-of-00002.arrow"
    shard.write_bytes(shard.read_bytes()[:-8])
    assert fault(folder).startswith("data-00001-of-00002.arrow: cannot be read as an Arrow stream")


def test_an_order_kept_in_indices_is_refused(tmp_path: Path) -> None:
    indices = [{"filename": "indices.arrow"}]
    folder = save_folder(tmp_path / "set", records(), _indices_data_files=indices)
    assert "flatten_indices()" in fault(folder)


# What can go wrong besides ------------------------------------------------------------------------


def test_failures_of_the_system_keep_their_class(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as caught, opened(str(path), "arrow", None):
        pass
    assert caught.value.filename == str(path)


def test_without_pyarrow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "corpus"
    FORMS["arrow"].save(records(), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        pytest.raises(UsageError, match=r"pip install 'raftfast\[arrow\]'"),
        opened(str(path), "arrow", None),
    ):
        pass


def test_a_pyarrow_that_cannot_be_loaded_is_named(raftfast: Run, folder: Path) -> None:
    (folder / "corpus").write_bytes(b"PAR1" * 4)
    (folder / "pyarrow.py").write_text("raise ImportError('no room', name='pyarrow.lib')")
    ended = raftfast("convert", "corpus", env={**os.environ, "PYTHONPATH": str(folder)})
    assert ended.stderr == b"raftfast: pyarrow.lib cannot be loaded: no room\n"
    assert ended.returncode == 1


@pytest.mark.parametrize("name", [b"caf\xe9", b"s3:", b"a\nb", b"x" * 255])
def test_any_name_can_be_opened(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    for form in FORMS.values():
        FORMS["arrow"].save(records(), tmp_path / "plain")
        form.save(records(), tmp_path / "plain")
        (tmp_path / "plain").rename(path)
        assert read(path, WANTED).num_rows == 40


# Columns of strings, which need no library --------------------------------------------------------

OWN = [
    form for form in FORMS if form.startswith("arrow") and form not in ("arrow-zstd", "arrow-lz4")
]


def converted(source: object, **options: Any) -> tuple[bytes, int]:  # noqa: ANN401
    """Convert, and return the rows and how many were filtered."""
    rows = io.BytesIO()
    ledger = raftfast.convert(source, rows, **options)
    return rows.getvalue(), sum(ledger.filtered.values())


@pytest.mark.parametrize("form", OWN)
@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()], ids=str)
@pytest.mark.parametrize("block_bytes", [1, 300, 1 << 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_strings_read_by_the_core_are_those_that_pyarrow_reads(
    tmp_path: Path, form: str, type_: pa.DataType, block_bytes: int, threads: int
) -> None:
    table = records(1000)
    for name in WANTED:
        number = table.column_names.index(name)
        table = table.set_column(number, name, table[name].cast(type_))
    path = tmp_path / "corpus"
    FORMS[form].save(table, path)
    assert of_core(str(path), FORMS[form].kind, chosen_from(WANTED)) is not None
    options: dict[str, Any] = {"to": "chat", "threads": threads, "block_bytes": block_bytes}
    assert converted(str(path), **options) == converted(table, to="chat")


@EVERY_FORM
def test_what_the_core_does_not_read_is_left_to_pyarrow(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "corpus"
    form.save(records(), path)
    own = form.kind == "parquet" or form in [FORMS[name] for name in OWN]
    assert (of_core(str(path), form.kind, chosen_from(WANTED)) is not None) == own
    assert of_core(str(path), form.kind, chosen_from(["context"])) is None
    assert of_core(str(path), form.kind, None) is None
    assert converted(str(path), to="chat") == converted(records(), to="chat")
    assert converted(str(path), to="hf") == converted(records(), to="hf")


@pytest.mark.parametrize("form", OWN)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by /proc")
def test_one_batch_of_any_size_is_read_in_parts(tmp_path: Path, form: str) -> None:
    table = pa.table({"instruction": ["q" * 5000] * 40_000, "cot_answer": ["a"] * 40_000})
    path = tmp_path / "corpus"
    new = ipc.new_file if FORMS[form].kind == "arrow" else ipc.new_stream
    with new(path, table.schema) as file:
        file.write_table(table)
    del table
    script = (
        "import raftfast, sys; raftfast.convert(sys.argv[1], sys.argv[2], threads=2)\n"
        "status = open('/proc/self/status').read().split()\n"
        "print(int(status[status.index('VmHWM:') + 1]) // 1024)"
    )
    command = [sys.executable, "-c", script, str(path), str(tmp_path / "rows.jsonl")]
    peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(peak) < 100  # MB; the batch has 200


def test_strings_need_no_pyarrow(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    FORMS["arrow"].save(records(), path)
    folder = save_folder(tmp_path / "set", records(), records(7))
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import raftfast\n"
        "print(*(raftfast.convert(path, '/dev/null').read for path in sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, str(path), str(folder)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"40 47\n"


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "arrow", "parquet"])
def test_a_stream_can_be_read_when_nothing_else_is_left_of_its_batches(
    tmp_path: Path, ending: str
) -> None:
    records, path = tmp_path / "records.jsonl", tmp_path / f"in.{ending}"
    raftfast.sample(records, 200_000)
    raftfast.convert(records, path, to="hf")
    reader = raftfast.read(path).to_pyarrow()
    gc.collect()
    assert reader.read_all().num_rows == len(raftfast.to_dataset(records))


def test_shards_with_other_columns_are_left_to_pyarrow(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "set", records(), records().select(["instruction"]))
    assert of_core(str(folder), "folder", chosen_from(WANTED)) is None


CHANGES: dict[str, Callable[[Path], None]] = {
    "shorter": lambda path: os.truncate(path, path.stat().st_size // 3),
    "longer": lambda path: os.truncate(path, path.stat().st_size + 1),
    "written again": lambda path: os.utime(path, (0, 0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_strings_that_change_meanwhile_are_an_error(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "corpus"
    FORMS["arrow"].save(STRINGS, path)
    columns = of_core(str(path), "arrow", chosen_from(WANTED))
    assert columns is not None
    (tmp_path / "rows").touch()
    change(path)
    with pytest.raises(Error, match="changed while it was being read") as caught:
        raftfast._raftfast.convert_files(  # noqa: SLF001 - the core itself
            [(str(path), columns)],
            str(tmp_path / "rows"),
            raftfast._raftfast.Converter("chat"),  # noqa: SLF001
        )
    assert caught.value.kind == "input-changed"


# Only what was nested counted.
@pytest.mark.parametrize("ending", ["arrow", "arrows", "parquet"])
def test_a_record_of_strings_may_be_as_long_as_one_of_lines(ending: str, tmp_path: Path) -> None:
    path, rows = tmp_path / f"in.{ending}", tmp_path / "rows"
    lines = [jsonl(record(instruction="q" * length)) for length in (9, 900_000, 2_000_000)]
    (tmp_path / "lines").write_bytes(b"".join(lines))
    raftfast.convert(tmp_path / "lines", path, "hf")
    assert raftfast.convert(path, rows, max_record_bytes=2_100_000).written == 3
    with pytest.raises(Error, match=r"row 3: record longer than 1000000 bytes") as caught:
        raftfast.convert(path, rows, max_record_bytes=1_000_000, threads=1)
    assert caught.value.kind == "record-too-long"
