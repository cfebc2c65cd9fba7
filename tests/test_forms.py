"""Every form in and out: the same rows, read by others, and nothing left behind when it fails."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import threading
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from conftest import jsonl, record
from raftfast import _raftfast

pa = pytest.importorskip("pyarrow")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")
datasets = pytest.importorskip("datasets")
duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")
zstandard = pytest.importorskip("zstandard")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raftfast.choices import OutputType

TARGETS = ("chat", "completion", "eval", "hf")
OUTPUTS = ("o.jsonl.gz", "o.jsonl.zst", "o.arrow", "o.arrows", "o.parquet")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read rows with what others make of the form."""
    if path.suffix == ".parquet":
        return list(parquet.read_table(path).to_pylist())
    if path.suffix == ".arrow":
        return list(ipc.open_file(path).read_all().to_pylist())
    if path.suffix == ".arrows":
        return list(ipc.open_stream(path).read_all().to_pylist())
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def sample(folder: Path) -> Path:
    """Make a corpus of several portions of compressed rows, with text of every kind."""
    path = folder / "sample.jsonl"
    raftfast.sample(path, 9_000_000)
    with path.open("ab") as lines:
        odd = 'quote " back \\ slash / tab \t line \n null \x00 del \x7f ü \u2028 😀'
        lines.write(jsonl(record(cot_answer=f"{odd} <ANSWER>: {odd}", instruction=odd * 3)))
    return path


# The same rows, whatever the form ----------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("to", TARGETS)
def test_every_form_holds_the_rows_of_the_lines(to: str, output: str, sample: Path) -> None:
    lines = sample.with_name("lines.jsonl")
    expected = raftfast.convert(sample, lines, to=to)
    ledger = raftfast.convert(sample, sample.with_name(output), to=to)
    assert (ledger.read, ledger.written) == (expected.read, expected.written)
    assert rows_of(sample.with_name(output)) == rows_of(lines)


@pytest.mark.parametrize("output", OUTPUTS)
def test_bytes_do_not_depend_on_threads_blocks_or_the_source(output: str, sample: Path) -> None:
    packed = sample.with_name("packed.jsonl.gz")
    packed.write_bytes(gzip.compress(sample.read_bytes(), 1))
    made = set()
    for name, options in {
        "one thread": {"threads": 1},
        "three threads": {"threads": 3},
        "small blocks": {"block_bytes": 10_000},
    }.items():
        for source in (sample, packed, io.BytesIO(sample.read_bytes())):
            path = sample.with_name(f"{name}.{output}")
            raftfast.convert(source, path, **options)  # type: ignore[arg-type]
            made.add(path.read_bytes())
    assert len(made) == 1


@pytest.mark.parametrize("output", ["h.arrow", "h.arrows", "h.parquet", "h.jsonl.zst"])
@pytest.mark.parametrize("to", TARGETS)
def test_records_come_back_exactly_from_every_form(to: str, output: str, sample: Path) -> None:
    straight, around = sample.with_name("straight.jsonl"), sample.with_name("around.jsonl")
    raftfast.convert(sample, straight, to=to, escape="ascii")
    raftfast.convert(sample, sample.with_name(output), to="hf")
    raftfast.convert(sample.with_name(output), around, to=to, escape="ascii")
    # The rows of whole records have the spaces of the lines they were.
    assert around.read_bytes().replace(b" ", b"") == straight.read_bytes().replace(b" ", b"")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "gz of several members": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "zst of many frames": lambda data: b"".join(
        zstandard.ZstdCompressor().compress(data[at : at + 3_000_000])
        for at in range(0, len(data), 3_000_000)
    ),
    "a JSON array": lambda data: b"[\n" + data.strip().replace(b"\n", b" ,\n\n") + b"]\n",
    "a gz of a JSON array": lambda data: gzip.compress(
        b"[" + data.strip().replace(b"\n", b",") + b"]"
    ),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_what_a_file_holds_is_told_by_its_bytes(packer: str, sample: Path) -> None:
    straight, packed = sample.with_name("straight.jsonl"), sample.with_name("packed")
    raftfast.convert(sample, straight)
    packed.write_bytes(PACKERS[packer](sample.read_bytes()))
    for source in (packed, io.BytesIO(packed.read_bytes())):
        raftfast.convert(source, sample.with_name("rows.jsonl"), threads=3)
        assert sample.with_name("rows.jsonl").read_bytes() == straight.read_bytes()


