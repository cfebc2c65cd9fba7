"""Parquet that the core reads itself, row group by row group, gives the rows that pyarrow gives."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from corpora import values_of
from pyarrow import parquet
from raftfast.columns import of_core
from table_files import FORMS, WANTED, chosen_from, records

if TYPE_CHECKING:
    from pathlib import Path


def converted(source: object, **options: Any) -> tuple[bytes, dict[str, int]]:  # noqa: ANN401
    """Convert, and return the rows and what was filtered."""
    rows = io.BytesIO()
    ledger = raftfast.convert(source, rows, **options)
    return rows.getvalue(), ledger.filtered


def is_by_core(path: Path, *wanted: str) -> bool:
    return of_core(str(path), "parquet", chosen_from(wanted or WANTED)) is not None


PARQUET = [name for name, form in FORMS.items() if form.kind == "parquet"]


@pytest.mark.parametrize("form", PARQUET)
@pytest.mark.parametrize("to", ["chat", "hf", "parts", "raft"])
@pytest.mark.parametrize(("threads", "block_bytes"), [(1, 1), (3, 300), (2, 1 << 20)])
def test_rows_are_those_of_the_table(
    tmp_path: Path, form: str, to: str, threads: int, block_bytes: int
) -> None:
    table, path = records(1000), tmp_path / "corpus"
    table = table.append_column("question", table["instruction"])
    FORMS[form].save(table, path)
    assert is_by_core(path, "question", *WANTED)
    options: dict[str, Any] = {"threads": threads, "block_bytes": block_bytes}
    assert converted(str(path), to=to, **options) == converted(table, to=to)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
@pytest.mark.parametrize(
    "type_",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_every_codec_and_type_of_string_gives_the_same(
    tmp_path: Path, compression: str, type_: pa.DataType
) -> None:
    table, path = records(), tmp_path / "corpus"
    for name in WANTED:
        number = table.column_names.index(name)
        table = table.set_column(number, name, table[name].cast(type_))
    parquet.write_table(table, path, compression=compression, row_group_size=7)
    # What is left to pyarrow is read by it.
    is_plain = type_ in {pa.string(), pa.large_string()}
    assert is_by_core(path) == (is_plain and compression not in {"brotli", "gzip"})
    assert converted(str(path)) == converted(records())


OTHERS: dict[str, dict[str, Any]] = {
    "in deltas": {"use_dictionary": False, "column_encoding": {"cot_answer": "DELTA_BYTE_ARRAY"}},
    "by two codecs": {"compression": {"cot_answer": "snappy", "instruction": "zstd"}},
}


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_what_is_rare_is_left_to_pyarrow(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "corpus"
    parquet.write_table(records().select([*WANTED]), path, **options)
    assert not is_by_core(path)
    assert converted(str(path)) == converted(records().select([*WANTED]))


def test_groups_that_are_too_large_for_one_worker_are_read_in_order(tmp_path: Path) -> None:
    table = pa.table(
        {
            "instruction": [f"{number} {'q' * (number % 97) * 100}" for number in range(9000)],
            "cot_answer": [None if number % 5 == 3 else f"a{number}" for number in range(9000)],
        }
    )
    for size in (500, 8000, 9000):
        path = tmp_path / f"{size}.parquet"
        parquet.write_table(table, path, row_group_size=size, use_dictionary=False)
        assert is_by_core(path)
        for threads in (1, 3):
            assert converted(str(path), threads=threads) == converted(table)


def test_rows_of_conversations_in_columns_are_the_same(tmp_path: Path) -> None:
    lines, path = tmp_path / "in.jsonl", tmp_path / "chat.parquet"
    raftfast.sample(lines, 300_000)
    raftfast.convert(lines, path)
    assert not is_by_core(path, "messages")
    table = parquet.read_table(path)
    for to in ("chat", "completion", "sharegpt", "raft"):
        options: dict[str, Any] = {"to": to, "check": "off", "on_error": "skip"}
        assert converted(str(path), **options) == converted(table, **options)


def test_a_rejected_answer_of_another_record_needs_two_readings(tmp_path: Path) -> None:
    lines, path = tmp_path / "in.jsonl", tmp_path / "in.parquet"
    raftfast.sample(lines, 300_000)
    raftfast.convert(lines, path, to="hf")
    assert is_by_core(path)
    options: dict[str, Any] = {"to": "trl-dpo", "rejected": "other"}
    rows, _ = converted(str(path), **options)
    assert values_of(rows) == values_of(converted(str(lines), **options)[0])


def test_json_in_strings_is_json_whoever_reads_it(tmp_path: Path) -> None:
    table = pa.table(
        {
            "instruction": ["q"] * 3,
            "cot_answer": pa.array(['"a"', "null", '"b\\u00e9"'], pa.json_()),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    assert converted(str(tmp_path / "in.parquet")) == converted(table)


def test_parquet_needs_no_pyarrow(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    FORMS["parquet-zstd"].save(records(), path)
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import raftfast\n"
        "print(raftfast.convert(sys.argv[1], '/dev/null').read)"
    )
    command = [sys.executable, "-c", script, str(path)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"40\n"


def test_a_column_that_is_there_twice_is_told(tmp_path: Path) -> None:
    table = pa.table([["q"], ["r"], ["a"]], names=["instruction", "instruction", "cot_answer"])
    path = tmp_path / "in.parquet"
    parquet.write_table(table, path)
    assert not is_by_core(path)
    with pytest.raises(raftfast.Error, match="several columns are called 'instruction'"):
        converted(str(path))


def test_text_that_is_not_utf8_is_an_error_of_its_file(tmp_path: Path) -> None:
    table = pa.table({"instruction": ["q!"] * 3, "cot_answer": ["a\u00e9"] * 3})
    path = tmp_path / "in.parquet"
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"q!", b"q\xff"))
    assert is_by_core(path)
    with pytest.raises(raftfast.Error) as caught:
        converted(str(path))
    assert caught.value.kind == "broken-input"
    assert str(caught.value).startswith(f"{path}: cannot be read as Parquet: ")


def test_a_page_that_was_changed_is_found_by_its_checksum(tmp_path: Path) -> None:
    table, path = pa.table({"instruction": ["qqqq"], "cot_answer": ["a"]}), tmp_path / "in.parquet"
    options: dict[str, Any] = {"compression": "none", "write_page_checksum": True}
    parquet.write_table(table, path, use_dictionary=False, write_statistics=False, **options)
    data = path.read_bytes()
    assert data.count(b"qqqq") == 1
    path.write_bytes(data.replace(b"qqqq", b"qqpq"))
    assert is_by_core(path)
    with pytest.raises(raftfast.Error, match="cannot be read as Parquet") as caught:
        converted(str(path))
    assert caught.value.kind == "broken-input"


def varint(number: int) -> bytes:
    """Write a number as Thrift does in its compact protocol, without a sign."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def footer_of(children: list[int]) -> bytes:
    """Write a file without rows, whose schema has elements that say how many are their own."""
    elements = b"".join(b"\x48\x01e\x15" + varint(2 * own) + b"\x00" for own in children)
    footer = b"\x15\x02\x19\xfc" + varint(len(children)) + elements + b"\x16\x00\x19\x0c\x00"
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    "children",
    [[1] * 100_000 + [0], [2**31 - 1, 0], [3, 0]],
    ids=["deep", "very many", "too many"],
)
def test_a_schema_that_announces_what_is_not_there_is_an_error(
    tmp_path: Path, children: list[int]
) -> None:
    path = tmp_path / "in.parquet"
    path.write_bytes(footer_of(children))
    assert not is_by_core(path)
    command = "import raftfast, sys\ntry: raftfast.convert(sys.argv[1], '/dev/null')\n"
    command += "except raftfast.Error as error: print(error.kind)"
    # In another process: it was a stack that overflowed.
    ended = subprocess.run(
        [sys.executable, "-c", command, str(path)], check=True, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("broken-input\n", "")


def test_json_without_a_schema_of_arrow_is_left_to_pyarrow(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"instruction": ["q"], "cot_answer": pa.array(['"a"'], pa.json_())})
    parquet.write_table(table, path, store_schema=False)
    assert not is_by_core(path)
    with path.open("rb") as file:
        assert converted(file) == converted(str(path))


