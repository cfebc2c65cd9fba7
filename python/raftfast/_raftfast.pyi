"""The compiled core of raftfast."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, final

from typing_extensions import Buffer

from raftfast.choices import (
    Answer,
    Check,
    Compression,
    Escape,
    OnError,
    OutputType,
    Style,
    TextAs,
    Train,
    Turns,
)
from raftfast.sources import Source

__all__ = [
    "DEFAULT_BLOCK_BYTES",
    "DEFAULT_MAX_RECORD_BYTES",
    "Converter",
    "Dialect",
    "Findings",
    "Ledger",
    "Parquet",
    "Reader",
    "Schema",
    "Strings",
    "Target",
    "Validator",
    "__version__",
    "beginning",
    "convert_files",
    "cpu_path",
    "default_threads",
    "digest",
    "end_of_parts",
    "read_batches",
    "restored_converter",
    "restored_ledger",
    "survey",
    "validate_files",
    "write_sample",
]

__version__: str
"""The version of the package, from its ``Cargo.toml``."""

DEFAULT_BLOCK_BYTES: int
"""Bytes of input that a worker takes at a time."""

DEFAULT_MAX_RECORD_BYTES: int
"""The longest record that is taken unless asked otherwise: 256 MiB."""

@final
class Ledger:
    """The account of a run, which adds up, always.

    ``read + added == written + sum(filtered.values()) + sum(rejected.values())``
    """

    @property
    def read(self) -> int:
        """Records read; blank lines are not records."""
    @property
    def added(self) -> int:
        """Rows that records gave beyond their first: 0, but for ``turns="each"``."""
    @property
    def written(self) -> int:
        """Rows written."""
    @property
    def filtered(self) -> dict[str, int]:
        """Records dropped by the target's own rule, by reason, such as ``"cot_answer null"``."""
    @property
    def rejected(self) -> dict[str, int]:
        """Malformed records that were skipped, by kind of error; only with ``on_error="skip"``."""
    @property
    def rejected_rules(self) -> dict[str, int]:
        """Of these, the rows that break a rule of their consumer, by the consumer's name for it."""
    @property
    def warned(self) -> dict[str, int]:
        """Rows that break a rule of their consumer, by the consumer's name for it."""
    @property
    def first_warned(self) -> dict[str, tuple[str, int]]:
        """Where each of these rules was broken first: an input and a line of it."""
    @property
    def dialects(self) -> dict[str, int]:
        """Records by their dialect."""
    @property
    def also_fits(self) -> dict[str, list[str]]:
        """The other dialects that the first record of a dialect fits; they are tried after it."""
    @property
    def repaired(self) -> dict[str, int]:
        """What was repaired in records, and how often."""
    @property
    def blank(self) -> int:
        """Blank lines passed over."""
    @property
    def bytes_in(self) -> int:
        """Bytes read."""
    @property
    def bytes_out(self) -> int:
        """Bytes written to the output."""
    @property
    def seconds(self) -> float:
        """Wall time of the run."""
    @property
    def inputs(self) -> list[tuple[str, Ledger]]:
        """The account of each input, by its name and in the order of the run.

        What ends a file, such as the footer of Parquet, is in ``bytes_out`` of the whole run only.
        """
    @property
    def rows(self) -> list[int]:
        """How many rows each output got, if the run had several: a split, or shards of a size."""
    @property
    def missing(self) -> str | None:
        """A field that the target uses and that no record had; only with ``lenient=True``."""
    @staticmethod
    def total(ledgers: Sequence[Ledger], seconds: float) -> Ledger:
        """Add up the accounts of several runs.

        Args:
            ledgers: The accounts; a field is ``missing`` in all if it is missing in each.
            seconds: The wall time of all runs together.

        """
    def of_input(self, name: str) -> Ledger:
        """Return the same account as that of one input.

        Args:
            name: What the input is called in ``inputs``.

        """
    def __reduce__(self) -> tuple[Callable[..., Ledger], tuple[object, ...]]:
        """Give ``pickle`` what it takes, so that a ledger crosses to another process."""
    def as_dict(self) -> dict[str, object]:
        """All but ``inputs``, ``rows`` and ``missing`` as plain values, for ``--report``."""
    @staticmethod
    def from_dict(account: dict[str, Any]) -> Ledger:
        """Take what ``as_dict`` gave.

        Raises:
            ValueError: A value is missing, or is none that an account can have.
            TypeError: A value is of another type.
            OverflowError: A number is out of range.

        """