def test_a_fault_in_the_third_frame_is_told_with_its_line_and_byte(folder: Path) -> None:
    lines = [jsonl(record(id=str(number))) for number in range(20_000)]
    lines[17_000] = b"{}}\n"
    data = b"".join(lines)
    pieces = [data[at : at + 3_000_001] for at in range(0, len(data), 3_000_001)]
    frames = b"".join(zstandard.ZstdCompressor().compress(piece) for piece in pieces)
    (folder / "c.zst").write_bytes(frames)
    with pytest.raises(raftfast.Error) as caught:
        raftfast.convert(folder / "c.zst", folder / "never.jsonl")
    place = (17_001, len(b"".join(lines[:17_000])) + 2)
    assert (caught.value.line, caught.value.offset) == place


# Read by others ----------------------------------------------------------------------------------


def test_datasets_reads_every_output_with_the_features_of_the_rows(sample: Path) -> None:
    text = datasets.Value("string")
    message = {"role": text, "content": text}
    for output, builder in (("o.jsonl", "json"), ("o.parquet", "parquet"), ("o.arrow", "arrow")):
        path = sample.with_name(output)
        raftfast.convert(sample, path)
        loaded = datasets.load_dataset(
            builder, data_files=str(path), split="train", cache_dir=str(sample.parent / "cache")
        )
        assert loaded.features == datasets.Features({"messages": datasets.List(message)}), output
        assert loaded.num_rows == len(rows_of(path))


def test_polars_and_duckdb_read_the_outputs(sample: Path) -> None:
    for output, scan in (("o.parquet", polars.read_parquet), ("o.arrow", polars.read_ipc)):
        path = sample.with_name(output)
        raftfast.convert(sample, path)
        assert scan(path).to_dicts() == rows_of(path)
    found = duckdb.read_parquet(str(sample.with_name("o.parquet"))).fetchall()
    assert len(found) == len(rows_of(sample.with_name("o.parquet")))


# Objects -----------------------------------------------------------------------------------------


def test_whatever_holds_columns_is_an_input(sample: Path) -> None:
    expected, made = sample.with_name("expected.jsonl"), sample.with_name("made.jsonl")
    raftfast.convert(sample, expected, escape="ascii")
    table = pa.Table.from_pylist(rows_of(sample))
    dataset = datasets.Dataset.from_list(rows_of(sample))
    holders = {
        "a table": table,
        "a slice of a table": pa.concat_tables([table.slice(0, 7), table.slice(7)]),
        "a frame with views": polars.DataFrame(table),
        "a frame with columns of nulls": polars.DataFrame(table).with_columns(
            answer=None, hops=[None]
        ),
        "a relation": duckdb.from_arrow(table),
        "a dictionary": table.set_column(
            table.column_names.index("type"), "type", table["type"].dictionary_encode()
        ),
        "a dataset": dataset,
        "a dataset with an order": dataset.select(range(len(dataset))),
        "batches": raftfast.read(sample, to="hf"),
    }
    for name, holder in holders.items():
        raftfast.convert(holder, made, escape="ascii")
        assert made.read_bytes() == expected.read_bytes(), name


def test_objects_are_read_and_written_like_files(sample: Path) -> None:
    raftfast.convert(sample, sample.with_name("expected.jsonl"))
    output = io.BytesIO()
    with sample.open("rb", buffering=0) as source:
        raftfast.convert(source, output)
    assert output.getvalue() == sample.with_name("expected.jsonl").read_bytes()


def test_what_an_object_raises_is_raised(sample: Path) -> None:
    class Broken(io.RawIOBase):
        def readinto(self, _: object) -> int:
            raise KeyError("mine")

        def write(self, _: object) -> int:
            raise KeyError("mine")

    for source, output in ((Broken(), sample.with_name("o")), (sample, Broken())):
        with pytest.raises(KeyError, match="mine"):
            raftfast.convert(source, output)
    assert not sample.with_name("o").exists()


def test_a_reader_of_an_object_can_be_dropped_while_it_is_read(sample: Path) -> None:
    def drop() -> None:
        for source in (io.BytesIO(sample.read_bytes()), polars.DataFrame(rows_of(sample))):
            batches = raftfast.read(source)
            next(iter(batches))
            del batches
            raftfast.read(io.BytesIO(sample.read_bytes()))

    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_batches_end_with_the_error_itself(folder: Path) -> None:
    (folder / "bad.jsonl").write_bytes(jsonl(record()) + b'{"instruction": 1}\n')
    batches = raftfast.read(folder / "bad.jsonl")
    with pytest.raises(raftfast.Error, match="line 2") as caught:
        list(batches)
    assert caught.value.kind == "wrong-type"
    with pytest.raises(raftfast.Error, match="line 2"):
        batches.check()


