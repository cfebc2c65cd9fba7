"""The library takes what Python has, says what is wrong, and keeps its bounds."""

from __future__ import annotations

import array
import copy
import io
import mmap
import multiprocessing
import os
import pickle
import re
import subprocess
import sys
from functools import partial
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = b'{"instruction": "Q", "cot_answer": "A"}\n'
ROW = b'{"prompt":"Q","completion":"A<STOP>"}\n'


@pytest.fixture(name="corpus")
def _corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    raftfast.sample(path, 20_000_000)
    return path


@pytest.mark.parametrize(
    "buffer",
    [
        pytest.param(bytes, id="bytes"),
        pytest.param(bytearray, id="bytearray"),
        pytest.param(memoryview, id="memoryview"),
        pytest.param(
            lambda data: memoryview(data + data)[:: 2 * len(data)][:0], id="empty strided"
        ),
        pytest.param(lambda data: array.array("B", data), id="array"),
    ],
)
def test_any_buffer_is_taken(buffer: Callable[[bytes], bytes]) -> None:
    expected = ROW if len(buffer(LINE)) else b""
    assert raftfast.Converter("completion").convert_bytes(buffer(LINE)) == expected


def test_a_mapped_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(LINE * 10)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert raftfast.Converter("completion").convert_bytes(mapped) == ROW * 10


@pytest.mark.parametrize("value", ["text", 5, None, [1]], ids=str)
def test_what_is_no_buffer_is_a_type_error(value: bytes) -> None:
    with pytest.raises(TypeError):
        raftfast.Converter("chat").convert_bytes(value)


def test_an_error_keeps_its_place_when_it_crosses_to_another_process() -> None:
    with pytest.raises(raftfast.Error) as caught:
        raftfast.Converter("chat").convert_bytes(LINE + b"{]\n")
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made a line above
    assert (copied.kind, copied.path, copied.line, copied.offset) == ("syntax", "<bytes>", 2, 41)
    assert str(copied) == str(caught.value)


def test_an_error_in_columns_keeps_its_row_when_it_crosses_to_another_process() -> None:
    table = pa.table({"instruction": ["Q", "q" * 100], "cot_answer": ["A", "a"]})
    with pytest.raises(raftfast.Error) as caught:
        raftfast.convert(table, io.BytesIO(), max_record_bytes=50)
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made a line above
    assert (copied.kind, copied.path, copied.row) == ("record-too-long", "<Table>", 2)
    assert (copied.line, copied.offset) == (None, None)


@pytest.mark.parametrize(
    "opened",
    [
        pytest.param(io.StringIO, id="text in memory"),
        pytest.param(lambda: io.TextIOWrapper(io.BytesIO()), id="text in a file"),
        pytest.param(partial(NamedTemporaryFile, "w"), id="a temporary file"),
        pytest.param(partial(SpooledTemporaryFile, mode="w"), id="a spooled file"),
    ],
)
def test_an_output_that_takes_text_is_refused_with_what_to_do(
    opened: Callable[[], Any], folder: Path
) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    output = opened()
    with pytest.raises(
        raftfast.UsageError, match="was opened as text: open it with 'wb', as bytes"
    ):
        raftfast.convert("in.jsonl", output)
    output.close()


def test_a_ledger_crosses_to_another_process_whole(folder: Path) -> None:
    for name in ("a", "b"):
        lines = LINE * 20 + b'{"instruction": "Q", "cot_answer": null}\n{"instruction": 1}\n'
        (folder / f"{name}.jsonl").write_bytes(lines)
    with pytest.warns(raftfast.RuleWarning):
        ledger = raftfast.convert(
            ["a.jsonl", "b.jsonl"], "out.jsonl", "openai", shard_size=400, on_error="skip"
        )
    copied = pickle.loads(pickle.dumps(ledger))  # noqa: S301 - made a line above
    assert copied.as_dict() == ledger.as_dict()
    assert copied.rows == ledger.rows != []
    told = [(name, account.as_dict()) for name, account in ledger.inputs]
    assert [(name, account.as_dict()) for name, account in copied.inputs] == told != []
    lenient = raftfast.Ledger.total([ledger, copied], 1.0)
    assert pickle.loads(pickle.dumps(lenient)).missing == lenient.missing  # noqa: S301


