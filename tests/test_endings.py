"""How the command ends: its exit codes, each with one line, and no output where it failed."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import COMMAND, NAN, jsonl, record

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

ENDINGS = {
    "complete": ("raftfast convert corpus.jsonl -o out", 0, r"raftfast: 3 read .*"),
    "complete with rejected records": (
        "raftfast convert nan.jsonl corpus.jsonl -o out --on-error skip",
        3,
        r"raftfast: 4 read = 2 written .* \+ 1 rejected \(not-a-number 1\); .*",
    ),
    "a malformed record": (
        "raftfast convert nan.jsonl -o out",
        1,
        r"raftfast: nan\.jsonl: line 1, byte \d+: .*NaN.*",
    ),
    "a malformed record of standard input": (
        "raftfast convert - -o out <nan.jsonl",
        1,
        r"raftfast: <stdin>: line 1, byte \d+: .*",
    ),
    "a wrong type": (
        """echo '{"instruction": 7, "cot_answer": "a"}' | raftfast convert -o out""",
        1,
        r"raftfast: <stdin>: line 1, byte \d+: .*instruction.*number.*",
    ),
    "a field missing everywhere": (
        """echo '{"question": "q", "cot_answer": "a"}' | raftfast convert -o out""",
        1,
        r"raftfast: .*instruction.*cot_answer.*question.*|raftfast: .*instruction.*question.*",
    ),
    "a record over the limit": (
        "raftfast convert corpus.jsonl -o out --max-record-bytes 100",
        1,
        r"raftfast: corpus\.jsonl: line 1, .*",
    ),
    "other rows than expected": (
        "raftfast convert corpus.jsonl -o out --expect-rows 3",
        1,
        r"raftfast: 2 rows were written, but 3 are expected",
    ),
    "a missing input": (
        "raftfast convert missing.jsonl -o out",
        1,
        r"raftfast: missing\.jsonl: No such file or directory",
    ),
    "a second input that is missing": (
        "raftfast convert corpus.jsonl missing.jsonl -o out",
        1,
        r"raftfast: missing\.jsonl: No such file or directory",
    ),
    "a folder without records as input": (
        "mkdir d; raftfast convert d -o out; code=$?; rmdir d; exit $code",
        1,
        r"raftfast: d: no file in it ends in .*",
    ),
    "a pattern that nothing matches": (
        "raftfast convert 'no*.jsonl' -o out",
        1,
        r"raftfast: no\*\.jsonl: no file matches it",
    ),
    "an output type that is not that of its compression": (
        "raftfast convert corpus.jsonl -o out.parquet --compression gz",
        2,
        r"raftfast: parquet is not compressed by gz; .*",
    ),
    "an ending that is not written": (
        "raftfast convert corpus.jsonl -o out.xz",
        2,
        r"raftfast: out\.xz: \.xz files are not written; .*",
    ),
    "a level of nothing": (
        "raftfast convert corpus.jsonl -o out --level 3",
        2,
        r"raftfast: a level needs a compression .*",
    ),
    "shards into a pipe": (
        "raftfast convert corpus.jsonl --shards 2 -o -",
        2,
        r"raftfast: shards need the name of a file .*",
    ),
    "a compressed file that is cut": (
        "gzip -c corpus.jsonl | head -c 100 | raftfast convert -o out",
        1,
        r"raftfast: <stdin>: gzip: the file ends inside a member",
    ),
    "an array that is cut": (
        "printf '[{},' | raftfast convert --from gorilla -o out",
        1,
        r"raftfast: <stdin>: JSON array: .*",
    ),
    "an output in a missing folder": (
        "raftfast convert corpus.jsonl -o no/out",
        1,
        r"raftfast: no/out: No such file or directory",
    ),
    "an empty name": ("raftfast convert corpus.jsonl -o ''", 1, r"raftfast: '': No such file .*"),
    "a full device": (
        "raftfast convert corpus.jsonl -o /dev/full",
        1,
        r"raftfast: /dev/full: No space left on device",
    ),
    "a full standard output": (
        "raftfast convert corpus.jsonl >/dev/full",
        1,
        r"raftfast: .*No space left on device",
    ),
    "full rejects": (
        "raftfast convert nan.jsonl -o out --on-error skip --rejects /dev/full",
        1,
        r"raftfast: /dev/full: No space left on device",
    ),
    "a full report": (
        "raftfast convert corpus.jsonl -o out --report /dev/full",
        1,
        r"raftfast: /dev/full: No space left on device",
    ),
    "a closed standard output": (
        "raftfast convert corpus.jsonl >&-",
        1,
        r"raftfast: .*Bad file descriptor",
    ),
    "a closed standard input": (
        "raftfast convert -o out <&-",
        1,
        r"raftfast: .*Bad file descriptor",
    ),
    "a closed standard output that is not used": (
        "raftfast convert corpus.jsonl -o out >&-",
        0,
        r"raftfast: 3 read .*",
    ),
    "a closed standard error": ("raftfast convert corpus.jsonl -o out 2>&-", 0, ""),
    "an unknown target": (
        "raftfast convert corpus.jsonl -o out --to x",
        2,
        r"raftfast: .*x.*chat.*",
    ),
    "a missing target file": (
        "raftfast convert corpus.jsonl -o out --to x.toml",
        1,
        r"raftfast: x\.toml: No such file or directory",
    ),
    "a system message that is not UTF-8": (
        "raftfast convert corpus.jsonl -o out --system \"$(printf 'a\\377')\"",
        2,
        r"raftfast: 'a\\xff' is not UTF-8",
    ),
    "equal keys": (
        "raftfast convert corpus.jsonl -o out --to completion --prompt-key completion",
        2,
        r"raftfast: .*completion.*",
    ),
    "rejects without skip": (
        "raftfast convert corpus.jsonl -o out --rejects bad",
        2,
        r"raftfast: .*rejects.*skip.*",
    ),
    "a system message and none": (
        "raftfast convert corpus.jsonl -o out --system a --no-system",
        2,
        r"raftfast: --system and --no-system exclude each other \(.*\)",
    ),
    "an unknown option": (
        "raftfast convert --escpe ascii corpus.jsonl",
        2,
        r"raftfast: No such option '--escpe'.* \(see raftfast convert --help\)",
    ),
    "an unknown command": (
        "raftfast convrt corpus.jsonl",
        2,
        r"raftfast: No such command 'convrt'.* \(see raftfast --help\)",
    ),
    "no thread": (
        "raftfast convert corpus.jsonl -j 0",
        2,
        r"raftfast: Invalid value for '-j' / '--threads': 0 .*",
    ),
    "a strange size": (
        "raftfast convert corpus.jsonl --max-record-bytes many",
        2,
        r"raftfast: Invalid value for '--max-record-bytes': 'many' is not a size .*",
    ),
    "an unknown target to show": (
        "raftfast targets axoltl",
        2,
        r"raftfast: no target 'axoltl' \(did you mean axolotl\?\); there are .*",
    ),
    "a compressed table as text": (
        "raftfast convert corpus.jsonl -o out.csv.gz",
        2,
        r"raftfast: out\.csv\.gz: \.csv files are not written; there are \.jsonl, .*",
    ),
    "the file of an unknown target": (
        "raftfast targets opnai --toml",
        2,
        r"raftfast: no built-in target or template 'opnai' \(did you mean openai\?\); .*",
    ),
    "a dialect that is none of its own": (
        "raftfast dialects auto",
        2,
        r"raftfast: no dialect 'auto'.*; there are raft-llm, .*",
    ),
    "an unknown dialect to show": (
        "raftfast dialects x",
        2,
        r"raftfast: no dialect 'x'; there are auto, .*",
    ),
    "rejects that would be called compressed": (
        "raftfast convert corpus.jsonl -o out --on-error skip --rejects bad.jsonl.gz",
        2,
        r"raftfast: bad\.jsonl\.gz: rejects is written as lines and nothing else: call it \.jsonl",
    ),
    "a report that would be called compressed": (
        "raftfast convert corpus.jsonl -o out --report r.json.gz",
        2,
        r"raftfast: r\.json\.gz: report is written as JSON and nothing else: call it \.json",
    ),
    "a report of a check that would be called compressed": (
        "raftfast validate corpus.jsonl --to openai --report r.json.zst",
        2,
        r"raftfast: r\.json\.zst: report is written as JSON and nothing else: call it \.json",
    ),
    "a sample that would be called Parquet": (
        "raftfast sample --size 1kB -o out.parquet",
        2,
        r"raftfast: out\.parquet: sample is written as lines and nothing else: call it \.jsonl",
    ),
    "a table as text": (
        "raftfast convert corpus.jsonl -o out.CSV",
        2,
        r"raftfast: out\.CSV: \.csv files are not written; there are \.jsonl, .*",
    ),
    "a file of all chat templates": (
        "raftfast targets text --toml",
        2,
        r"raftfast: text has a file for each chat template: chatml, .*",
    ),
    "no BOS of a template of one's own": (
        "raftfast convert corpus.jsonl --to text --template mine.jinja --no-bos",
        2,
        r"raftfast: --no-bos is for built-in templates: .*",
    ),
    "a missing corpus to bench": (
        "raftfast bench no.jsonl",
        2,
        r"raftfast: .*'no.jsonl' does not exist.*",
    ),
    "an unknown tool to bench": ("raftfast bench corpus.jsonl --only x", 2, r"raftfast: .*x.*"),
    "no size": ("raftfast sample -o out", 2, r"raftfast: Missing option '--size' .*"),
    "targets to a full device": (
        "raftfast targets >/dev/full",
        1,
        r"raftfast: <stdout>: No space left on device",
    ),
    "targets to a closed standard output": (
        "raftfast targets >&-",
        1,
        r"raftfast: <stdout>: Bad file descriptor",
    ),
    "help to a full device": (
        "raftfast --help >/dev/full",
        1,
        r"raftfast: No space left on device",
    ),
}


@pytest.mark.parametrize(("script", "code", "line"), ENDINGS.values(), ids=ENDINGS)
def test_every_ending_has_its_code_its_line_and_what_it_leaves(
    script: str, code: int, line: str, corpus: Path, shell: Run
) -> None:
    corpus.with_name("nan.jsonl").write_bytes(NAN)
    before = names_in(corpus.parent)
    done = shell(script)
    said = done.stderr.decode()
    assert re.fullmatch(line, said.removesuffix("\n")), said
    assert said.count("\n") == bool(line)
    assert (done.returncode, done.stdout) == (code, b"")
    created = names_in(corpus.parent) - before
    assert created == ({"out"} if code in (0, 3) else set())


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_without_a_command_it_shows_its_help(raftfast: Run) -> None:
    done = raftfast()
    assert done.returncode == 2
    assert b"Commands:" in done.stderr


@pytest.mark.parametrize("command", ["targets", "--help", "completion bash", "sample --size 1kB"])
def test_a_pipe_closed_by_its_reader_ends_quietly(command: str, raftfast: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = raftfast(*command.split(), stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("taken", [0, 1, 1000, 100_000])
def test_a_reader_that_has_enough_ends_the_run_quietly(taken: int, folder: Path) -> None:
    (folder / "big.jsonl").write_bytes(jsonl(record()) * 10_000)
    process = subprocess.Popen(
        [*COMMAND, "convert", "big.jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert process.stderr
        assert len(process.stdout.read(taken)) == taken
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)
