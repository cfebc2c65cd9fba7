"""The command: its options, and what it says."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

import click
import pytest
import raftfast as library
from conftest import COMMAND, NAN, jsonl, record
from raftfast.cli import group
from raftfast.endings import visible
from raftfast.options import Size
from raftfast.summary import amount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from conftest import Run

COMMANDS = sorted(group.commands)


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def contents(row: dict[str, object]) -> list[str]:
    messages = row["messages"]
    assert isinstance(messages, list)
    return [f"{message['role']}: {message['content']}" for message in messages]


# What the options of convert do


ROWS = {
    "chat is the default": ([], lambda row: [*row] == ["messages"] and len(row["messages"]) == 3),
    "completion ends in the stop": (
        ["--to", "completion"],
        lambda row: (
            [*row] == ["prompt", "completion"] and row["completion"].endswith("Paris<STOP>")
        ),
    ),
    "-t is --to": (["-t", "completion"], lambda row: "prompt" in row),
    "eval takes the final answer": (
        ["--to", "eval"],
        lambda row: row["gold_final_answer"] == "Paris",
    ),
    "hf is the record": (["--to", "hf"], lambda row: row == record()),
    "--system is the system message": (
        ["--system", "Be kind."],
        lambda row: contents(row)[0] == "system: Be kind.",
    ),
    "--no-system leaves it out": (
        ["--no-system"],
        lambda row: [text.split(":")[0] for text in contents(row)] == ["user", "assistant"],
    ),
    "an empty --system leaves it out": (["--system", ""], lambda row: len(row["messages"]) == 2),
    "--prompt-key and --completion-key name the columns": (
        ["--to", "completion", "--prompt-key", "text", "--completion-key", "label"],
        lambda row: [*row] == ["text", "label"],
    ),
    "--stop is appended": (
        ["--to", "completion", "--stop", "</s>"],
        lambda row: row["completion"].endswith("Paris</s>"),
    ),
    "an empty --stop appends nothing": (
        ["--to", "completion", "--stop", ""],
        lambda row: row["completion"].endswith("Paris"),
    ),
    "--threads may be more than there are CPUs": (["--threads", "16"], bool),
    "-j is --threads": (["-j", "3"], bool),
    "--sync changes no byte": (["--sync"], bool),
}


@pytest.mark.parametrize(("arguments", "promise"), ROWS.values(), ids=ROWS)
def test_option_shapes_the_rows(
    arguments: list[str], promise: Callable[[Any], bool], corpus: Path, raftfast: Run
) -> None:
    done = raftfast("convert", corpus.name, "-o", "out.jsonl", *arguments)
    assert (done.returncode, done.stdout) == (0, b"")
    first = rows((corpus.parent / "out.jsonl").read_bytes())[0]
    assert promise(first)


ESCAPES = {
    "keep copies escapes as they are": ("keep", rb"a\u00E9/\u0041" + "é".encode()),
    "ascii writes what json.dumps writes": ("ascii", rb"a\u00e9/A\u00e9"),
    "pandas escapes the slash": ("pandas", rb"a\u00e9\/A\u00e9"),
}


@pytest.mark.parametrize(("escape", "written"), ESCAPES.values(), ids=ESCAPES)
def test_strings_are_written_as_escape_says(escape: str, written: bytes, raftfast: Run) -> None:
    line = rb'{"instruction": "a\u00E9/\u0041' + "é".encode() + b'", "cot_answer": "b"}\n'
    done = raftfast("convert", "--escape", escape, input=line)
    assert b'"content":"' + written + b'"' in done.stdout


STREAMS = {
    "no INPUT and no output are the standard streams": "raftfast convert <corpus.jsonl >out",
    "- is standard input": "raftfast convert - <corpus.jsonl >out",
    "-o - is standard output": "raftfast convert corpus.jsonl -o - >out",
    "a pipe is read": "cat corpus.jsonl | raftfast convert -o out",
    "a FIFO is read": "mkfifo in; cat corpus.jsonl >in & raftfast convert in -o out",
    "/dev/stdin is read": "cat corpus.jsonl | raftfast convert /dev/stdin -o out",
    "/dev/stdout is written to": "raftfast convert corpus.jsonl -o /dev/stdout >out",
    "several inputs are one output": "head -n1 corpus.jsonl >a; tail -n+2 corpus.jsonl >b;"
    "raftfast convert a b -o out",
    "a file and standard input are one output": "head -n1 corpus.jsonl >a;"
    "tail -n+2 corpus.jsonl | raftfast convert a - -o out",
    "without a last newline": "head -c -1 corpus.jsonl | raftfast convert -o out",
}


@pytest.mark.parametrize("script", STREAMS.values(), ids=STREAMS)
def test_same_rows_from_every_source(script: str, corpus: Path, shell: Run) -> None:
    done = shell("set -e", "raftfast convert corpus.jsonl -o expected", script)
    assert done.returncode == 0, done.stderr
    written = (corpus.parent / "out").read_bytes()
    assert written == (corpus.parent / "expected").read_bytes()
    assert len(rows(written)) == 2


def test_output_is_appended_to_an_appending_standard_output(corpus: Path, shell: Run) -> None:
    shell("echo first >out", f"raftfast convert {corpus.name} >>out")
    lines = (corpus.parent / "out").read_bytes().splitlines()
    assert (lines[0], len(lines)) == (b"first", 3)


def test_an_empty_input_makes_an_empty_output(folder: Path, raftfast: Run) -> None:
    done = raftfast("convert", "-o", "out", input=b"")
    assert (done.returncode, (folder / "out").read_bytes()) == (0, b"")


# What it says


def test_the_summary_is_one_line_that_adds_up(corpus: Path, raftfast: Run) -> None:
    done = raftfast("convert", corpus.name, "-o", "out")
    line = (
        rb"raftfast: 3 read = 2 written \+ 1 filtered \(cot_answer null 1\) \+ 0 rejected; "
        rb"[\d.]+ kB in, [\d.]+ k?B out, \d+\.\d\d s, [\d.]+ [kMG]?B/s\n"
    )
    assert re.fullmatch(line, done.stderr), done.stderr


def test_quiet_says_nothing(corpus: Path, raftfast: Run) -> None:
    assert raftfast("convert", corpus.name, "-o", "out", "-q").stderr == b""
    assert raftfast("sample", "--size", "1kB", "-o", "sample", "--quiet").stderr == b""


BARS = {
    "drawn when asked for": (["--progress"], True),
    "not drawn by default beside a terminal": ([], False),
    "not drawn when quiet": (["--progress", "--quiet"], False),
}


@pytest.mark.parametrize(("arguments", "drawn"), BARS.values(), ids=BARS)
def test_progress_is_drawn_only_where_it_is_asked_for(
    arguments: list[str], *, drawn: bool, corpus: Path, raftfast: Run
) -> None:
    done = raftfast("convert", corpus.name, "-o", "out", *arguments)
    assert (b"\r" in done.stderr) is drawn


def on_terminal(*arguments: str) -> tuple[int, bytes]:
    """Run the command with a terminal as its standard input and error."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs
        )
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how Linux says that the other side is closed
            while piece := terminal.read(1024):
                shown += piece
        return process.wait(), shown