# With several outputs it was told of a line of the library.
@pytest.mark.parametrize("options", [{}, {"shards": 2}, {"shard_size": 500}], ids=str)
def test_a_warning_is_told_of_the_line_that_called(options: dict[str, Any], folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE * 9)
    with pytest.warns(raftfast.RuleWarning) as told:
        raftfast.convert("in.jsonl", "out.jsonl", "openai", **options)
    assert {warning.filename for warning in told} == {__file__}


def test_a_converter_crosses_to_processes_that_are_started_afresh() -> None:
    converter = raftfast.Converter("completion", stop="!", on_error="skip", settings={})
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rows = pool.map(converter.convert_bytes, [LINE * 2, b"{]\n" + LINE])
    assert rows == [converter.convert_bytes(LINE) * times for times in (2, 1)]
    assert b"!" in rows[0]


@pytest.mark.parametrize(
    "converter",
    [
        pytest.param(raftfast.Converter(), id="defaults"),
        pytest.param(raftfast.Converter("text", template="llama2", system="S"), id="template"),
        pytest.param(raftfast.Converter("openai", check="strict", answer="either"), id="policies"),
        pytest.param(
            raftfast.Converter.from_toml(
                raftfast.Converter.target_file("completion"), settings={"stop": "!"}
            ),
            id="text of a target",
        ),
    ],
)
def test_a_converter_that_was_pickled_or_copied_writes_the_same_rows(
    converter: raftfast.Converter,
) -> None:
    rows = converter.convert_bytes(LINE)
    pickled = pickle.loads(pickle.dumps(converter))  # noqa: S301 - made a line above
    for same in (pickled, copy.copy(converter), copy.deepcopy(converter)):
        assert same.ledger.read == 0
        assert same.convert_bytes(LINE) == rows != b""
        assert pickle.dumps(same) == pickle.dumps(converter)


# A cache knew a converter by the name of its file, whatever that held by then.
@pytest.mark.parametrize("options", [{"to": "my.toml"}, {"to": "text", "template": "my.jinja"}])
def test_a_converter_of_files_is_pickled_with_what_they_were(
    options: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "my.toml").write_text(raftfast.Converter.target_file("completion"))
    (folder / "my.jinja").write_text("{{ messages[0].content }}")
    (folder / "elsewhere").mkdir()
    converter = raftfast.Converter(**options)
    pickled = pickle.dumps(converter)
    monkeypatch.chdir("elsewhere")
    again = pickle.loads(pickled)  # noqa: S301 - made a line above
    assert again.convert_bytes(LINE) == converter.convert_bytes(LINE)
    for name in ("my.toml", "my.jinja"):
        with (folder / name).open("a") as file:
            file.write("\n")
    monkeypatch.chdir(folder)
    assert pickle.dumps(raftfast.Converter(**options)) != pickled
    with pytest.raises(raftfast.UsageError, match="is not what it was when the converter was made"):
        pickle.loads(pickled)  # noqa: S301


def test_a_converter_of_a_built_in_name_is_none_of_a_file_of_that_name(folder: Path) -> None:
    (folder / "chat").write_text("x")
    (folder / "llama2").write_text("x")
    for converter in (raftfast.Converter(), raftfast.Converter("text", template="llama2")):
        pickled = pickle.dumps(converter)
        assert b"/" not in pickled
        again = pickle.loads(pickled)  # noqa: S301
        assert again.convert_bytes(LINE) == converter.convert_bytes(LINE)


def test_a_converter_with_answers_of_other_records_is_not_pickled(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE * 2)
    converter = raftfast.Converter("openai-dpo", rejected="other").with_others(["in.jsonl"])
    with pytest.raises(TypeError, match="answers of other records"):
        pickle.dumps(converter)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"to": "chatt"}, id="target"),
        pytest.param({"to": "eval", "stop": "x"}, id="setting"),
        pytest.param({"to": "completion", "prompt_key": "completion"}, id="equal keys"),
        pytest.param({"escape": "html"}, id="escape"),
        pytest.param({"on_error": "ignore"}, id="policy"),
    ],
)
def test_a_wrong_option_is_a_usage_error_and_a_value_error(options: dict[str, str]) -> None:
    with pytest.raises(raftfast.UsageError) as caught:
        raftfast.Converter(**options)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
    assert caught.value.kind == "usage"