class Broken(io.RawIOBase):
    """Ends in a failure of the system, or in another one, after its first line."""

    def __init__(self, name: str, failure: Exception) -> None:
        self.name, self.failure = name, failure
        self.rest = jsonl(record())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        if not self.rest:
            raise self.failure
        part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


# The second time it was an error of another class.
@pytest.mark.parametrize("failure", [ValueError("boom"), OSError(errno.EIO, "boom")], ids=repr)
def test_what_ended_the_batches_is_raised_whenever_it_is_asked_for(failure: Exception) -> None:
    batches = raftfast.read(Broken("rows", failure))
    with pytest.raises(type(failure)):
        list(batches)
    for _ in range(3):
        with pytest.raises(type(failure), match="boom") as caught:
            batches.check()
        assert caught.value is failure


# What is wrong -----------------------------------------------------------------------------------

COLUMNS = {"instruction": ["Q"], "cot_answer": ["A"]}
NO_SOURCES: dict[str, tuple[Callable[[], object], str]] = {
    "rows that are streamed": (
        lambda: datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(),
        "an IterableDataset, which streams its rows: load it without streaming",
    ),
    "splits that are streamed": (
        lambda: datasets.IterableDatasetDict(
            train=datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset()
        ),
        "an IterableDatasetDict, which streams its rows",
    ),
    "a frame that is not there yet": (
        lambda: polars.LazyFrame(COLUMNS),
        r"a LazyFrame, which has no rows yet: collect\(\) it",
    ),
    "a record": (lambda: {"instruction": "Q"}, "a dict$"),
    "a number": (lambda: 5, "an int$"),
    "nothing": (lambda: None, "a NoneType$"),
}


@pytest.mark.parametrize(("make", "message"), NO_SOURCES.values(), ids=NO_SOURCES)
def test_what_has_nothing_to_read_is_called_what_it_is(
    make: Callable[[], object], message: str, folder: Path
) -> None:
    for source in (make(), [make()]):
        with pytest.raises(raftfast.UsageError, match=f"nothing to read from {message}"):
            raftfast.convert(source, folder / "o.jsonl")
        with pytest.raises(raftfast.UsageError, match=f"nothing to read from {message}"):
            raftfast.read(source)


NO_TABLES: dict[str, Callable[[], object]] = {
    "an array of strings": lambda: pa.array(["a"]),
    "chunks of strings": lambda: pa.chunked_array([["a"]]),
    "a series without a name": lambda: pytest.importorskip("polars").Series(["a"]),
    "structs, some of them null": lambda: pa.array([record(), None]),
}


@pytest.mark.parametrize("make", NO_TABLES.values(), ids=NO_TABLES)
def test_columns_that_are_no_table_are_a_usage_error(
    make: Callable[[], object], folder: Path
) -> None:
    with pytest.raises(raftfast.UsageError, match=r"^<\w+>: it is no table \(.+\): a table, "):
        raftfast.convert(make(), folder / "o.jsonl")
    assert not (folder / "o.jsonl").exists()


