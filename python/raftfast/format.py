"""The same program as Gorilla's ``format.py``: its flags, its names, its bytes.

On the command line, ``python -m raftfast.format`` takes the place of ``python format.py``. In a
program, ``from raftfast.format import DatasetConverter`` does: it takes a ``datasets.Dataset``.
"""

# To import pathlib takes 10 ms, and datasets a second. Some names are Gorilla's.
# ruff: noqa: PTH102, PTH106, PTH112, PTH120, PLC0415, A002, N816, PTH113

from __future__ import annotations

import argparse
import os
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar, get_args

from raftfast import __version__, _raftfast, endings
from raftfast.endings import Ended
from raftfast.errors import Error, UsageError
from raftfast.files import published, uninterrupted
from raftfast.gorilla import SYSTEM_PROMPT, TAG, TARGETS, Columns, DatasetFormat
from raftfast.paths import STANDARD, check_readable, refuse_clashes
from raftfast.read import batches_of
from raftfast.sources import naming, opened
from raftfast.summary import summary
from raftfast.tables import of_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset
    from pyarrow import Schema

    from raftfast._raftfast import Converter, Ledger
    from raftfast.choices import Compression
    from raftfast.sources import Source

OutputDatasetType: TypeAlias = Literal["parquet", "jsonl"]
"""What ``--output-type`` takes."""
InputDatasetType: TypeAlias = Literal["arrow", "jsonl"]
"""What ``--input-type`` takes."""

outputDatasetTypes: list[OutputDatasetType] = list(get_args(OutputDatasetType))
"""All of ``OutputDatasetType``."""
inputDatasetTypes: list[InputDatasetType] = list(get_args(InputDatasetType))
"""All of ``InputDatasetType``."""
datasetFormats: list[DatasetFormat] = list(get_args(DatasetFormat))
"""All of ``DatasetFormat``: what ``--output-format`` takes."""

default_chat_system_prompt = SYSTEM_PROMPT
"""The text of the system message, unless another is given."""

_COMPRESSION: Mapping[OutputDatasetType, Compression] = {
    "jsonl": "none",
    "parquet": "snappy",
}


# The program --------------------------------------------------------------------------------------