def test_a_terminal_shows_a_bar_and_then_the_summary_alone(corpus: Path) -> None:
    code, shown = on_terminal("convert", str(corpus), "-o", str(corpus.with_name("out")))
    bar, summary = shown.rstrip().rsplit(b"\r", 1)
    assert (code, b"B/s" in bar) == (0, True)
    assert summary.startswith(b"raftfast: 3 read")


def test_a_terminal_shows_no_bar_that_is_not_wanted(corpus: Path) -> None:
    output = str(corpus.with_name("out"))
    _, shown = on_terminal("convert", str(corpus), "-o", output, "--no-progress")
    assert shown.startswith(b"raftfast: 3 read")


def test_a_terminal_is_not_waited_for_as_input(folder: Path) -> None:
    code, shown = on_terminal("convert", "-o", str(folder / "out"))
    assert code == 2
    assert shown.startswith(b"raftfast: no INPUT is named, and standard input is a terminal")


# Rejects, reports, expectations


def test_rejects_hold_the_lines_as_they_were(corpus: Path, raftfast: Run) -> None:
    bad = b'{"instruction": "a\xff"}'
    corpus.write_bytes(jsonl(record()) + b"\n" + bad + b"\r\n" + NAN + jsonl(record()))
    arguments = ["convert", corpus.name, "-o", "out", "--on-error", "skip", "--rejects", "bad"]
    done = raftfast(*arguments)
    assert done.returncode == 3
    first, second = rows((corpus.parent / "bad").read_bytes())
    assert list(first) == ["file", "line", "offset", "start", "reason", "message", "raw"]
    data = corpus.read_bytes()
    assert (first["file"], first["line"], first["reason"]) == (corpus.name, 3, "invalid-utf8")
    assert (first["start"], first["offset"]) == (data.index(bad), data.index(b"\xff"))
    assert base64.b64decode(str(first["raw"])).rstrip() == bad
    assert (second["line"], second["reason"]) == (4, "not-a-number")
    assert base64.b64decode(str(second["raw"])).rstrip() == NAN.rstrip()
    assert len(rows((corpus.parent / "out").read_bytes())) == 2