def bad_inputs(folder: Path) -> dict[str, tuple[str, str]]:
    """Make files that cannot be converted; give each with the words that tell why."""
    table = pa.Table.from_pylist([record(id=str(number)) for number in range(100)])
    whole = io.BytesIO()
    with ipc.new_stream(whole, table.schema) as stream:
        stream.write_table(table, max_chunksize=10)
    pq = io.BytesIO()
    parquet.write_table(table, pq)
    lines = jsonl(record()) * 50
    gz, zst = gzip.compress(lines), zstandard.ZstdCompressor(write_checksum=True).compress(lines)
    place = table.column_names.index("cot_answer")
    numbers = table.set_column(place, "cot_answer", pa.array(range(100)))
    files = {
        "cut.arrows": (whole.getvalue()[:-20], "cut.arrows: "),
        "broken.parquet": (pq.getvalue()[:-6] + b"xxPAR1", "broken.parquet: "),
        "crc.gz": (gz[:-8] + b"\0\0\0\0" + gz[-4:], "crc.gz: gzip: wrong checksum"),
        "short.zst": (zst[:-1], "short.zst: zstd: the file ends inside a frame"),
        "cut.json": (b"[" + lines.replace(b"\n", b",")[:-1], "cut.json: JSON array: "),
        "columns.gz": (gzip.compress(pq.getvalue()), "columns.gz: holds Parquet"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    for name, bad, words in (
        ("missing.parquet", table.drop_columns("cot_answer"), "no record has the field"),
        ("empty.parquet", table.slice(0, 0), "empty.parquet: holds no rows"),
        ("numbers.parquet", numbers.select(["instruction", "cot_answer"]), "column 'cot_answer'"),
    ):
        parquet.write_table(bad, folder / name)
        files[name] = (b"", words)
    return {name: (name, words) for name, (_, words) in files.items()}


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out.jsonl.gz"])
def test_bad_inputs_are_named_in_one_line_and_leave_the_old_output(
    output: str, folder: Path, raftfast: Callable[..., Any]
) -> None:
    for name, (path, words) in bad_inputs(folder).items():
        (folder / output).write_bytes(b"old")
        done = raftfast("convert", path, "-o", output)
        said = done.stderr.decode()
        assert (done.returncode, said.count("\n")) == (1, 1), (name, said)
        assert said.startswith(f"raftfast: {path}: "), said
        assert words in said
        assert (folder / output).read_bytes() == b"old"


def test_an_output_inside_of_a_data_set_that_is_read_is_refused(sample: Path) -> None:
    saved = sample.with_name("saved")
    datasets.Dataset.from_list(rows_of(sample)[:9]).save_to_disk(saved)
    before = {path: path.read_bytes() for path in saved.iterdir()}
    for output in ("data-00000-of-00001.arrow", "state.json", "new.jsonl"):
        with pytest.raises(raftfast.UsageError, match="is inside of input"):
            raftfast.convert(saved, saved / output)
    with pytest.raises(raftfast.UsageError, match="is inside of input"):
        raftfast.convert(saved, saved / "data.arrow", shards=1)
    assert {path: path.read_bytes() for path in saved.iterdir()} == before


def test_the_splits_of_a_saved_dictionary_are_not_mixed(sample: Path) -> None:
    rows = datasets.Dataset.from_list(rows_of(sample)[:9])
    datasets.DatasetDict(train=rows, test=rows).save_to_disk(sample.with_name("saved"))
    with pytest.raises(raftfast.UsageError, match=r"saved/train, .*saved/test"):
        raftfast.convert(sample.with_name("saved"), sample.with_name("o.jsonl"))
    with pytest.raises(raftfast.UsageError, match=r"saved/train, .*saved/test"):
        raftfast.read(sample.with_name("saved"))
    raftfast.convert(sample.with_name("saved") / "train", sample.with_name("o.jsonl"))


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_is_a_wrong_call(threads: int, sample: Path) -> None:
    for shards in (None, 2):
        with pytest.raises(raftfast.UsageError, match="at least 1"):
            raftfast.convert(sample, sample.with_name("o"), threads=threads, shards=shards)


def test_an_error_does_not_end_an_object_as_if_it_were_complete(sample: Path) -> None:
    with sample.open("ab") as lines:
        lines.write(b"{}}\n")
    kinds: tuple[OutputType, ...] = ("parquet", "arrows")
    for kind in kinds:
        output = io.BytesIO()
        with pytest.raises(raftfast.Error):
            raftfast.convert(sample, output, output_type=kind)
        assert not output.getvalue().endswith((b"PAR1", b"\xff\xff\xff\xff\0\0\0\0"))


def test_columns_of_shards_are_those_of_all_records(folder: Path) -> None:
    many = [record(id=str(number)) for number in range(2000)]
    (folder / "c.jsonl").write_bytes(jsonl(*many, record(extra=1.5)))
    raftfast.convert(folder / "c.jsonl", folder / "o.parquet", to="hf", shards=3)
    schemas = {str(parquet.read_schema(path)) for path in folder.glob("o-*.parquet")}
    assert len(schemas) == 1
    assert "extra: double" in schemas.pop()


def test_fields_are_missing_only_if_every_part_lacks_them(folder: Path) -> None:
    without: list[dict[str, object]] = [{"question": "Q", "context": "C"}] * 9
    answers: list[dict[str, object]] = [{"cot_answer": "A"}] * 9
    (folder / "c.jsonl").write_bytes(jsonl(*without, *answers))
    with pytest.raises(raftfast.Error, match=r"c\.jsonl: no record has the field 'instruction'"):
        raftfast.convert(folder / "c.jsonl", folder / "o.jsonl", shards=2, dialect="gorilla")


def test_a_module_called_datasets_is_no_harm(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", json)
    assert raftfast.convert(sample, sample.with_name("o")).read > 0


def test_digests_are_those_of_xxh3(folder: Path) -> None:
    (folder / "f").write_bytes(b"")
    assert _raftfast.digest(folder / "f") == "2d06800538d394c2"
