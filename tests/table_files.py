"""Tables in files of every kind, and what reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet
from raftfast.blame import MESSAGE_LIMIT
from raftfast.columns import opened
from raftfast.errors import Error
from raftfast.kinds import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


WANTED = ("instruction", "cot_answer")
TEXTS = ["", "plain", 'quoted " and \\', "zwölf — 文字 😀", "x" * 50]


def records(count: int = 40) -> pa.Table:
    """Make records whose columns differ in kind, with nulls among them."""
    rows = [
        {
            "id": f"seed_task_{number}",
            "context": {"title": [["t", "t"]], "sentences": [[TEXTS[number % 5], "other"]]},
            "cot_answer": None if number % 7 == 3 else f"{TEXTS[number % 4]} <ANSWER>: {number}",
            "instruction": f"{TEXTS[number % 5]} question {number}?",
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows)


STRINGS = pa.table({"instruction": ["first", "second!", "third text"], "cot_answer": ["a"] * 3})


# Files of every kind ------------------------------------------------------------------------------


def write_arrow(table: pa.Table, path: Path, **options: Any) -> None:  # noqa: ANN401
    with ipc.new_file(path, table.schema, options=ipc.IpcWriteOptions(**options)) as file:
        file.write_table(table, max_chunksize=15)


def write_arrows(table: pa.Table, path: Path, **options: Any) -> None:  # noqa: ANN401
    with ipc.new_stream(path, table.schema, options=ipc.IpcWriteOptions(**options)) as file:
        file.write_table(table, max_chunksize=15)


def write_parquet(table: pa.Table, path: Path, **options: Any) -> None:  # noqa: ANN401
    parquet.write_table(table, path, row_group_size=15, **options)


class Form(NamedTuple):
    """A way to keep a table in a file."""

    kind: Kind
    write: Callable[..., None]
    options: dict[str, Any] = {}  # noqa: RUF012 - of a tuple, and never changed

    def save(self, table: pa.Table, path: Path) -> bytes:
        """Write a table, and return the bytes of the file."""
        self.write(table, path, **self.options)
        return path.read_bytes()


FORMS = {
    "arrow": Form("arrow", write_arrow),
    "arrow-zstd": Form("arrow", write_arrow, {"compression": "zstd"}),
    "arrow-lz4": Form("arrow", write_arrow, {"compression": "lz4"}),
    "arrows": Form("arrows", write_arrows),
    "arrows-legacy": Form("arrows", write_arrows, {"use_legacy_format": True}),
    "parquet-snappy": Form("parquet", write_parquet),
    "parquet-zstd": Form("parquet", write_parquet, {"compression": "zstd"}),
    "parquet-plain": Form(
        "parquet", write_parquet, {"compression": "none", "use_dictionary": False}
    ),
    "parquet-checksum": Form("parquet", write_parquet, {"write_page_checksum": True}),
    "parquet-v2": Form("parquet", write_parquet, {"data_page_version": "2.0"}),
}
EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def save_folder(folder: Path, *shards: pa.Table, **state: object) -> Path:
    """Write a data set as ``save_to_disk`` does."""
    folder.mkdir()
    names = [f"data-{number:05}-of-{len(shards):05}.arrow" for number in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        write_arrows(shard, folder / name)
    listing = {"_data_files": [{"filename": name} for name in names], "_split": "train", **state}
    (folder / "state.json").write_text(json.dumps(listing))
    return folder


def chosen_from(wanted: Sequence[str] | None) -> Callable[[object], list[str]] | None:
    """Tell which columns are used, if these are, whatever the schema."""
    return None if wanted is None else lambda _: [*wanted]


def read(path: Path, wanted: Sequence[str] | None = None, kind: Kind | None = None) -> pa.Table:
    """Read all of a file as one who knows nothing of it would."""
    found = kind or kind_of(str(path))
    assert found is not None
    with opened(str(path), found, chosen_from(wanted)) as (name, columns):
        assert name == str(path)
        return pa.Table.from_batches(list(columns), columns.schema)


def fault(path: Path, wanted: Sequence[str] | None = None, kind: Kind | None = None) -> str:
    """Read what cannot be read, and return what is said about it, without the name of the file."""
    with pytest.raises(Error) as caught:
        read(path, wanted, kind)
    assert_clear(caught.value)
    return str(caught.value).removeprefix(f"{path}").lstrip("/: ")


def assert_clear(error: Error) -> None:
    assert error.kind == "broken-input"
    assert error.path is not None
    message = str(error)
    assert message.startswith(error.path)
    assert message.isprintable()
    assert len(message) < len(error.path) + MESSAGE_LIMIT + 60