def test_a_cpu_path_that_does_not_exist_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAFTFAST_CPU", "mmx")
    with pytest.raises(raftfast.UsageError, match="avx512, avx2 or portable"):
        raftfast.Converter("chat")


def test_what_progress_raises_ends_the_run_and_is_raised(corpus: Path, tmp_path: Path) -> None:
    def refuse(_done: int, _total: int | None) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        raftfast.convert(corpus, tmp_path / "out", progress=refuse)
    assert not (tmp_path / "out").exists()


def test_progress_is_told_of_all_bytes(corpus: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    raftfast.convert(corpus, tmp_path / "out", progress=lambda *bytes_: told.append(bytes_))
    assert told
    assert {total for _, total in told} == {corpus.stat().st_size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# A run that was over at once, or on a machine that was busy, told nothing.
def test_progress_ends_with_all_bytes_however_few(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    for _ in range(20):
        told: list[tuple[int, int | None]] = []
        raftfast.convert("in.jsonl", "out", progress=lambda *bytes_: told.append(bytes_))  # noqa: B023
        assert told[-1] == (len(LINE), len(LINE))


@pytest.mark.parametrize("threads", [2, 16])
def test_memory_does_not_grow_with_the_input(threads: int, tmp_path: Path) -> None:
    """The bounds promised: 64 MB over the interpreter at 2 threads, 100 MB in all at 16."""
    script = (
        "import raftfast, resource, sys\n"
        f"raftfast.convert(sys.argv[1], sys.argv[2], threads={threads})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for megabytes in (20, 200):
        path = tmp_path / f"{megabytes}.jsonl"
        raftfast.sample(path, megabytes * 1_000_000)
        command = [sys.executable, "-c", script, str(path), str(tmp_path / "out")]
        # From a bare interpreter: Linux counts the peak of the parent for the child.
        bare = f"import subprocess; print(subprocess.check_output({command!r}, text=True))"
        peaks.append(int(subprocess.check_output([sys.executable, "-I", "-c", bare])))
    assert max(peaks) < 100_000
    assert peaks[1] < peaks[0] + 30_000


def test_import_changes_nothing_and_loads_no_heavy_module() -> None:
    script = (
        "import os, sys, logging, signal\n"
        "before = dict(os.environ), logging.root.handlers[:], signal.getsignal(signal.SIGINT)\n"
        "import raftfast\n"
        "assert before == (dict(os.environ), logging.root.handlers, "
        "signal.getsignal(signal.SIGINT))\n"
        "print(*{'click', 'pyarrow', 'tqdm', 'orjson', 'asyncio'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", script]).split() == []


def test_the_command_has_dealt_with_ctrl_c_before_it_loads_anything() -> None:
    script = (
        "import _signal, sys; before = set(sys.modules)\n"
        "def told(*_): print(*set(sys.modules) - before); sys.exit()\n"
        "_signal.signal = told\n"
        "import raftfast_command; raftfast_command.main()"
    )
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert loaded.split() == ["raftfast_command"]


@pytest.mark.parametrize("module", ["click", "raftfast"])
def test_what_cannot_be_loaded_is_one_line(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("raise ImportError('a\\nb\\x1b')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "--version"], env=environment, capture_output=True, check=False
    )
    said = b"raftfast: cannot be loaded: a\\nb\\x1b\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", said)


CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "a seed below nothing": ({"seed": -1}, "seed is -1; it must be between 0 and 2"),
    "fewer rows than none": ({"expect_rows": -1}, "expect_rows is -1; it must be between 0"),
    "no thread": ({"threads": 0}, "threads is 0; it must be at least 1"),
    "more threads than can be": ({"threads": 10**30}, "it must be at least 1 and below 2^32"),
    "blocks of nothing": ({"block_bytes": 0}, "block_bytes is 0; it must be at least 1"),
    "records of less than nothing": (
        {"max_record_bytes": -1},
        "max_record_bytes is -1; it must be at least 1 and below 2^63",
    ),
    "a size in words": (
        {"shard_size": "100kB"},
        "shard_size is '100kB'; it must be a whole number",
    ),
    "half a shard": ({"shards": 1.5}, "shards is 1.5; it must be a whole number"),
    "shares in words": (
        {"output": "out/", "split": "50,50"},
        "split is '50,50'; it must be numbers",
    ),
}


# They were errors from inside, or told when all was converted.
@pytest.mark.parametrize(("given", "told"), CALLS.values(), ids=CALLS)
def test_a_call_that_makes_no_sense_is_refused_before_any_work(
    given: dict[str, Any], told: str, folder: Path
) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    options = {"output": "out.jsonl", **given}
    with pytest.raises(raftfast.UsageError, match=re.escape(told)):
        raftfast.convert("in.jsonl", **options)
    assert [path.name for path in folder.iterdir()] == ["in.jsonl"]


# They were errors of other classes than a wrong call is.
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"size": -1}, "size is -1; it must be between 0 and 2^63"),
        ({"size": 1, "seed": -1}, "seed is -1; it must be between 0 and 2^64"),
        ({"size": 1, "style": "plain"}, "no style 'plain'; there are escaped and utf8"),
    ],
)
def test_a_sample_that_makes_no_sense_is_refused(
    given: dict[str, Any], told: str, folder: Path
) -> None:
    with pytest.raises(raftfast.UsageError, match=re.escape(told)):
        raftfast.sample("corpus.jsonl", **given)
    assert list(folder.iterdir()) == []


