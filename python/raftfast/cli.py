"""The command ``raftfast``: each subcommand is a few lines over one call of the library."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, get_args
from warnings import catch_warnings, simplefilter

import click
from click.shell_completion import get_completion_class, shell_complete

import raftfast
from raftfast import endings, pages
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
from raftfast.endings import Ended
from raftfast.options import DialectName, SectionedCommand, Size, TargetName, option, pairs, shares
from raftfast.paths import STANDARD
from raftfast.progress import bar
from raftfast.summary import summary, verdict_summary

if TYPE_CHECKING:
    from typing import Any

    from raftfast.task import Outcome
    from raftfast.validate import Verdict

_COMPLETE = "_RAFTFAST_COMPLETE"
_FILE = click.Path(allow_dash=True, readable=False)  # what cannot be read is no wrong usage

# How any command goes about its work.
_LONG = option(
    "--long",
    section="Run",
    is_flag=True,
    help="Take zst files whose window needs more than 128 MiB of memory, up to 2 GiB.",
)
_THREADS = option(
    *("-j", "--threads"),
    section="Run",
    metavar="N",
    type=click.IntRange(1, 1024),
    help="Workers; by default as many as CPUs that this process may use.",
)
_PROGRESS = option(
    "--progress/--no-progress",
    section="Run",
    default=None,
    help="Draw a progress bar, by default on a terminal only.",
)
_NOWHERE = os.devnull
_CORPUS = click.Path(exists=True, dir_okay=False)

_CONVERT_EPILOG = """\b
Examples:
  raftfast convert corpus.jsonl -o train.jsonl
  raftfast convert a.jsonl b.jsonl.zst -o train.jsonl.gz --to completion
  raftfast convert dataset.arrow -o train.parquet
  raftfast convert 'data/*.jsonl' -o train.jsonl --shards 16
  zcat corpus.jsonl.gz | raftfast convert -o train.jsonl --expect-rows 12000

\b
Exit codes:
  0    complete
  1    failed: no output appears
  2    wrong usage
  3    complete, but records were rejected (--on-error skip)
  129, 130, 143    ended by SIGHUP, Ctrl-C, SIGTERM: no output appears
  141  the reader of standard output or of a FIFO went away
"""

_VALIDATE_EPILOG = """\b
Examples:
  raftfast validate train.jsonl --to openai
  raftfast validate data/ --to mlx --report report.json
  raftfast validate mine.jsonl.gz --to completion --set prompt_key=text --limit 100

\b
Exit codes:
  0    all rows are right
  1    a rule is broken, or an input cannot be read
  2    wrong usage
"""

_COMPLETION_EPILOG = """\b
Where shells look for it:
  raftfast completion bash > ~/.local/share/bash-completion/completions/raftfast
  raftfast completion zsh > "${fpath[1]}/_raftfast"
  raftfast completion fish > ~/.config/fish/completions/raftfast.fish
