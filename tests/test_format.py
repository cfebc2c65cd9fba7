"""``raftfast.format`` is Gorilla's ``format.py``: the same flags, names and bytes.

The goldens were written by Gorilla's own program (see ``goldens/format/make.py``), which is not
needed here. If ``RAFTFAST_GORILLA_FORMAT`` is its path, made-up corpora are compared with it too.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import random
import signal
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import raftfast.format as drop_in
from conftest import jsonl, record
from gorilla import FORMATS, Gorilla, columns_of
from raftfast import __version__
from raftfast.errors import Error, UsageError
from raftfast.summary import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from datasets import Dataset

GOLDENS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "goldens/format").glob("*.json"))
    if path.stem != "versions"
}
SUCCEEDING = [(name, to) for name in GOLDENS for to in FORMATS if "rows" in GOLDENS[name][to]]
# Gorilla's `datasets` puts what no column holds into columns of JSON text.
IN_PARQUET = [case for case in SUCCEEDING if "arrow.json" not in str(GOLDENS[case[0]][case[1]])]
IN_COLUMNS = [case for case in SUCCEEDING if "arrow.json" not in str(GOLDENS[case[0]])]
FAILING = [(name, to) for name in GOLDENS for to in FORMATS if "error" in GOLDENS[name][to]]
WORDS = [
    "",
    " ",
    "\n",
    "é",
    "😀",
    "/",
    '"',
    "\\",
    "<ANSWER>: ",
    "a",
    "b\nc",
    "\u2028",
    "\x00",
    "2020",
]


def lines_of(name: str) -> bytes:
    return "".join(f"{line}\n" for line in GOLDENS[name]["input"]).encode()


def rows_of(name: str, to: str) -> bytes:
    return "".join(f"{row}\n" for row in GOLDENS[name][to]["rows"]).encode()


def convert(source: Path, to: str, *options: str, into: str = "rows", kind: str = "jsonl") -> None:
    """Run the program on lines or columns, by what the source is called."""
    asked = ["--input", str(source), "--output", into, "--output-format", to]
    asked += ["--input-type", "arrow" if "arrow" in source.name else "jsonl"]
    assert drop_in.run([*asked, "--output-type", kind, *options]) == 0


def converted(lines: bytes, to: str, *options: str) -> bytes:
    """Return the JSONL that the program writes, in the folder of the test."""
    Path("corpus.jsonl").write_bytes(lines)
    convert(Path("corpus.jsonl"), to, *options)
    return Path("rows.jsonl").read_bytes()


def as_columns(lines: bytes) -> Any:  # noqa: ANN401 - a pyarrow.Table
    paj = pytest.importorskip("pyarrow.json")
    pa = pytest.importorskip("pyarrow")
    return paj.read_json(pa.BufferReader(lines))


# Its bytes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "to"), SUCCEEDING)
def test_lines_are_gorillas_bytes(name: str, to: str, folder: Path) -> None:
    del folder
    assert converted(lines_of(name), to, *GOLDENS[name]["options"]) == rows_of(name, to)


@pytest.mark.parametrize(("name", "to"), IN_PARQUET)
def test_parquet_has_gorillas_values_and_schema(name: str, to: str, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    source = folder / "corpus.jsonl"
    source.write_bytes(lines_of(name))
    convert(source, to, *GOLDENS[name]["options"], kind="parquet")
    written = parquet.ParquetFile("rows.parquet")
    assert written.read().to_pylist() == [json.loads(row) for row in GOLDENS[name][to]["rows"]]
    assert columns_of(Path("rows.parquet")) == {
        key: GOLDENS[name][to][key] for key in ("types", "features")
    }
    assert written.metadata.row_group(0).column(0).compression == "SNAPPY"


@pytest.mark.parametrize(("name", "to"), IN_COLUMNS)
def test_columns_give_the_same_bytes_as_lines(name: str, to: str, folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    source = folder / "corpus.arrow"
    table = as_columns(lines_of(name))
    with pa.OSFile(str(source), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    convert(source, to, *GOLDENS[name]["options"])
    assert Path("rows.jsonl").read_bytes() == rows_of(name, to)


def test_parquet_of_objects_with_other_keys_has_all_of_them(folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (folder / "corpus.jsonl").write_bytes(lines_of("objects with other keys"))
    convert(folder / "corpus.jsonl", "hf", kind="parquet")
    assert parquet.read_table("rows.parquet")["m"].to_pylist() == [
        {"a": 1, "b": None},
        {"a": None, "b": "/"},
        {"a": None, "b": None},
        None,
    ]


@pytest.mark.parametrize("name", ["both shapes of context", "columns of mixed types"])
def test_parquet_of_mixed_types_is_an_error(name: str, folder: Path) -> None:
    (folder / "corpus.jsonl").write_bytes(lines_of(name))
    with pytest.raises(Error) as caught:
        convert(folder / "corpus.jsonl", "hf", kind="parquet")
    assert caught.value.kind == "mixed-types"
    assert [path.name for path in folder.iterdir()] == ["corpus.jsonl"]


@pytest.mark.parametrize(("name", "to"), FAILING)
def test_where_gorilla_fails_there_is_one_line_and_no_output(
    name: str, to: str, folder: Path
) -> None:
    with pytest.raises(Error) as caught:
        converted(lines_of(name), to, *GOLDENS[name]["options"])
    assert not isinstance(caught.value, UsageError)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["corpus.jsonl"]


@pytest.mark.skipif("RAFTFAST_GORILLA_FORMAT" not in os.environ, reason="needs Gorilla's program")
@pytest.mark.parametrize("seed", range(20))
def test_made_up_corpora_give_the_bytes_of_gorilla_itself(seed: int, folder: Path) -> None:
    pytest.importorskip("datasets")
    gorilla = Gorilla(os.environ["RAFTFAST_GORILLA_FORMAT"], folder)
    lines = made_up(random.Random(seed))  # noqa: S311 - no secret
    for to, outcome in gorilla.outcomes(lines.decode(), []).items():
        expected = "".join(f"{row}\n" for row in outcome["rows"]).encode()
        assert converted(lines, to) == expected


def jsonl_of(*records: Mapping[str, object]) -> bytes:
    return jsonl(*map(dict, records))


def made_up(chance: random.Random) -> bytes:
    """Make a corpus with a usual record first, so that some row is left."""
    names = ["id", "question", "context", "instruction", "cot_answer", "extra"]
    names += chance.sample(["answer", "completion", "final_answer", "gold_final_answer"], 2)
    chance.shuffle(names)

    def text() -> str | None:
        return (
            "".join(chance.choices(WORDS, k=chance.randrange(5))) if chance.random() > 0.1 else None
        )

    others = [{name: text() for name in names} for _ in range(50)]
    return jsonl_of(dict.fromkeys(names, "text"), *others)


# Its inputs ---------------------------------------------------------------------------------------


def as_array(lines: bytes) -> bytes:
    return b"[" + b",\n".join(lines.splitlines()) + b"]"


@pytest.mark.parametrize(
    ("source", "packed"),
    [
        pytest.param("corpus.jsonl.gz", gzip.compress, id="gz"),
        pytest.param("corpus.jsonl.bz2", bz2.compress, id="bz2"),
        pytest.param("corpus.jsonl.xz", lzma.compress, id="xz"),
        pytest.param("corpus.json", as_array, id="an array"),
        pytest.param("corpus.txt", lambda lines: b"\xef\xbb\xbf" + lines, id="byte order mark"),
        pytest.param(
            "corpus.txt", lambda lines: lines.replace(b"\n", b"\r\n\r\n"), id="CRLF, blank"
        ),
        pytest.param("corpus.txt", bytes.rstrip, id="no line end"),
    ],
)
@pytest.mark.parametrize("to", FORMATS)
def test_lines_come_in_many_wrappings(
    source: str, packed: Callable[[bytes], bytes], to: str, folder: Path
) -> None:
    (folder / source).write_bytes(packed(lines_of("late key")))
    convert(folder / source, to)
    assert Path("rows.jsonl").read_bytes() == rows_of("late key", to)


@pytest.mark.parametrize("to", FORMATS)
def test_a_quoted_pattern_is_all_its_files_in_order(to: str, folder: Path) -> None:
    for number, line in enumerate(lines_of("late key").splitlines(keepends=True)):
        (folder / f"part-{number}.jsonl").write_bytes(line)
    convert(folder / "part-*.jsonl", to)
    assert Path("rows.jsonl").read_bytes() == rows_of("late key", to)


@pytest.mark.parametrize("to", FORMATS)
def test_a_folder_of_save_to_disk_and_its_file_are_taken(to: str, folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    table = as_columns(lines_of("usual"))
    datasets.Dataset(table).save_to_disk(folder / "arrow", num_shards=2)
    convert(folder / "arrow", to)
    assert Path("rows.jsonl").read_bytes() == rows_of("usual", to)
    convert(folder / "arrow" / "data-*.arrow", to, into="again")
    assert Path("again.jsonl").read_bytes() == rows_of("usual", to)


def test_lines_taken_for_columns_are_told_apart(folder: Path) -> None:
    (folder / "corpus.jsonl").write_bytes(lines_of("usual"))
    with pytest.raises(Error, match="pass --input-type jsonl"):
        drop_in.run(["--input", "corpus.jsonl", "--output", "rows", "--output-format", "chat"])


def test_columns_taken_for_lines_are_told_apart(folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(as_columns(lines_of("usual")), folder / "corpus")
    with pytest.raises(Error, match="pass --input-type arrow"):
        convert(folder / "corpus", "chat")


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("lines", [b"", b"\n \n", b"[]"], ids=["empty", "blank", "empty array"])
def test_no_record_is_an_error(lines: bytes, to: str, folder: Path) -> None:
    del folder
    with pytest.raises(Error, match="no record"):
        converted(lines, to)


# What Gorilla does wrong --------------------------------------------------------------------------


SHORT: dict[str, object] = {
    "question": "q",
    "instruction": "d\nq",
    "cot_answer": "c",
    "context": "d",
}
ROW = b'{"prompt":"d\\nq","completion":"c<STOP>"}\n'


@pytest.mark.parametrize(
    ("lines", "to", "rows"),
    [
        pytest.param(
            jsonl({"day": "2020-01-01"}), "hf", b'{"day":"2020-01-01"}\n', id="dates stay text"
        ),
        pytest.param(
            jsonl({**SHORT, "cot_answer": "2020-01-01"}),
            "completion",
            ROW.replace(b"c<", b"2020-01-01<"),
            id="dates stay text, where Gorilla ends",
        ),
        pytest.param(
            b'{"x":0.30000000000000004,"y":2.5e-11}\n',
            "hf",
            b'{"x":0.30000000000000004,"y":2.5e-11}\n',
            id="floats keep their digits",
        ),
        pytest.param(
            jsonl({**SHORT, "prompt": "p"}),
            "chat",
            b'{"messages":[{"role":"user","content":"d\\nq"},'
            b'{"role":"assistant","content":"c"}]}\n',
            id="chat is not disturbed by a column that it does not use",
        ),
        pytest.param(
            jsonl({**SHORT, "context_sentences": "x"}),
            "eval",
            b'{"question":"q","gold_final_answer":"c","context":"d"}\n',
            id="nor is eval",
        ),
        pytest.param(
            jsonl({**SHORT, "answer": None}, *[{**SHORT, "answer": None}] * 1000)
            + jsonl({**SHORT, "answer": "z"}),
            "eval",
            b'{"question":"q","answer":null,"gold_final_answer":"c","final_answer":null,'
            b'"context":"d"}\n'
            * 1001
            + b'{"question":"q","answer":"z","gold_final_answer":"c","final_answer":"z",'
            b'"context":"d"}\n',
            id="an answer after a thousand nulls",
        ),
        pytest.param(
            b'{"question":"p","question":"q","instruction":"d\\nq","cot_answer":"c","context":"d"}\n',
            "completion",
            ROW,
            id="of duplicate keys the last one counts",
        ),
        pytest.param(
            jsonl({**SHORT, "odd": 1}, {**SHORT, "odd": "text"}, {**SHORT, "odd": [{}]}),
            "eval",
            b'{"question":"q","gold_final_answer":"c","context":"d"}\n' * 3,
            id="a column of mixed types that is not used",
        ),
    ],
)
def test_what_gorilla_corrupts_is_right(lines: bytes, to: str, rows: bytes, folder: Path) -> None:
    del folder
    assert converted(lines, to, "--output-chat-system-prompt", "") == rows


@pytest.mark.parametrize("to", FORMATS)
def test_a_key_that_first_appears_after_ten_megabytes_is_a_column(to: str, folder: Path) -> None:
    del folder
    padded = {**SHORT, "oracle_context": "x" * 1_000_000}
    lines = jsonl(*[padded] * 12, {**SHORT, "answer": "late"})
    last = json.loads(converted(lines, to).splitlines()[-1])
    first = json.loads(Path("rows.jsonl").read_bytes().splitlines()[0])
    assert list(first) == list(last)
    assert ("answer" in last) == (to in ("hf", "eval"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(b'{"instruction":"\\ud800","cot_answer":"c"}', "line 2", id="lone surrogate"),
        pytest.param(b'{"instruction":"\xff","cot_answer":"c"}', "line 2", id="not UTF-8"),
        pytest.param(b'{"instruction":5,"cot_answer":"c"}', "line 2", id="a number for a text"),
    ],
)
@pytest.mark.parametrize("to", ["completion", "chat"])
def test_a_bad_line_is_named_and_not_torn(line: bytes, message: str, to: str, folder: Path) -> None:
    with pytest.raises(Error, match=message):
        converted(jsonl(SHORT) + line + b"\n", to)
    assert [path.name for path in folder.iterdir()] == ["corpus.jsonl"]


# Its command line ---------------------------------------------------------------------------------


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raftfast.format", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_run_says_one_line_and_makes_the_folder(corpus: Path) -> None:
    asked = ["--input", corpus.name, "--input-type", "jsonl", "--output", "a/b/train.json"]
    done = program(corpus.parent, *asked, "--output-format", "chat")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("raftfast: 3 read = 2 written + 1 filtered (cot_answer null 1)")
    assert done.stderr.count("\n") == 1
    assert (corpus.parent / "a/b/train.json.jsonl").read_bytes().count(b"\n") == 2


FOLDERS = {
    "none of them": ((), ["bad.jsonl"]),
    "the first of them": (("a",), ["a", "bad.jsonl"]),
    "all of them": (("a", "a/b"), ["a", "a/b", "bad.jsonl"]),
}


@pytest.mark.parametrize("to", ["chat", "hf"])
@pytest.mark.parametrize(("there", "left"), FOLDERS.values(), ids=FOLDERS)
def test_after_an_error_the_folders_are_gone_that_were_made_for_the_output(
    there: tuple[str, ...], left: list[str], to: str, folder: Path
) -> None:
    (folder / "bad.jsonl").write_bytes(jsonl(record()) + b"{\n")
    for name in there:
        (folder / name).mkdir()
    with pytest.raises(Error, match="line 2"):
        convert(folder / "bad.jsonl", to, into="a/b/rows")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == left


def test_a_file_in_the_way_of_a_folder_is_told_and_stays(corpus: Path) -> None:
    (corpus.parent / "a").write_bytes(b"old")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        convert(corpus, "chat", into="a/b/rows")
    assert (corpus.parent / "a").read_bytes() == b"old"


@pytest.mark.parametrize("to", FORMATS)
def test_what_came_in_is_the_size_of_the_input(to: str, corpus: Path) -> None:
    asked = ["--input", corpus.name, "--input-type", "jsonl", "--output", "rows"]
    done = program(corpus.parent, *asked, "--output-format", to)
    rows = (corpus.parent / "rows.jsonl").stat().st_size
    sizes = f"{amount(corpus.stat().st_size)} in, {amount(rows)} out"
    assert done.stderr.startswith("raftfast: 3 read = ")
    assert sizes in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["--output-form", "chat"], 0, "3 read", id="flags may be cut short"),
        pytest.param(["--output-format", "zz"], 2, "invalid choice", id="unknown format"),
        pytest.param([], 2, "--output-format", id="no format"),
        pytest.param(["--output-format=chat", "--threads=0"], 2, "at least 1", id="no threads"),
        pytest.param(["--output-format", "chat", "--input-type", "arrow"], 1, "jsonl", id="type"),
        pytest.param(
            ["--output-format", "chat", "--input", "none"], 1, "No such file", id="no file"
        ),
        pytest.param(
            ["--output-format=completion", "--output-completion-prompt-column=id"],
            1,
            "column id",
            id="a taken name",
        ),
        pytest.param(
            ["--output-format=hf", "--output=corpus"], 2, "same file", id="output is input"
        ),
    ],
)
def test_every_ending_has_its_code_and_one_line(
    arguments: list[str], code: int, words: str, corpus: Path
) -> None:
    asked = ["--input", corpus.name, "--input-type", "jsonl", "--output", "rows", *arguments]
    done = program(corpus.parent, *asked)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert words in done.stderr


def test_when_all_is_filtered_the_reasons_are_counted(folder: Path) -> None:
    lines = jsonl(record(cot_answer=None), record(cot_answer=""), record(cot_answer=""))
    with pytest.raises(Error, match=r"all 3 are filtered .*cot_answer null 1") as caught:
        converted(lines, "chat")
    assert caught.value.kind == "no-rows"
    assert not (folder / "rows.jsonl").exists()


def test_help_and_version_are_no_failures(folder: Path) -> None:
    assert program(folder, "--help").returncode == 0
    assert program(folder, "--version").stdout == f"raftfast {__version__}\n"


def test_to_import_it_takes_neither_pyarrow_nor_datasets() -> None:
    heavy = {"pyarrow", "datasets", "pandas", "numpy", "tqdm", "orjson"}
    script = f"import sys, raftfast.format; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout == b"set()\n"


# Its names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        ("##begin_quote##\nno\n##end_quote##\n\n<ANSWER>: It was so.", "It was so."),
        ("<ANSWER>: a <ANSWER>: b ", "b "),
        ("no tag", "no tag"),
        ("<ANSWER>:b", "<ANSWER>:b"),
        ("", None),
        (None, None),
    ],
)
def test_the_final_answer_follows_the_last_tag(answer: str | None, final: str | None) -> None:
    assert drop_in.extract_final_answer(answer) == final


@pytest.mark.parametrize(
    ("instruction", "context"),
    [
        ("<DOCUMENT>a\nb</DOCUMENT>\nWhich? ", "<DOCUMENT>a\nb</DOCUMENT>"),
        ("one line", ""),
        ("text\n", "text"),
        ("a\r\nb", "a\r"),
        ("", ""),
    ],
)
def test_the_context_is_all_but_the_last_line(instruction: str, context: str) -> None:
    assert drop_in.extract_context(instruction) == context


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("a", "a.jsonl"),
        ("a.jsonl", "a.jsonl"),
        ("a.json", "a.json.jsonl"),
        ("jsonl", "jsonl.jsonl"),
    ],
)
def test_the_ending_is_appended_if_missing(path: str, named: str) -> None:
    assert drop_in.append_extension(path, "jsonl") == named


def test_the_names_that_gorillas_programs_import_are_here() -> None:
    assert drop_in.datasetFormats == ["hf", "completion", "chat", "eval"]
    assert drop_in.outputDatasetTypes == ["parquet", "jsonl"]
    assert drop_in.inputDatasetTypes == ["arrow", "jsonl"]
    converter = drop_in.DatasetConverter()
    assert list(converter.formats) == drop_in.datasetFormats
    assert list(converter.exporters) == drop_in.outputDatasetTypes
    names = "ds", "format", "output_path", "output_type", "params"
    assert tuple(signature(converter.convert).parameters) == names


# On Datasets --------------------------------------------------------------------------------------

FORMATTERS: dict[str, drop_in.DatasetFormatter] = drop_in.DatasetConverter().formats


@pytest.fixture(name="dataset")
def _dataset(folder: Path) -> Dataset:
    del folder
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_list([record(id=str(number)) for number in range(10)])


@pytest.mark.parametrize("kind", drop_in.outputDatasetTypes)
@pytest.mark.parametrize("to", FORMATS)
def test_a_dataset_gives_the_bytes_of_its_file(to: str, kind: str, folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (folder / "corpus.jsonl").write_bytes(lines_of("answers"))
    convert(folder / "corpus.jsonl", to, kind=kind)
    corpus = datasets.Dataset(as_columns(lines_of("answers")))
    drop_in.DatasetConverter().convert(corpus, to, "by name", kind, {})
    exporter = drop_in.DatasetConverter().exporters[kind]
    exporter.export(FORMATTERS[to].format(corpus), "in two steps")
    expected = read(folder / f"rows.{kind}")
    assert read(folder / f"by name.{kind}") == expected
    assert read(folder / f"in two steps.{kind}") == expected


def read(path: Path) -> object:
    if path.suffix != ".parquet":
        return path.read_bytes()
    parquet = pytest.importorskip("pyarrow.parquet")
    return columns_of(path), parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("to", FORMATS)
def test_a_selection_in_another_order_is_what_is_converted(to: str, dataset: Dataset) -> None:
    chosen = dataset.filter(lambda row: int(row["id"]) % 2 == 0).shuffle(seed=1)
    named = chosen.map(lambda row: {"instruction": f"{row['id']}\nq"})
    shuffled = named.select([4, 0, 2])
    drop_in.DatasetConverter().convert(shuffled, to, "rows", "jsonl", {})
    rows = Path("rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3
    wanted = shuffled["id"]
    assert all(f'"{id_}' in row for id_, row in zip(wanted, rows, strict=True))


def test_hf_is_the_dataset_itself(dataset: Dataset) -> None:
    assert FORMATTERS["hf"].format(dataset) is dataset


@pytest.mark.parametrize(
    ("to", "settings", "first"),
    [
        ("completion", {"prompt_column": "p", "stop": "!"}, ["p", "completion"]),
        ("chat", {"system_prompt": "s", "stop": "ignored"}, ["messages"]),
        ("eval", {}, ["question", "gold_final_answer", "context"]),
    ],
)
def test_formatters_return_datasets(
    to: str, settings: dict[str, str], first: list[str], dataset: Dataset
) -> None:
    formatted = FORMATTERS[to].format(dataset, **settings)
    assert isinstance(formatted, type(dataset))
    assert formatted.column_names == first
    assert len(formatted) == 10
    assert formatted.features == type(dataset).from_list(formatted.to_list()).features


def test_the_chat_formatter_leaves_an_empty_system_message_out(dataset: Dataset) -> None:
    formatted = FORMATTERS["chat"].format(dataset, system_prompt="")
    assert [message["role"] for message in formatted[0]["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize("to", ["completion", "chat", "eval"])
def test_a_dataset_without_rows_gives_one_without_rows(to: str, dataset: Dataset) -> None:
    formatted = FORMATTERS[to].format(dataset.select([]))
    assert len(formatted) == 0
    assert formatted.column_names == FORMATTERS[to].format(dataset).column_names


@pytest.mark.parametrize("to", ["completion", "chat", "eval"])
def test_a_dataset_of_which_no_row_is_left_is_an_error(to: str, dataset: Dataset) -> None:
    emptied = dataset.map(lambda _: {"cot_answer": ""})
    with pytest.raises(Error, match="cot_answer empty 10"):
        FORMATTERS[to].format(emptied)


@pytest.mark.parametrize(
    ("to", "kind", "message"),
    [("zz", "jsonl", "Output Format zz is not supported"), ("hf", "zz", "Output Type zz")],
)
def test_unknown_names_are_refused(to: str, kind: str, message: str, dataset: Dataset) -> None:
    with pytest.raises(UsageError, match=message):
        drop_in.DatasetConverter().convert(dataset, to, "rows", kind, {})


def test_what_is_no_dataset_is_refused(dataset: Dataset) -> None:
    with pytest.raises(TypeError, match="IterableDataset"):
        FORMATTERS["chat"].format(dataset.to_iterable_dataset())


def test_formatters_and_exporters_of_others_are_used(dataset: Dataset) -> None:
    class Upper(drop_in.OpenAiCompletionDatasetFormatter):
        def format(self, ds: Dataset, *args: Any, **params: Any) -> Dataset:  # noqa: ANN401
            formatted = super().format(ds, *args, **params)
            return formatted.map(lambda row: {"prompt": row["prompt"].upper()})

    class Kept(drop_in.DatasetExporter):
        def export(self, ds: Dataset, output_path: str) -> None:
            self.kept = output_path, ds[0]["prompt"]

    converter, exporter = drop_in.DatasetConverter(), Kept()
    converter.formats["upper"], converter.exporters["kept"] = Upper(), exporter
    converter.convert(dataset, "upper", "there", "kept", {"stop": ""})
    assert exporter.kept == ("there", str(record()["instruction"]).upper())


def test_a_record_of_the_wrong_type_is_told_with_its_row(dataset: Dataset) -> None:
    wrong = dataset.map(lambda row: {"question": int(row["id"])})
    with pytest.raises(Error, match="question"):
        FORMATTERS["eval"].format(wrong)


def test_the_signals_of_a_program_that_runs_it_are_left_alone(folder: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    (folder / "corpus.jsonl").write_bytes(lines_of("usual"))
    convert(folder / "corpus.jsonl", "chat")
    assert [signal.getsignal(number) for number in numbers] == before