def test_rows_that_are_read_with_numbers_that_make_no_sense_are_refused(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    for given in ({"threads": 0}, {"max_record_bytes": -1}, {"seed": -1}):
        with pytest.raises(raftfast.UsageError, match=f"{next(iter(given))} is -?[01]; it must be"):
            raftfast.read("in.jsonl", **given)  # type: ignore[arg-type]


# It named a second file, that was None.
def test_an_error_of_an_output_names_one_file(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    with pytest.raises(FileNotFoundError) as caught:
        raftfast.convert("in.jsonl", "missing/out.jsonl")
    assert str(caught.value) == "[Errno 2] No such file or directory: 'missing/out.jsonl'"


# Names were kept once and for all, and after a thousand of them there were no others.
def test_rules_keep_their_names_however_many_names_were_given(folder: Path) -> None:
    for number in range(1100):
        raftfast.Converter("openai-dpo", rejected=f"key {number}")
    (folder / "rows.jsonl").write_bytes(b"{}\n")
    (folder / "mine.toml").write_text(
        "name = 'mine'\nneeds = ['question']\nrow = '{\"a\": \"{question}\"}'\n"
        "[rules.names]\nmissing_key = 'no_a'\n"
    )
    verdict = raftfast.validate("rows.jsonl", to="mine.toml")
    assert {problem.rule for problem in verdict.problems} == {"no_a"}


# It was taken for the files of a Dataset.
def test_a_frame_may_have_a_column_of_any_name(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    row = {"instruction": ["Q"], "cot_answer": ["A"], "cache_files": ["x"], "name": ["y"]}
    assert raftfast.convert(pandas.DataFrame(row), "out.jsonl").written == 1
    assert (folder / "out.jsonl").exists()


def test_a_file_that_was_opened_as_text_is_no_input(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(LINE)
    refused = pytest.raises(raftfast.UsageError, match="open it with 'rb'")
    with (folder / "in.jsonl").open() as text, refused:
        raftfast.convert(text, "out.jsonl")


@pytest.mark.usefixtures("folder")
def test_a_dataset_without_rows_is_an_error_as_any_table_is() -> None:
    datasets = pytest.importorskip("datasets")
    empty = datasets.Dataset.from_dict({"instruction": [], "cot_answer": []})
    with pytest.raises(raftfast.Error, match="holds no rows"):
        raftfast.convert(empty, "out.jsonl")


WRONG_CALLS: dict[str, dict[str, Any]] = {
    "no inputs": {"inputs": []},
    "an input of no kind": {"inputs": 5},
    "no threads": {"threads": 0},
    "no such target": {"to": "chatt"},
    "no such dialect": {"dialect": "x"},
    "a date that nothing asks for": {"date": "today"},
    "rejects of what is not skipped": {"rejects": "r"},
}


@pytest.mark.parametrize("given", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_of_one_kind_whoever_says_so(
    given: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(raftfast.UsageError) as caught:
        raftfast.convert(**{"inputs": corpus, "output": tmp_path / "o", **given})
    assert caught.value.kind == "usage"