"""


def main() -> int:
    """Run the command line of this process, and return the exit code for it."""
    # pyarrow loads numpy, whose OpenBLAS starts a thread for each core. They wait for work in a
    # loop, which took a sixth of the time of a run over 1 GB of Arrow columns.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    pages.spare()
    return endings.run(_dispatch)


class _InOrder(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(raftfast.__version__, message="%(prog)s %(version)s")
def group() -> None:
    """RAFT records to fine-tuning rows, every byte checked, at the speed of copying the file."""


@group.command(
    cls=SectionedCommand,
    epilog=_CONVERT_EPILOG,
)
@click.argument(
    "inputs",
    metavar="[INPUT]...",
    nargs=-1,
    type=_FILE,
    help=(
        "JSON lines or a JSON array, also as gz, zst, bz2, xz; Arrow, Parquet, a save_to_disk "
        "folder. Any other folder, or a quoted pattern, is all such files in it. They become one "
        "output in order; - or none is standard input."
    ),
)
@option(
    *("-o", "--output"),
    section="Output",
    metavar="FILE",
    type=_FILE,
    default=STANDARD,
    help=(
        "Where the rows go, by default standard output. A file appears when it is complete; a "
        "folder, or a name ending in /, gets a file for each input."
    ),
)
@option(
    "--output-type",
    section="Output",
    metavar="TYPE",
    type=click.Choice(get_args(OutputType)),
    help="jsonl, arrow, arrows or parquet; by default what the ending of the name says.",
)
@option(
    "--compression",
    section="Output",
    metavar="NAME",
    type=click.Choice(get_args(Compression)),
    help="none, gz, zst, snappy or lz4; by default what the ending says, and zst for Parquet.",
)
@option(
    "--level",
    section="Output",
    metavar="N",
    type=click.IntRange(0, 22),
    help="Of the compression: 0 to 9 for gz (6), 1 to 22 for zst (3).",
)
@option(
    "--shards",
    section="Output",
    metavar="N",
    type=click.IntRange(min=1),
    help="Write N files, at the same time if inputs can be divided: train-00000-of-00016.jsonl and"
    " so on.",
)
@option(
    "--shard-size",
    section="Output",
    type=Size(),
    help="Write files of this size at most, with names like those of --shards.",
)
@option(
    "--resume",
    section="Output",
    is_flag=True,
    help="Into a folder: keep the files whose input, options and version are the same.",
)
@option(
    "--split",
    section="Output",
    metavar="NAME=SHARE,...",
    callback=shares,
    help=(
        "Into a folder: files that get these shares of the rows, such as train=0.9,test=0.1; "
        "without names, those that the consumer reads."
    ),
)
@option(
    "--beside/--no-beside",
    section="Output",
    default=None,
    help=(
        "Write the file that the consumer wants beside the rows, such as dataset_info.json; by "
        "default into a folder only. What it holds already stays."
    ),
)
@option(
    "--sync",
    section="Output",
    is_flag=True,
    help="End only when the disk has the output, so that a power cut cannot take it.",
)
@option(
    "--report",
    section="Output",
    metavar="FILE",
    type=_FILE,
    help="Write the ledger of the run as JSON: what was read, written, filtered, rejected.",
)
@option(
    "--expect-rows",
    section="Output",
    metavar="N",
    type=click.IntRange(min=0),
    help="Fail unless exactly N rows are written.",
)
@option(
    *("-f", "--from"),
    "dialect",
    section="Records",
    metavar="DIALECT",
    type=DialectName(),
    default="auto",
    show_default=True,
    help="What the records are: a dialect of `raftfast dialects`; auto tells it for each record.",
)
@option(
    "--answer",
    section="Records",
    type=click.Choice(get_args(Answer)),
    default="cot",
    show_default=True,
    help="The chain of thought, the final answer only, or either: the short one if it is all.",
)
@option(
    "--turns",
    section="Records",
    type=click.Choice(get_args(Turns)),
    default="error",
    show_default=True,
    help="What becomes of a conversation of several answers where the target takes one.",
)
@option(
    "--rejected",
    section="Records",
    metavar="KEY|other",
    help=(
        "Preference rows: the key of the rejected answer, by default rejected; other takes the "
        "answer of another record, and reads the inputs twice."
    ),
)
@option(
    "--seed",
    section="Records",
    metavar="N",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    show_default=True,
    help="Another number makes other choices: --rejected other, --split.",
)
@option(
    "--no-repair",
    "unrepaired",
    section="Records",
    metavar="NAME",
    multiple=True,
    help="Leave as it is what `raftfast dialects` lists as a repair. May be repeated.",
)
@option(
    *("-t", "--to"),
    section="Rows",
    metavar="TARGET",
    type=TargetName(),
    default="chat",
    show_default=True,
    help="A target of `raftfast targets`, or a target file of your own ending in .toml.",
)
@option(
    "--system",
    section="Rows",
    metavar="TEXT",
    help="The system message, instead of the target's and the records' own.",
)
@option("--no-system", section="Rows", is_flag=True, help="Leave system messages out.")
@option("--prompt-key", section="Rows", metavar="KEY", help="completion: the key of the prompt.")
@option("--completion-key", section="Rows", metavar="KEY", help="completion: its key in the row.")
@option(
    "--template",
    section="Rows",
    metavar="NAME|FILE",
    help="text: a template of `raftfast targets text`, a Jinja file, a tokenizer_config.json.",
)
@option(
    "--text-as",
    section="Rows",
    metavar="FORM",
    type=click.Choice(get_args(TextAs)),
    default="text",
    show_default=True,
    help="text: text, completion (a prompt and its completion) or segments (labelled).",
)
@option("--no-bos", section="Rows", is_flag=True, help="text: no BOS, for trainers that add it.")
@option("--date", section="Rows", metavar="TEXT", help="text: today's date, if your template asks.")
@option(
    "--train",
    section="Rows",
    metavar="PART",
    type=click.Choice(get_args(Train)),
    help="What is learnt: answer, final or not-quotes; by default what the target's rows say.",
)
@option(
    "--check",
    section="Rows",
    type=click.Choice(get_args(Check)),
    default="warn",
    show_default=True,
    help="Rows that break a rule of their consumer: warn counts, strict rejects them.",
)
@option("--stop", section="Rows", metavar="TEXT", help="completion: what is appended to it.")
@option(
    "--set",
    "settings",
    section="Rows",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="A setting of the target, such as those of a target file. May be repeated.",
)
@option(
    "--escape",
    section="Rows",
    type=click.Choice(get_args(Escape)),
    default="keep",
    show_default=True,
    help="keep copies escapes as they are, ascii writes \\uXXXX, pandas also \\/ as Gorilla does.",
)
@option(
    "--on-error",
    section="Malformed records",
    type=click.Choice(get_args(OnError)),
    default="fail",
    show_default=True,
    help="fail ends the run and leaves no output; skip counts the record and goes on.",
)
@option(
    "--rejects",
    section="Malformed records",
    metavar="FILE",
    type=_FILE,
    help="With skip: write the rejected lines as JSONL, raw bytes in base64.",
)
@option(
    "--max-record-bytes",
    section="Malformed records",
    type=Size(),
    default="256MiB",
    show_default=True,
    help="The longest record that is taken.",
)
@_LONG
@_THREADS
@option(
    *("-q", "--quiet"),
    section="Run",
    is_flag=True,
    help="Say nothing but errors.",
)
@_PROGRESS
def convert(
    inputs: tuple[str, ...],
    *,
    no_system: bool,
    no_bos: bool,
    quiet: bool,
    progress: bool | None,
    **options: Any,  # noqa: ANN401 - those of `raftfast.convert`, by the same names
) -> Ended:
    """Convert RAFT records to the rows of a target."""
    if no_system:
        _take_system_out(options)
    if no_bos:
        _take_bos_out(options)
    sources = _or_stdin(inputs)
    pages.share()
    pages.keep()
    several: list[Outcome] = []
    with (
        bar(options["output"], wanted=False if quiet else progress) as tick,
        catch_warnings(record=True) as warned,
    ):
        simplefilter("always", raftfast.RuleWarning)
        ledger = raftfast.convert(sources, progress=tick, told=several.append, **options)
    endings.outcome_stands()
    last = [str(warning.message) for warning in warned]
    if not quiet:
        last.append("; ".join([summary(ledger), *(one.about_outputs() for one in several)]))
    return Ended(endings.REJECTED if ledger.rejected else 0, tuple(last))


@group.command(cls=SectionedCommand, epilog=_VALIDATE_EPILOG)
@click.argument(
    "inputs",
    metavar="[INPUT]...",
    nargs=-1,
    type=_FILE,
    help="What convert takes, but each file by itself; - or none is standard input.",
)
@option(
    *("-t", "--to"),
    section="Rows",
    metavar="TARGET",
    type=TargetName(),
    help="What the rows are for: a target of `raftfast targets`, or a target file of your own.",
)
@option(
    "--set",
    "settings",
    section="Rows",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="A setting of the target, such as prompt_key. May be repeated.",
)
@option(
    "--max-record-bytes",
    section="Rows",
    type=Size(),
    default="256MiB",
    show_default=True,
    help="The longest row that is taken.",
)
@option(
    *("-n", "--limit"),
    section="Verdict",
    metavar="N",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many problems are listed; all are counted.",
)
@option(
    "--report",
    section="Verdict",
    metavar="FILE",
    type=_FILE,
    help="Write the verdict as JSON: rows, right, wrong, and what is broken where.",
)
@_LONG
@_THREADS
@option(
    *("-q", "--quiet"),
    section="Run",
    is_flag=True,
    help="Say nothing but errors: the exit code tells.",
)
@_PROGRESS
def validate(
    inputs: tuple[str, ...],
    *,
    to: str | None,
    quiet: bool,
    progress: bool | None,
    **options: Any,  # noqa: ANN401 - those of `raftfast.validate`, by the same names
) -> Ended:
    """Check rows against the rules of their consumer, without writing any.

    The rows may be anybody's. Each problem is listed as FILE:LINE: RULE: what is wrong.
    """
    if to is None:
        names = ", ".join(target.name for target in raftfast.Converter.targets())
        raise click.UsageError(f"--to is missing, which says what the rows are for: {names}, text")
    pages.share()
    with bar(_NOWHERE, wanted=False if quiet else progress) as tick:
        verdict = raftfast.validate(_or_stdin(inputs), to=to, progress=tick, **options)
    endings.outcome_stands()
    if not quiet and options["report"] != STANDARD:  # which lists them itself
        _list_problems(verdict)
    last = () if quiet else (verdict_summary(verdict),)
    return Ended(0 if verdict.ok else endings.FAILED, last)


def _list_problems(verdict: Verdict) -> None:
    for problem in verdict.problems:
        endings.say(endings.visible(str(problem)))
    if verdict.more and verdict.problems:
        endings.say(f"and {verdict.more:,} more (--limit)")


@group.command()
@click.argument(
    "name",
    required=False,
    help="One target only, or a file of your own; text lists the chat templates.",
)
@option("--toml", is_flag=True, help="Print the file of the target, to start your own from.")
def targets(name: str | None, *, toml: bool) -> None:
    """List the targets, with their rules and an example row of each."""
    if toml:
        if name is None:
            raise click.UsageError("--toml needs the name of a target")
        if name == "text":
            each = ", ".join(template.name for template in raftfast.Converter.templates())
            raise click.UsageError(f"text has a file for each chat template: {each}")
        endings.say(raftfast.Converter.target_file(name), end="")
        return
    if name is None:
        listed = raftfast.Converter.targets()
    elif name == "text":
        listed = raftfast.Converter.templates()
    else:
        listed = [raftfast.Converter.target(name)]
    endings.say("\n\n".join(map(_described, listed)))


@group.command()
@click.argument("name", required=False, help="One dialect only.")
def dialects(name: str | None) -> None:
    """List the dialects of records, those first that are told by more."""
    one = raftfast.Converter.dialect
    listed = raftfast.Converter.dialects() if name is None else [one(name)]
    endings.say("\n\n".join(map(_told, listed)))


@group.command()
@option("--size", type=Size(), required=True, help="Bytes to write, such as 1GB or 512MiB.")
@option(
    "--style",
    type=click.Choice(get_args(Style)),
    default="escaped",
    show_default=True,
    help="Other than ASCII as \\uXXXX, or as it is.",
)
@option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    help="Another number gives another corpus.",
)
@option(
    *("-o", "--output"),
    metavar="FILE",
    type=_FILE,
    default=STANDARD,
    help="Where the records go, by default standard output.",
)
@option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def sample(size: int, style: Style, seed: int, output: str, *, quiet: bool) -> Ended:
    """Write a corpus of made-up RAFT records.

    They are like real ones in size and escapes, and the same for the same options.
    """
    with bar(output, wanted=False if quiet else None) as tick:
        records = raftfast.sample(output, size, style=style, seed=seed, progress=tick)
    endings.outcome_stands()
    return Ended(last=() if quiet else (f"{records:,} records written",))


@group.command()
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True, type=_CORPUS)
@option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Runs of each tool; the median counts.",
)
@option("--only", metavar="TOOL", multiple=True, help="Run this tool only; may be repeated.")
@option(
    "--out",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Also write the results there, as JSON, Markdown and a chart.",
)
def bench(corpora: tuple[str, ...], rounds: int, only: tuple[str, ...], out: str | None) -> None:
    """Compare raftfast with other tools on a corpus.

    The table is printed as Markdown. Tools that are not installed are left out;
    `pip install raftfast[bench]` installs them.
    """
    from pathlib import Path  # noqa: PLC0415 - for this command only, as compare is

    from raftfast import compare  # noqa: PLC0415

    paths = {name: Path(name) for name in corpora}
    folder = Path(out) if out else None
    endings.say(compare.run(paths, rounds=rounds, only=only or None, out=folder, say=endings.tell))


@group.command(epilog=_COMPLETION_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell."""
    script = get_completion_class(shell)
    if script is not None:
        endings.say(script(group, {}, "raftfast", _COMPLETE).source())