def test_many_short_rows_are_no_one_worker_s(tmp_path: Path) -> None:
    rows = 600_000
    table = pa.table({"instruction": ["q"] * rows, "cot_answer": ["a"] * rows})
    path = tmp_path / "in.parquet"
    parquet.write_table(table, path)
    script = (
        "import raftfast, sys; raftfast.convert(sys.argv[1], '/dev/null', threads=4)\n"
        "status = open('/proc/self/status').read().split()\n"
        "print(int(status[status.index('VmHWM:') + 1]) // 1024)"
    )
    command = [sys.executable, "-c", script, str(path)]
    peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(peak) < 120  # MB; the rows have 150


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    FORMS["parquet-plain"].save(records(), path)
    columns = of_core(str(path), "parquet", chosen_from(WANTED))
    assert columns is not None
    os.utime(path, (0, 0))
    with pytest.raises(raftfast.Error, match="changed while it was being read") as caught:
        raftfast._raftfast.convert_files(  # noqa: SLF001 - the core itself
            [(str(path), columns)],
            io.BytesIO(),
            raftfast._raftfast.Converter("chat"),  # noqa: SLF001
        )
    assert caught.value.kind == "input-changed"


@pytest.mark.parametrize("compression", ["none", "snappy", "lz4", "zstd"])
def test_a_page_that_announces_too_much_is_an_error_and_takes_no_memory(
    tmp_path: Path, compression: str
) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"instruction": ["q" * 99], "cot_answer": ["a"]})
    parquet.write_table(
        table, path, compression=compression, use_dictionary=False, write_statistics=False
    )
    data = path.read_bytes()
    # Field 2 of the first header: how long its page is.
    size = data.index(b"\x15", 5) + 1
    assert data[4:6] == b"\x15\x00"
    length = 2 if data[size] & 0x80 else 1
    path.write_bytes(data[:size] + b"\xfe\xff\xff\xff\x0f" + data[size + length :])
    with pytest.raises(raftfast.Error) as caught:
        converted(str(path))
    assert caught.value.kind == "broken-input"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by setrlimit")