@final
class Target:
    """What a target is, for listings."""

    @property
    def name(self) -> str:
        """The name that ``to=`` takes."""
    @property
    def about(self) -> str:
        """One line for people."""
    @property
    def needs(self) -> list[str]:
        """Fields that must be there and not empty; a record without them is filtered."""
    @property
    def oracle(self) -> str | None:
        """What is asked of the document that holds the answer: ``among`` or ``absent``."""
    @property
    def settings(self) -> dict[str, str]:
        """What the caller can set (``system``, ``stop``, ...) and the defaults."""
    @property
    def source(self) -> str:
        """Where the consumer's rules are written down."""
    @property
    def rules(self) -> dict[str, str]:
        """What the consumer asks of rows beside their shape, by rule."""
    @property
    def train(self) -> list[str]:
        """What its rows can say is trained on, by the names that ``train=`` takes."""
    @property
    def beside(self) -> str | None:
        """The name of the file that the consumer wants beside the rows, if it wants one."""
    @property
    def example(self) -> str:
        """A row of this target, as one line of JSON."""

@final
class Dialect:
    """What a dialect is, for listings."""

    @property
    def name(self) -> str:
        """The name that ``dialect=`` takes."""
    @property
    def about(self) -> str:
        """One line for people."""
    @property
    def source(self) -> str:
        """Who writes it, and where that can be read."""
    @property
    def repairs(self) -> list[str]:
        """What is repaired in its records, by the names that ``unrepaired=`` takes."""