def test_rejects_are_empty_when_nothing_is_rejected(corpus: Path, raftfast: Run) -> None:
    arguments = ["--on-error", "skip", "--rejects", "bad"]
    assert raftfast("convert", corpus.name, "-o", "out", *arguments).returncode == 0
    assert (corpus.parent / "bad").read_bytes() == b""


def test_the_report_is_the_ledger_with_what_was_run(corpus: Path, raftfast: Run) -> None:
    raftfast("convert", corpus.name, "-o", "out", "--report", "report.json", "--system", "S")
    report = json.loads((corpus.parent / "report.json").read_bytes())
    counts = {"read": 3, "written": 2, "filtered": {"cot_answer null": 1}, "rejected": {}}
    run = {
        "raftfast": library.__version__,
        "target": "chat",
        "inputs": [corpus.name],
        "output": "out",
        "options": {
            "settings": {},
            "system": "S",
            "dialect": "auto",
            "answer": "cot",
            "turns": "error",
            "unrepaired": [],
            "check": "warn",
            "escape": "keep",
            "on_error": "fail",
            "output_type": "jsonl",
        },
    }
    assert {**report, **counts, **run} == report
    assert report["bytes_in"] == corpus.stat().st_size
    assert report["bytes_out"] == (corpus.parent / "out").stat().st_size
    assert report["seconds"] >= 0


def test_the_report_may_go_to_standard_output(corpus: Path, raftfast: Run) -> None:
    done = raftfast("convert", corpus.name, "-o", "out", "--report", "-")
    assert json.loads(done.stdout)["written"] == 2


def test_expected_rows_let_the_output_appear(corpus: Path, raftfast: Run) -> None:
    done = raftfast("convert", corpus.name, "-o", "out", "--expect-rows", "2")
    assert (done.returncode, (corpus.parent / "out").exists()) == (0, True)


def test_a_library_call_says_what_was_expected(corpus: Path) -> None:
    with pytest.raises(library.Error) as caught:
        library.convert(corpus, corpus.with_name("out"), expect_rows=5)
    assert caught.value.kind == "expected-rows"


def test_progress_is_told_with_the_bytes_in_all(corpus: Path) -> None:
    corpus.write_bytes(jsonl(record()) * 50_000)
    told: list[tuple[int, int | None]] = []
    library.convert(
        corpus, corpus.with_name("out"), progress=lambda *told_now: told.append(told_now)
    )
    size = corpus.stat().st_size
    assert {total for _, total in told} == {size}
    assert all(0 <= done <= size for done, _ in told)


def test_what_progress_raises_ends_the_run(endless: str, folder: Path) -> None:
    def progress(_done: int, total: int | None) -> None:
        assert total is None
        raise LookupError

    with pytest.raises(LookupError):
        library.convert(endless, "out", progress=progress)
    assert list(folder.iterdir()) == []


# The other commands


def test_targets_are_listed_with_a_row_of_each(raftfast: Run) -> None:
    listed = raftfast("targets").stdout.decode()
    for target in library.Converter.targets():
        assert f"{target.name}: {target.about}\n" in listed
        assert f"{target.example}\n" in listed


def test_one_target_is_shown_alone(raftfast: Run) -> None:
    shown = raftfast("targets", "eval").stdout.decode()
    assert shown.startswith("eval: ")
    assert "chat: " not in shown


@pytest.mark.parametrize("style", ["escaped", "utf8"])
def test_samples_are_the_same_for_the_same_seed(style: str, folder: Path, raftfast: Run) -> None:
    made = {}
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = ["--size", "300kB", "--style", style, "--seed", seed]
        assert raftfast("sample", *options, "-o", name).returncode == 0
        made[name] = (folder / name).read_bytes()
    assert made["a"] == made["b"] != made["c"]
    assert 300_000 <= len(made["a"]) < 400_000
    assert made["a"].isascii() is (style == "escaped")
    assert raftfast("convert", "a", "-o", "out").returncode == 0