def test_under_a_limit_of_memory_a_page_too_large_is_told_and_no_abort(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"instruction": ["q" * 900_000] * 400, "cot_answer": ["a"] * 400})
    parquet.write_table(table, path, use_dictionary=False, compression="zstd")
    script = (
        "import resource, sys, raftfast, pyarrow.parquet\n"
        "resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))\n"
        "try: raftfast.convert(sys.argv[1], '/dev/null', threads=2)\n"
        "except (MemoryError, raftfast.Error) as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "memory" in ended.stdout.lower() or ended.stdout == ""
    assert ended.stderr == ""


def test_a_file_that_becomes_shorter_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    data = FORMS["parquet-plain"].save(records(), path)
    columns = of_core(str(path), "parquet", chosen_from(WANTED))
    assert columns is not None
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(raftfast.Error) as caught:
        raftfast._raftfast.convert_files(  # noqa: SLF001 - the core itself
            [(str(path), columns)],
            io.BytesIO(),
            raftfast._raftfast.Converter("chat"),  # noqa: SLF001
        )
    assert caught.value.kind == "input-changed"


def test_the_ledger_counts_rows_and_bytes_of_groups(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    FORMS["parquet-zstd"].save(records(1000), path)
    whole = raftfast.convert(records(1000), io.BytesIO(), to="chat")
    ledger = raftfast.convert(str(path), io.BytesIO(), to="chat")
    told = [json.loads(json.dumps(one.as_dict())) for one in (whole, ledger)]
    assert told[0]["read"] == told[1]["read"] == 1000
    assert told[0]["bytes_in"] == told[1]["bytes_in"]