@final
class Converter:
    r"""A compiled target with its options: make it once, use it from any thread.

    >>> converter = Converter("completion", stop="</s>")
    >>> converter.convert_bytes(b'{"instruction":"Q","cot_answer":"A"}')
    b'{"prompt":"Q","completion":"A</s>"}\n'
    >>> converter.ledger.written
    1
    """

    def __new__(
        cls,
        to: str | PathLike[str] = "chat",
        *,
        system: str | None = None,
        prompt_key: str | None = None,
        completion_key: str | None = None,
        stop: str | None = None,
        settings: Mapping[str, str] = {},
        dialect: str = "auto",
        answer: Answer = "cot",
        turns: Turns = "error",
        rejected: str | None = None,
        seed: int = 0,
        unrepaired: Sequence[str] = (),
        check: Check = "warn",
        train: Train | None = None,
        template: str | None = None,
        text_as: TextAs = "text",
        date: str | None = None,
        escape: Escape = "keep",
        on_error: OnError = "fail",
        max_record_bytes: int = 268435456,
    ) -> Converter:
        """Compile a target.

        Args:
            to: A built-in target, one of ``Converter.targets()``, or the path of a target file,
                which ends in ``.toml``.
            system: The system message; ``""`` leaves it out. By default the target's own.
            prompt_key: The name of the prompt column; by default the target's own.
            completion_key: The name of the completion column; by default the target's own.
            stop: What is appended to each completion; by default the target's own.
            settings: Settings of the target by name, instead of its defaults.
            dialect: What the records are: one of ``Converter.dialects()``, or ``"auto"`` to tell it
                for each record.
            answer: What is taken for the answer.
            turns: What becomes of a conversation of several answers where the target takes one.
            rejected: What is taken for the rejected answer of preference rows: the key that holds
                it, or ``"other"``: the answer of another record. By default the key ``rejected``.
            seed: Another number gives other choices; for ``rejected="other"`` only.
            unrepaired: Repairs that are not to be made.
            check: What becomes of rows that break a rule of their consumer.
            train: What of the answer is trained on, see ``Target.train``; by default what the
                target's rows say without it. A record whose answer lacks what is asked for is
                filtered.
            template: The chat template of the target ``"text"``: one of ``Converter.templates()``,
                or the path of a Jinja file or of a ``tokenizer_config.json``.
            text_as: What becomes of a row that is one text, as those of chat templates are.
            date: What a template that asks for today's date is told.
            escape: How strings are written.
            on_error: What a malformed record does.
            max_record_bytes: The longest line that is taken, without its line end; by default
                256 MiB.

        Raises:
            UsageError: There is no such target, or it has no such setting, or its rows cannot say
                what is trained on, or ``RAFTFAST_CPU`` asks for what this CPU lacks.
            OSError: The target file cannot be read.

        """

    @staticmethod
    def from_toml(
        text: str,
        *,
        settings: Mapping[str, str] = {},
        dialect: str = "auto",
        answer: Answer = "cot",
        turns: Turns = "error",
        rejected: str | None = None,
        seed: int = 0,
        unrepaired: Sequence[str] = (),
        check: Check = "warn",
        train: Train | None = None,
        text_as: TextAs = "text",
        escape: Escape = "keep",
        on_error: OnError = "fail",
        max_record_bytes: int = 268435456,
    ) -> Converter:
        """Compile the text of a target file.

        Args:
            text: What a target file holds.
            settings: Settings of the target, instead of its defaults.
            dialect: What the records are.
            answer: What is taken for the answer.
            turns: What becomes of a conversation of several answers where the target takes one.
            rejected: What is taken for the rejected answer of preference rows: the key that holds
                it, or ``"other"``: the answer of another record. By default the key ``rejected``.
            seed: Another number gives other choices; for ``rejected="other"`` only.
            unrepaired: Repairs that are not to be made.
            check: What becomes of rows that break a rule of their consumer.
            train: What of the answer is trained on; by default what the row says without it.
            text_as: What becomes of a row that is one text.
            escape: How strings are written.
            on_error: What a malformed record does.
            max_record_bytes: The longest line that is taken.

        Raises:
            UsageError: The text is no target, or has no such setting.

        """

    def __reduce__(self) -> tuple[Callable[..., Converter], tuple[Any, ...]]:
        """Give ``pickle`` what it takes, so that another process makes the same converter.

        Files of targets and templates are read again there, and must be what they were. The ledger
        starts anew.

        Raises:
            TypeError: It is one that ``with_others`` gave.

        """

    @property
    def takes_others(self) -> bool:
        """Whether rejected answers are those of other records, which are not known yet."""
    def with_others(
        self,
        inputs: Sequence[str | PathLike[str] | tuple[str, Source]],
        *,
        threads: int | None = None,
        long: bool = False,
        tick: Callable[[int, int | None], None] | None = None,
    ) -> Converter:
        """Read the answers from which rejected ones are taken.

        `convert_files` and `read_batches` do so themselves where they can read their inputs twice.

        Args:
            inputs: As for `convert_files`; batches are used up.
            threads: Workers; by default the CPUs this process may use.
            long: Whether zst inputs are taken that need more than 128 MiB for their window.
            tick: Called as by `convert_files`.

        Returns:
            A converter with these answers. It can convert some of these inputs, or others.

        Raises:
            Error: A record is malformed.
            UsageError: An input is a pipe or a file object, which can be read only once.
            OSError: A file cannot be read.

        """

    @property
    def limits(self) -> dict[str, int]:
        """What the consumer says of whole files, by rule: min_rows, max_rows, max_bytes."""
    @property
    def files(self) -> list[str]:
        """The names that files have, without their endings; any if there are none."""
    @property
    def beside(self) -> tuple[str, str] | None:
        """The file that the consumer wants beside the rows, and its entry for an output.

        The entry is a JSON object in which ``{name}`` stands for the name of the output without its
        ending, and ``{file}`` for the name with it.
        """
    def wanted(self, columns: list[tuple[str, str]]) -> list[str]:
        """Tell the names of the columns of a table that are used.

        Args:
            columns: The names of all its columns, each with what it holds: ``"text"``, ``"flat"``
                (objects that start with a list of texts), ``"other"`` or ``"unknown"``. They tell
                the dialects that its rows may be of.

        """

    def convert_bytes(self, data: Buffer) -> bytes:
        """Convert whole lines of JSONL held in memory, without holding the GIL.

        Args:
            data: Any buffer: ``bytes`` are read in place, all others are copied first. A last line
                without a line end is a line too; a byte order mark at the start is skipped.

        Returns:
            A row for each record that was not filtered, each with a line end.

        Raises:
            Error: A record is malformed (with ``on_error="fail"``), with its line and byte in
                ``data``. A field that no record has is no error here, since the records may be a
                few of many: look at ``ledger.filtered``.

        """

    @property
    def ledger(self) -> Ledger:
        """The account of all calls of ``convert_bytes`` that returned, so far."""
    @staticmethod
    def dialect(name: str) -> Dialect:
        """Describe a built-in dialect.

        Raises:
            UsageError: There is none of that name.

        """
    @staticmethod
    def target(name: str) -> Target:
        """Describe a target or a chat template, with an example row.

        Args:
            name: As for the converter; also the path of a target file of your own, or a template.

        Raises:
            UsageError: There is none of that name, or the file cannot be understood.
            OSError: The file cannot be read.

        """
    @staticmethod
    def dialects() -> list[Dialect]:
        """List the built-in dialects, in the order in which a record is held against them."""
    @staticmethod
    def templates() -> list[Target]:
        """List the chat templates, which the target ``"text"`` takes."""
    @staticmethod
    def target_file(name: str) -> str:
        """Return the file of a built-in target or chat template, to start one's own from.

        Raises:
            UsageError: There is none of that name.

        """
    @staticmethod
    def targets() -> list[Target]:
        """List the built-in targets."""