def test_bench_prints_a_table_and_keeps_the_results(corpus: Path, raftfast: Run) -> None:
    options = ["--rounds", "1", "--only", "cat", "--out", "results"]
    done = raftfast("bench", corpus.name, *options)
    assert done.returncode == 0, done.stderr
    assert "| `cat in > out` |" in done.stdout.decode()
    assert (corpus.parent / "results/results.json").exists()


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell_name: str, raftfast: Run) -> None:
    done = raftfast("completion", shell_name)
    assert (done.returncode, b"_RAFTFAST_COMPLETE" in done.stdout) == (0, True)


COMPLETIONS = {
    "commands": ("raftfast con", "convert"),
    "options": ("raftfast convert --max", "--max-record-bytes"),
    "targets": ("raftfast convert --to comp", "completion"),
    "choices": ("raftfast convert --escape pa", "pandas"),
}


@pytest.mark.parametrize(("words", "offered"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_a_shell_is_offered_what_can_follow(words: str, offered: str, raftfast: Run) -> None:
    asked = {
        "_RAFTFAST_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = raftfast(env={**os.environ, **asked})
    assert done.stdout.decode().split() == [f"plain,{offered}"]


def test_version_is_that_of_the_library(raftfast: Run) -> None:
    assert raftfast("--version").stdout.decode() == f"raftfast {library.__version__}\n"


# The commands as declared


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_under_both_names(name: str, raftfast: Run) -> None:
    shown = raftfast(name, "--help").stdout
    assert shown == raftfast(name, "-h").stdout
    assert shown.startswith(f"Usage: raftfast {name}".encode())


@pytest.mark.parametrize("name", COMMANDS)
def test_option_names_are_unique_and_explained(name: str) -> None:
    command = group.commands[name]
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    names = [name for option in options for name in (*option.opts, *option.secondary_opts)]
    assert len(names) == len(set(names))
    assert [option.name for option in options if not option.help] == []


SIZES = {
    "4096": 4096,
    "1b": 1,
    "1K": 1024,
    "1kB": 1000,
    "512MiB": 512 << 20,
    "1.5GB": 1_500_000_000,
    "2 TiB": 2 << 40,
}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size_is_the_bytes_that_its_unit_says(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "0", "1XB", "1e9", "9999999999TB", "1.GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Size().convert(text, None, None)


AMOUNTS = {0: "0 B", 999: "999 B", 1000: "1 kB", 80_123_456: "80.1 MB", 2.67e9: "2.67 GB"}


@pytest.mark.parametrize(("size", "text"), AMOUNTS.items())
def test_an_amount_is_told_with_three_digits(size: float, text: str) -> None:
    assert amount(size) == text


# What the process is like


HEAVY = ["click", "pyarrow", "orjson", "tqdm", "json", "asyncio", "logging", "pathlib"]


def in_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def test_import_is_light() -> None:
    already = "import sys; before = set(sys.modules); import raftfast"
    loaded = in_python(f"{already}; print(*set(sys.modules) - before)").split()
    assert [name for name in HEAVY if name in loaded] == []


PROCESS = """
import os, signal, sys, threading
def state():
    handlers = [signal.getsignal(number) for number in (1, 2, 13, 15)]
    return dict(os.environ), handlers, threading.active_count(), sys.path[:]
before = state()
import raftfast
print(before == state())
"""


def test_import_changes_nothing_of_the_process() -> None:
    assert in_python(PROCESS) == "True\n"


def test_the_command_takes_no_bar_for_nothing(corpus: Path) -> None:
    code = (
        "import sys; from raftfast.cli import main; sys.argv = ['', 'convert', "
        f"{str(corpus)!r}, '-o', '/dev/null']\ntry: main()\nfinally: print('tqdm' in sys.modules)"
    )
    assert in_python(code) == "False\n"


HIDDEN = {
    "C0": ("a\x1b[31m\n", r"a\x1b[31m\x0a"),
    "DEL and C1": ("\x7f\x9b", r"\x7f\x9b"),
    "bidi marks": ("\u061c\u200f\u202e\u2066", r"\u061c\u200f\u202e\u2066"),
    "line separators": ("\u2028", r"\u2028"),
    "lone bytes": ("\udcff", r"\xff"),
    "nothing else": ("é / \\ ' 漢", "é / \\ ' 漢"),
}


@pytest.mark.parametrize(("text", "shown"), HIDDEN.values(), ids=HIDDEN)
def test_a_terminal_is_spared(text: str, shown: str) -> None:
    assert visible(text) == shown