def _dispatch() -> Ended:
    """Do what the command line says, without the endings that click would give it."""
    if _COMPLETE in os.environ:
        code = shell_complete(group, {}, "raftfast", _COMPLETE, os.environ[_COMPLETE])
        return Ended(code)
    try:
        with group.make_context("raftfast", sys.argv[1:]) as context:
            return group.invoke(context) or Ended()
    except click.exceptions.Exit as end:
        return Ended(end.exit_code)


def _take_bos_out(options: dict[str, Any]) -> None:
    template = options["template"]
    if template is not None and template not in {
        known.name for known in raftfast.Converter.templates()
    }:
        what = "--no-bos is for built-in templates: a file of your own writes what it says"
        raise click.UsageError(what)
    options["settings"] = {**options["settings"], "bos": ""}


def _take_system_out(options: dict[str, str | None]) -> None:
    if options["system"]:
        raise click.UsageError("--system and --no-system exclude each other")
    options["system"] = ""


def _or_stdin(inputs: tuple[str, ...]) -> tuple[str, ...]:
    if not inputs and os.isatty(0):
        raise click.UsageError("no INPUT is named, and standard input is a terminal")
    return inputs or (STANDARD,)


def _told(dialect: raftfast.Dialect) -> str:
    """Describe a dialect."""
    facts = {"source": dialect.source, "repairs": ", ".join(dialect.repairs) or "nothing"}
    lines = [f"  {name:<9} {fact}" for name, fact in facts.items()]
    return "\n".join([f"{dialect.name}: {dialect.about}", *lines])


def _described(target: raftfast.Target) -> str:
    """Describe a target, with an example row."""
    settings = [f"{name} = {value!r}" for name, value in target.settings.items()]
    facts = {
        "needs": ", ".join(target.needs) or "nothing: no record is filtered",
        **({"oracle": target.oracle} if target.oracle else {}),
        "settings": "; ".join(settings) or "none",
        "source": target.source,
        "train": ", ".join(target.train) or "none",
        "rules": "; ".join(f"{rule} {value}" for rule, value in target.rules.items()) or "none",
        **({"beside": target.beside} if target.beside else {}),
        "row": target.example,
    }
    lines = [f"  {name:<9} {fact}" for name, fact in facts.items()]
    return "\n".join([f"{target.name}: {target.about}", *lines])