def convert_files(
    inputs: Sequence[str | PathLike[str] | tuple[str, Source]],
    output: str | PathLike[str] | Any | None,  # noqa: ANN401
    converter: Converter,
    *,
    threads: int | None = None,
    block_bytes: int = 524288,
    rejects: str | PathLike[str] | None = None,
    tick: Callable[[int, int | None], None] | None = None,
    form: OutputType = "jsonl",
    compression: Compression | None = None,
    level: int | None = None,
    long: bool = False,
    part: tuple[int, int] | None = None,
    only: tuple[int, int] | None = None,
    shard_bytes: int | None = None,
    shard_rows: Sequence[int] | None = None,
    frame_bytes: int | None = None,
    split: tuple[Sequence[float], int] | None = None,
    lenient: bool = False,
) -> Ledger:
    """Convert files into an already opened name: what `raftfast.convert` stands on.

    Args:
        inputs: Paths, in order, of JSON lines or one JSON array, compressed or not; ``"-"`` is
            standard input. Or pairs of a name for messages and an object: with ``readinto`` or
            ``read`` it gives the same bytes, with ``__arrow_c_stream__`` or ``__arrow_c_array__``
            records as columns.
        output: A path that is opened for writing as it is, without creating or truncating it,
            or ``"-"`` for standard output. Temporary names and renames are the caller's affair. Or
            an object with ``write``. With ``shard_bytes`` or ``shard_rows``, a callable without
            arguments that names the next output. With ``None`` nothing is written, no rejected
            lines either, and the account is that of a run that writes, but for ``bytes_out``.
        converter: The compiled target.
        threads: Workers; by default the CPUs this process may use.
        block_bytes: Bytes of input that a worker takes at a time; by default 512 KiB.
        rejects: A path, opened like ``output``, for the rejected lines as JSONL.
        tick: Called about twenty times a second with the bytes read so far and the bytes in all
            (``None`` if a pipe is among the inputs). What it raises ends the run and is raised.
        form: What is written.
        compression: How it is compressed; by default Parquet by zst and all else not at all.
        level: The level of the compression; by default 6 for gz and 3 for zst.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        part: ``(k, n)`` converts the k-th, from 0, of n parts of the inputs that are equal in
            bytes: the lines that start in it. Positions in errors are those in the whole file.
        only: ``(start, end)`` converts these of the inputs. As with ``part``, the columns of the
            rows are those of all inputs.
        shard_bytes: Bytes of an output at most: then the next one is asked for. A row that is
            longer has an output of its own.
        shard_rows: The rows, from the first output on, after which each ends: there are as many
            outputs, and the last has what is left. What is framed together stays so.
        frame_bytes: Bytes of input at most whose rows are framed together, where they are: by
            default 4 MiB of compressed lines and 16 MiB of columns.
        split: Shares, and the seed that decides which rows go where: ``output`` is then a list of
            paths, each of which gets its share of the rows as JSON lines.
        lenient: Whether a field in use may be in none of the records; see ``Ledger.missing``.

    Returns:
        The account of the run.

    Raises:
        Error: A record is malformed, a field in use is in none of the records, a file is broken or
            changed while it was read.
        UsageError: The form and the compression do not go together, the target has no columns, or
            an input cannot be cut into parts or read twice where that is needed.
        OSError: A file cannot be read or written.
        ValueError: ``threads`` or ``block_bytes`` is 0.

    """