def main() -> int:
    """Run the command line of this process, and return the exit code for it."""
    return endings.run(lambda: _ended(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks for.

    Args:
        arguments: Those of Gorilla's ``format.py``, without the name of the program.

    Returns:
        The exit code of a run that came to its end.

    Raises:
        Error: The input is malformed, or no row is left.
        UsageError: The arguments make no sense.
        OSError: A file cannot be read or written.

    """
    return _ended(arguments).told()


def _ended(arguments: Sequence[str]) -> Ended:
    try:
        asked = _parser().parse_args(arguments)
    except SystemExit as end:  # after --help and --version
        return Ended(int(end.code or 0))
    ledger = _converted(asked)
    endings.outcome_stands()
    return Ended(last=(summary(ledger),))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _parser() -> _Parser:
    """List Gorilla's arguments, and two that it does not have."""
    parser = _Parser(
        prog="python -m raftfast.format",
        description="Convert RAFT data to rows for fine-tuning, as Gorilla's format.py does.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--input", required=True, help="the RAFT records: a file, a folder or a quoted pattern")
    add("--input-type", default="arrow", choices=inputDatasetTypes, help="what they are in")
    add("--output", required=True, help="where the rows go; the ending is appended if missing")
    add("--output-format", required=True, choices=datasetFormats, help="what rows to make")
    add("--output-type", default="jsonl", choices=outputDatasetTypes, help="what to write them in")
    _add_settings(parser)
    add("--threads", type=_positive, help="workers; by default as many as CPUs that may be used")
    add("--version", action="version", version=f"raftfast {__version__}")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of at least 1")
    return int(text)


def _add_settings(parser: _Parser) -> None:
    """Add the settings of single formats."""
    for name, default, help_ in (
        ("chat-system-prompt", SYSTEM_PROMPT, "chat: the system message; an empty one is left out"),
        ("completion-prompt-column", "prompt", "completion: the name of the prompt"),
        ("completion-completion-column", "completion", "completion: the name of the completion"),
        ("completion-stop", "<STOP>", "completion: what is appended to each completion"),
    ):
        parser.add_argument(f"--output-{name}", default=default, help=help_)


def _settings(asked: argparse.Namespace) -> dict[str, str]:
    """Name the settings of a format as its formatter does."""
    if asked.output_format == "chat":
        return {"system_prompt": asked.output_chat_system_prompt}
    if asked.output_format == "completion":
        return {
            "prompt_column": asked.output_completion_prompt_column,
            "completion_column": asked.output_completion_completion_column,
            "stop": asked.output_completion_stop,
        }
    return {}


def _converted(asked: argparse.Namespace) -> Ledger:
    """Convert the files that are asked for."""
    paths = _found(asked.input)
    output = append_extension(asked.output, asked.output_type)
    refuse_clashes(paths, {"output": output})
    converter = TARGETS[asked.output_format](_columns(paths, asked), **_settings(asked))
    rows = _Rows(output, asked.output_type, asked.threads, asked.input)
    with naming(paths):
        if (asked.input_type, asked.output_format, asked.output_type) == ("jsonl", "hf", "jsonl"):
            return _rewritten(paths, converter, rows)
        return rows.write(paths, converter)


def _rewritten(paths: list[str], converter: Converter, rows: _Rows) -> Ledger:
    """Write lines by way of columns: then each row has all of them, in the order of the first.

    Unless columns would change what is in the records: then the rows are the lines as they stand.
    """
    if not _raftfast.survey(paths, threads=rows.threads).exact:
        return rows.write(paths, converter)
    batches = batches_of(paths, converter, threads=rows.threads)
    try:
        written = rows.write([batches], converter)
    except Error:
        batches.check()
        raise
    return written if batches.ledger is None else _of_both(batches.ledger, written)


def _of_both(read: Ledger, written: Ledger) -> Ledger:
    """Account for what was read by way of columns: what came in did so before them."""
    account = {
        **read.as_dict(),
        "bytes_out": written.bytes_out,
        "seconds": max(read.seconds, written.seconds),
    }
    return type(read).from_dict(account)


def _found(name: str) -> list[str]:
    """List the input files."""
    from raftfast.inputs import expand

    paths = [found.source for found in expand([name])]
    check_readable(paths)
    return paths


def _columns(paths: list[str], asked: argparse.Namespace) -> Columns:
    """Find out the columns where they decide something; in JSON lines that takes a reading."""
    if asked.input_type == "arrow":
        return Columns.of(map(_schema_of, paths))
    _refuse_columns(paths)
    if asked.output_format in ("chat", "hf"):
        return Columns()
    for path in paths:
        if path == STANDARD or not os.path.isfile(path):
            message = "what its columns are takes a reading, and it can be read only once"
            raise UsageError(f"{path}: {message}; put it into a file")
    found = _raftfast.survey(paths, threads=asked.threads)
    nulls = set(found.nulls)
    return Columns({name: name in nulls for name in found.names})


def _schema_of(path: str) -> Schema:
    from raftfast.columns import opened
    from raftfast.kinds import kind_of

    kind = kind_of(path)
    if kind is None:
        message = "is not an Arrow file; for JSON lines pass --input-type jsonl"
        raise Error(f"{path}: {message}", "input-type", path)
    with opened(path, kind, None) as (_, stream):
        return stream.schema


def _refuse_columns(paths: list[str]) -> None:
    from raftfast.kinds import kind_of

    for path in paths:
        if kind_of(path) is not None:
            message = "holds columns and not JSON lines; pass --input-type arrow"
            raise Error(f"{path}: {message}", "input-type", path)


class _Rows(NamedTuple):
    """The file that rows go to.

    Attributes:
        output: Its name.
        form: What it is.
        threads: Workers; ``None`` is as many as CPUs.
        source: The input that must hold records; ``None`` if it may be empty.

    """

    output: str
    form: OutputDatasetType
    threads: int | None = None
    source: str | None = None

    def write(self, sources: Sequence[Source], converter: Converter) -> Ledger:
        """Write the rows; the file appears when it is complete, in a folder that is made for it."""
        names = {"output": self.output}
        with (
            _folder_of(self.output),
            opened(sources, converter.wanted) as streams,
            published(names) as paths,
        ):
            ledger = _raftfast.convert_files(
                streams,
                paths["output"],
                converter,
                threads=self.threads,
                form=self.form,
                compression=_COMPRESSION[self.form],
            )
            if self.source is not None and not ledger.read:
                raise Error(f"{self.source}: holds no record", "no-rows", self.source)
            _insist_on_rows(ledger)
        return ledger


@contextmanager
def _folder_of(output: str) -> Iterator[None]:
    """Make the folders of an output that are missing, and take them away again after an error."""
    missing = []
    folder = os.path.dirname(os.path.realpath(output))
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    with ExitStack() as made:
        with uninterrupted():
            for one in reversed(missing):
                if _is_made(one):
                    made.callback(_take_away, one)
        yield
        made.pop_all()


def _is_made(folder: str) -> bool:
    """Make a folder, unless another run was faster, to whom it belongs then."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        if os.path.isdir(folder):
            return False
        raise
    return True


def _take_away(folder: str) -> None:
    with suppress(OSError):  # somebody else has put something into it
        os.rmdir(folder)


def _insist_on_rows(ledger: Ledger) -> None:
    if ledger.read and not ledger.written:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in ledger.filtered.items())
        raise Error(f"no row is left: all {ledger.read:,} are filtered ({reasons})", "no-rows")


# The classes --------------------------------------------------------------------------------------


class DatasetFormatter(ABC):
    """What makes the rows of a format out of a Dataset."""

    @abstractmethod
    def format(self, ds: Dataset, *args: Any, **params: Any) -> Dataset:  # noqa: ANN401
        """Return a Dataset of the rows.

        Args:
            ds: RAFT records.
            args: Settings of the format.
            params: The same by name, as ``DatasetConverter.convert`` gives them.

        """


class HuggingFaceDatasetFormatter(DatasetFormatter):
    """The Dataset itself."""

    def format(self, ds: Dataset) -> Dataset:
        """Return what is given."""
        return ds


class OpenAiCompletionDatasetFormatter(DatasetFormatter):
    """A prompt and its completion, ended by a stop text."""

    def format(
        self,
        ds: Dataset,
        prompt_column: str = "prompt",
        completion_column: str = "completion",
        stop: str = "<STOP>",
    ) -> Dataset:
        """Return rows of two columns.

        Args:
            ds: RAFT records; those without an instruction or chain of thought are left out.
            prompt_column: The name of the prompt, which no other column may have.
            completion_column: The name of the completion.
            stop: What is appended to each completion.

        Raises:
            Error: No row is left, or a name is taken.

        """
        return _formatted(
            ds,
            "completion",
            prompt_column=prompt_column,
            completion_column=completion_column,
            stop=stop,
        )


class OpenAiChatDatasetFormatter(DatasetFormatter):
    """Messages with the roles system, user and assistant."""

    def format(
        self, ds: Dataset, system_prompt: str = default_chat_system_prompt, **_: str
    ) -> Dataset:
        """Return rows of one column, ``messages``.

        Args:
            ds: RAFT records; those without an instruction or chain of thought are left out.
            system_prompt: The text of the system message; ``""`` leaves the message out.

        Raises:
            Error: No row is left.

        """
        return _formatted(ds, "chat", system_prompt=system_prompt)


class EvalDatasetFormatter(DatasetFormatter):
    """Question, context and final answers, and an evaluated model's answer where there are any."""

    def format(self, ds: Dataset) -> Dataset:
        """Return rows of three columns, or of five if the Dataset has the column ``answer``.

        Args:
            ds: RAFT records; without an instruction, chain of thought or context they are left out.

        Raises:
            Error: No row is left.

        """
        return _formatted(ds, "eval")


class DatasetExporter(ABC):
    """What writes a Dataset to a file."""

    @abstractmethod
    def export(self, ds: Dataset, output_path: str) -> None:
        """Write all rows.

        Args:
            ds: The rows, as a formatter returns them.
            output_path: Where they go; the ending is appended if it is missing.

        """


class JsonlDatasetExporter(DatasetExporter):
    """Writes JSON lines, as ``Dataset.to_json`` does."""

    def export(self, ds: Dataset, output_path: str) -> None:
        """Write all rows; the file appears when it is complete."""
        _export(ds, output_path, "jsonl")


class ParquetDatasetExporter(DatasetExporter):
    """Writes Parquet, as ``Dataset.to_parquet`` does."""

    def export(self, ds: Dataset, output_path: str) -> None:
        """Write all rows; the file appears when it is complete."""
        _export(ds, output_path, "parquet")


class DatasetConverter:
    """Makes the rows of a format and writes them.

    >>> from datasets import Dataset
    >>> records = Dataset.from_list([{"instruction": "Q", "cot_answer": "A"}])
    >>> DatasetConverter().convert(records, "completion", "train", "jsonl", {"stop": "!"})
    >>> with open("train.jsonl") as rows:
    ...     print(rows.read(), end="")
    {"prompt":"Q","completion":"A!"}

    Attributes:
        formats: The formatters by their names, to which others can be added.
        exporters: The exporters by theirs.

    """

    formats: dict[str, DatasetFormatter]
    exporters: dict[str, DatasetExporter]

    def __init__(self) -> None:
        """Begin with Gorilla's formats."""
        self.formats = {
            "hf": HuggingFaceDatasetFormatter(),
            "completion": OpenAiCompletionDatasetFormatter(),
            "chat": OpenAiChatDatasetFormatter(),
            "eval": EvalDatasetFormatter(),
        }
        self.exporters = {"parquet": ParquetDatasetExporter(), "jsonl": JsonlDatasetExporter()}

    def convert(
        self,
        ds: Dataset,
        format: str,
        output_path: str,
        output_type: str,
        params: Mapping[str, str],
    ) -> None:
        """Convert a Dataset into a file.

        Args:
            ds: RAFT records.
            format: One of ``formats``.
            output_path: Where the rows go; the ending is appended if it is missing.
            output_type: One of ``exporters``.
            params: Settings of the format, by the names that its formatter gives them.

        Raises:
            Error: A record is malformed, or no row is left.
            UsageError: There is no such format or output type.
            OSError: The file cannot be written.

        """
        formatter = _chosen("Output Format", format, self.formats)
        exporter = _chosen("Output Type", output_type, self.exporters)
        target, form = _NAMES.get(type(formatter)), _FORMS.get(type(exporter))
        if target is None or form is None:
            exporter.export(formatter.format(ds, **params), output_path)
        else:
            _export(ds, output_path, form, target, params)


_NAMES: dict[type[DatasetFormatter], DatasetFormat] = {
    HuggingFaceDatasetFormatter: "hf",
    OpenAiCompletionDatasetFormatter: "completion",
    OpenAiChatDatasetFormatter: "chat",
    EvalDatasetFormatter: "eval",
}
_FORMS: dict[type[DatasetExporter], OutputDatasetType] = {
    JsonlDatasetExporter: "jsonl",
    ParquetDatasetExporter: "parquet",
}


def extract_final_answer(cot_answer: str | None) -> str | None:
    """Return what follows the last ``<ANSWER>: ``, or all of it without one.

    >>> extract_final_answer("By the first document. <ANSWER>: Paris")
    'Paris'
    """
    return cot_answer.rpartition(TAG)[2] if cot_answer else None


def extract_context(instruction: str) -> str:
    r"""Return all but the last line, which is the question.

    >>> extract_context("<DOCUMENT>A</DOCUMENT>\n<DOCUMENT>B</DOCUMENT>\nWhich?")
    '<DOCUMENT>A</DOCUMENT>\n<DOCUMENT>B</DOCUMENT>'
    """
    return instruction.rpartition("\n")[0]


def append_extension(path: str, extension: str) -> str:
    """Return a path that ends so.

    >>> append_extension("train", "jsonl"), append_extension("train.json", "jsonl")
    ('train.jsonl', 'train.json.jsonl')
    """
    return path if path.endswith(f".{extension}") else f"{path}.{extension}"


_Kind = TypeVar("_Kind")


def _chosen(what: str, name: str, known: Mapping[str, _Kind]) -> _Kind:
    if name not in known:
        raise UsageError(f"{what} {name} is not supported; there are {', '.join(known)}")
    return known[name]


def _formatted(ds: Dataset, target: DatasetFormat, **settings: str) -> Dataset:
    """Return the rows of a format as a Dataset in memory."""
    import datasets
    import pyarrow as pa

    converter = _target(ds, target, settings)
    batches = batches_of(ds, converter)
    table = pa.Table.from_batches(list(batches), batches.schema)
    if batches.ledger is not None:
        _insist_on_rows(batches.ledger)
    return datasets.Dataset(table, split=ds.split)


def _export(
    ds: Dataset,
    output_path: str,
    form: OutputDatasetType,
    target: DatasetFormat = "hf",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the rows of a format without making a Dataset of them."""
    converter = _target(ds, target, settings)
    rows = _Rows(append_extension(os.fspath(output_path), form), form)
    rows.write([of_dataset(ds, converter.wanted)], converter)


def _target(ds: Dataset, target: DatasetFormat, settings: Mapping[str, str]) -> Converter:
    import datasets

    if not isinstance(ds, datasets.Dataset):
        raise TypeError(f"a datasets.Dataset is needed, not a {type(ds).__name__}")
    return TARGETS[target](Columns.of([ds.data.schema]), **settings)


if __name__ == "__main__":
    sys.exit(main())