@final
class Reader:
    """Rows as Arrow batches, which are converted while they are read: by whom it concerns, once."""

    def __arrow_c_schema__(self) -> object:
        """Export the schema by the Arrow PyCapsule interface."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the batches by the Arrow PyCapsule interface.

        Raises:
            ValueError: They have been exported before.

        """
    @property
    def ledger(self) -> Ledger | None:
        """The account of the run, once the last batch has been read."""
    def check(self) -> None:
        """Raise what ended the run early, if something did; libraries pass on its text only."""

def read_batches(
    inputs: Sequence[str | PathLike[str] | tuple[str, Source]],
    converter: Converter,
    *,
    threads: int | None = None,
    block_bytes: int = 524288,
    long: bool = False,
    held: object = None,
    tick: Callable[[int, int | None], None] | None = None,
) -> Reader:
    """Convert into Arrow batches: what `raftfast.read` stands on.

    Args:
        inputs: As for `convert_files`.
        converter: The compiled target.
        threads: Workers; by default the CPUs this process may use.
        block_bytes: Bytes of input that a worker takes at a time; by default 512 KiB.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        held: What the inputs belong to, kept alive as long as somebody may read from them.
        tick: Called while the columns are found out, which may take a reading of all records.

    Raises:
        UsageError: The target has no columns, or they can be known only by reading the records
            twice and an input can be read only once.
        Error: No columns hold all records.
        OSError: A file cannot be read.

    """

@final
class Strings:
    """Columns of strings in Arrow files: an input for `convert_files` that needs no library."""

    @staticmethod
    def open(
        paths: Sequence[str | PathLike[str]], wanted: Callable[[list[tuple[str, str]]], list[str]]
    ) -> Strings | None:
        """Look into files of Arrow that are to be read one after the other, as one input.

        Args:
            paths: Arrow IPC files and streams, with the same columns.
            wanted: Gets what `Converter.wanted` takes and tells which columns to read. If it names
                none, the first column is read, so that the rows can be counted.

        Returns:
            ``None`` if a file is anything else, or broken, if its batches are compressed, or if one
            of these columns is not of strings: pyarrow reads more, and says what is wrong.

        Raises:
            OSError: A file cannot be opened or read.

        """

    @staticmethod
    def is_one_file(path: str | PathLike[str]) -> bool:
        """Tell an Arrow file with a footer from several, one after the other.

        Of those only the last one's footer would be read, which tells of places in itself.

        Raises:
            OSError: The file cannot be opened or read.

        """

@final
class Parquet:
    """Columns of strings in a Parquet file: an input for `convert_files` that needs no library."""

    @staticmethod
    def open(
        path: str | PathLike[str], wanted: Callable[[list[tuple[str, str]]], list[str]]
    ) -> Parquet | None:
        """Look into a Parquet file.

        Args:
            path: The file.
            wanted: As of `Strings.open`.

        Returns:
            ``None`` if the file is anything else, or broken, or holds what its footer does not tell
            of, as several files do, one after the other; or if one of these columns is not of
            strings or is encoded in a way that is rare: pyarrow reads more, and says what is wrong.

        Raises:
            OSError: The file cannot be opened or read.

        """

def end_of_parts(footer: bytes) -> int | None:
    """Tell where the last part ends that the footer of a Parquet file tells of, in bytes.

    Returns:
        0 if there are no parts, and ``None`` for a footer that is not understood.

    """

@final
class Validator:
    """A target compiled to check rows: what `raftfast.validate` stands on."""

    def __new__(cls, to: str | PathLike[str], *, settings: Mapping[str, str] = {}) -> Validator:
        """Compile a target.

        Args:
            to: A built-in target, ``"text"``, or the path of a target file.
            settings: Settings of the target by name, instead of its defaults.

        Raises:
            UsageError: There is no such target, or it has no such setting.
            OSError: The target file cannot be read.

        """

    @property
    def limits(self) -> dict[str, int]:
        """What the consumer says of whole files, by rule: min_rows, max_rows, max_bytes."""
    @property
    def bom(self) -> bool | None:
        """Whether a file starts with a byte order mark; ``None`` if it may."""
    @property
    def array(self) -> bool | None:
        """Whether a file is one JSON array; ``None`` if it may be."""
    @property
    def files(self) -> list[str]:
        """The names that files have, without their endings; any if there are none."""
    def name(self, rule: str) -> str:
        """Tell what the consumer calls the breaking of a rule, or else what raftfast does."""

@final
class Findings:
    """What `validate_files` found."""

    @property
    def ledger(self) -> Ledger:
        """The account of the reading; lines that are no rows are rejected in it."""
    @property
    def wrong(self) -> list[tuple[str, int]]:
        """How many rows break a rule in each input that has such, in order."""
    @property
    def broken(self) -> dict[str, int]:
        """How many rows break each rule, by the consumer's name for it."""
    @property
    def first(self) -> dict[str, list[tuple[str, int, str]]]:
        """Where each rule is broken first: inputs, lines, and how in words."""

def validate_files(
    inputs: Sequence[str | PathLike[str] | tuple[str, Source]],
    validator: Validator,
    *,
    limit: int = 10,
    threads: int | None = None,
    block_bytes: int = 524288,
    max_record_bytes: int = 268435456,
    long: bool = False,
    tick: Callable[[int, int | None], None] | None = None,
) -> Findings:
    """Check the rows of files: what `raftfast.validate` stands on.

    Args:
        inputs: As for `convert_files`.
        validator: The compiled target.
        limit: Places that are kept of each rule.
        threads: Workers; by default the CPUs this process may use.
        block_bytes: Bytes of input that a worker takes at a time; by default 512 KiB.
        max_record_bytes: The longest line that is taken.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        tick: As for `convert_files`.

    Raises:
        Error: A file is broken, or changed while it was read.
        OSError: A file cannot be read.
        ValueError: ``threads`` or ``block_bytes`` is 0.

    """

def beginning(path: str | PathLike[str], *, long: bool = False) -> tuple[bool, bool] | None:
    """Tell whether a file starts with a byte order mark, and whether it is one JSON array.

    A compressed file is that which it holds.

    Args:
        path: The file.
        long: Whether zst files are taken that need more than 128 MiB for their window.

    Returns:
        Both, or ``None`` of what is no regular file, whose first bytes can be read only once.

    Raises:
        OSError: It cannot be read.

    """

@final
class Schema:
    """What records hold."""

    def __arrow_c_schema__(self) -> object:
        """Export the columns that hold them by the Arrow PyCapsule interface.

        Raises:
            Error: A key holds values that no type holds together.

        """
    @property
    def names(self) -> list[str]:
        """The keys of all records, in the order of their first appearance."""
    @property
    def nulls(self) -> list[str]:
        """Those of them whose values were all null."""
    @property
    def exact(self) -> bool:
        """Whether columns hold the records as they are, but for keys that a record lacks.

        Else some number or boolean becomes text, some object inside of a record gets a key that it
        does not have, or no columns hold the records.
        """

def survey(
    inputs: Sequence[str | PathLike[str] | tuple[str, Source]],
    *,
    threads: int | None = None,
    long: bool = False,
    tick: Callable[[int, int | None], None] | None = None,
) -> Schema:
    """Read all records to find out which columns hold them.

    Args:
        inputs: As for `convert_files`.
        threads: Workers; by default the CPUs this process may use.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.
        tick: As for `convert_files`.

    Returns:
        The keys of all records in the order in which they first appear, each with the type that
        holds all its values: text stays text, and numbers that no number type holds exactly become
        text.

    Raises:
        Error: A record is malformed.
        OSError: A file cannot be read.

    """

def restored_converter(
    of_text: bool,
    target: str | PathLike[str],
    options: dict[str, Any],
    files: Sequence[tuple[str, str]],
) -> Converter:
    """Make a converter again that was pickled.

    Args:
        of_text: Whether it was made by ``from_toml``.
        target: The target, or the text of one.
        options: The arguments by name.
        files: The files of the target and of the template, and their digests.

    Raises:
        UsageError: As when it was made, or a file is not what it was then.
        OSError: The target file or the template cannot be read here.

    """

def restored_ledger(
    account: dict[str, Any],
    inputs: Sequence[tuple[str, dict[str, Any]]],
    rows: Sequence[int],
    missing: Sequence[str],
) -> Ledger:
    """Put a ledger together that was pickled.

    Args:
        account: What ``as_dict`` gave.
        inputs: The same of each input, by its name.
        rows: The ``rows``.
        missing: The fields that were in no record.

    Raises:
        ValueError: An account is none.

    """

def digest(
    path: str | PathLike[str], *, tick: Callable[[int, int | None], None] | None = None
) -> str:
    """Return the XXH3 digest of a file (64 bits, 16 hexadecimal digits), without holding the GIL.

    Args:
        path: The file.
        tick: Called now and then with the bytes read and ``None``. What it raises ends the work and
            is raised.

    Raises:
        OSError: The file cannot be read.

    """

def write_sample(
    output: str | PathLike[str],
    size: int,
    *,
    style: Style = "escaped",
    seed: int = 0,
    tick: Callable[[int, int | None], None] | None = None,
) -> int:
    """Write a sample corpus to an already opened name: what `raftfast.sample` stands on.

    Args:
        output: A path, opened like the output of `convert_files`, or ``"-"``.
        size: Bytes to write at least; the last record is whole.
        style: ``"escaped"`` writes ASCII only, ``"utf8"`` the characters themselves.
        seed: Another seed gives another corpus.
        tick: Called after each 512 KiB, and while waiting for a reader, with the bytes written
            and ``size``. What it raises ends the run and is raised.

    Returns:
        The number of records.

    Raises:
        OSError: The output cannot be written.

    """

def cpu_path() -> Literal["avx512", "avx2", "portable"]:
    """Tell which scanner this process uses; ``RAFTFAST_CPU`` forces one.

    Raises:
        UsageError: ``RAFTFAST_CPU`` asks for what this CPU lacks.

    """

def default_threads() -> int:
    """Count the CPUs this process may use, by affinity and cgroup quota."""
