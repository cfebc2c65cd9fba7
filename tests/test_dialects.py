"""Every dialect of RAFT is told from its records and read as what its generator meant."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from corpora import EVERY_CPU, MACHINE, run, seeded, spell_pairs
from meant import (
    DETAILS,
    EACH,
    GOLDENS,
    NAMES,
    ORACLE,
    RECORDS,
    Meant,
    chat,
    converted,
    details,
    fault,
    in_tags,
    line_of,
    meant,
)
from raftfast import Converter

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random


def test_goldens_and_the_oracle_know_every_dialect() -> None:
    names = {dialect.name for dialect in Converter.dialects()}
    assert names == {*NAMES} == {*ORACLE}


@EACH
def test_a_record_is_told_as_its_dialect(name: str, line: bytes) -> None:
    assert details(line).ledger.dialects == {name: 1}


@EACH
def test_chat_counts_dialects_as_far_as_rows_depend_on_them(name: str, line: bytes) -> None:
    # What tells the paper's records is a text inside of the answer: chat does not look for it.
    told = "gorilla" if name == "paper" else name
    assert chat(line).ledger.dialects == {told: 1}


@EACH
@pytest.mark.parametrize("part", [*Meant("", "", "", "").details()])
def test_each_detail_is_what_the_generator_meant(name: str, line: bytes, part: str) -> None:
    (row,) = details(line).rows
    assert row[part] == meant(name, line).details()[part]


@EACH
def test_chat_rows_are_what_the_generator_meant(name: str, line: bytes) -> None:
    expected = meant(name, line)
    spoken = [
        {"messages": [{"role": one["role"], "content": one["content"]} for one in row["messages"]]}
        for row in chat(line).rows
    ]
    assert spoken == ([expected.chat()] if expected.is_whole else [])


@EACH
def test_completion_rows_are_what_the_generator_meant(name: str, line: bytes) -> None:
    expected = meant(name, line)
    converter = Converter("completion", turns="last")
    if expected.system:
        assert fault(converter, line).kind == "unfit"
    else:
        rows = converted(converter, line).rows
        assert rows == ([expected.completion()] if expected.is_whole else [])


# Whatever their keys, rows hold their documents in the question.
ROWS = [
    (name, line)
    for name, line in RECORDS
    if b'"context"' not in line
    and b'"tool"' not in line
    and in_tags(meant(name, line).instruction or "")
]


@pytest.mark.parametrize(("name", "line"), ROWS)
def test_the_documents_in_a_question_are_its_context(name: str, line: bytes) -> None:
    expected = meant(name, line)
    parts, pairs = (
        converted(Converter(to, system="", turns="last", check="off"), line).rows
        for to in ("parts", "context-qa")
    )
    (part,), (pair,) = parts, pairs
    assert in_tags(part["context"]) == expected.documents
    assert part["context"] in (expected.instruction or "")
    assert pair["context"] == "\n\n".join(expected.documents)
    assert (part["question"], pair["question"]) == (expected.question,) * 2


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_no_spelling_of_a_record_changes_what_it_means(name: str, line: bytes, seed: int) -> None:
    rng = seeded(seed)
    pairs = list(json.loads(line).items())
    rng.shuffle(pairs)
    respelled = spell_pairs(pairs, rng).encode()
    assert details(respelled).rows == details(line).rows
    assert details(respelled).ledger.dialects == {name: 1}


@EACH
@pytest.mark.parametrize("escape", ["keep", "ascii", "pandas"])
def test_no_way_to_escape_changes_what_rows_mean(name: str, line: bytes, escape: str) -> None:
    assert details(line, escape=escape, dialect=name).rows == details(line).rows


@EACH
def test_a_dialect_asked_for_reads_as_if_told(name: str, line: bytes) -> None:
    asked_for, told = details(line, dialect=name), details(line)
    assert asked_for.rows == told.rows
    assert asked_for.ledger.dialects == told.ledger.dialects
    assert asked_for.ledger.repaired == told.ledger.repaired


@EACH
@pytest.mark.parametrize("to", ["chat", "completion", "eval", "hf"])
def test_built_in_targets_take_a_dialect_asked_for(name: str, line: bytes, to: str) -> None:
    options: dict[str, Any] = {"turns": "last", "on_error": "skip"}
    asked_for = converted(Converter(to, dialect=name, **options), line)
    told = converted(Converter(to, **options), line)
    assert asked_for.rows == told.rows
    assert asked_for.ledger.filtered == told.ledger.filtered
    assert asked_for.ledger.rejected == told.ledger.rejected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gorilla"])
def test_a_record_of_another_dialect_is_rejected(name: str) -> None:
    stranger = line_of({"instruction": "i"})
    error = fault(Converter("chat", dialect=name), GOLDENS[name][0], stranger)
    assert (error.kind, error.line) == ("unknown-dialect", 2)
    assert name in str(error)
    skipped = chat(GOLDENS[name][0], stranger, dialect=name, on_error="skip").ledger
    assert (skipped.read, skipped.rejected) == (2, {"unknown-dialect": 1})


STRANGERS = {
    "no keys": b"{}",
    "keys of others": line_of({"text": "a", "label": 1}),
    "a key in other letters": line_of({"Instruction": "i", "Cot_Answer": "c"}),
    "a prompt without completion": line_of({"prompt": "p"}),
    "an output alone": line_of({"output": "o"}),
    "an output of no text": line_of({"output": {"text": "o"}, "input": "i"}),
    "keys only further inside": line_of({"data": {"instruction": "i", "cot_answer": "c"}}),
}
EACH_STRANGER = pytest.mark.parametrize("line", STRANGERS.values(), ids=STRANGERS)


@EACH_STRANGER
def test_a_record_of_no_dialect_fails(line: bytes) -> None:
    error = fault(Converter("chat"), *GOLDENS["gorilla"], line)
    assert (error.kind, error.line) == ("unknown-dialect", 4)


@EACH_STRANGER
def test_a_record_of_no_dialect_is_skipped_if_asked(line: bytes) -> None:
    rows, ledger = chat(*GOLDENS["gorilla"], line, on_error="skip")
    assert len(rows) == 3
    assert (ledger.rejected, ledger.dialects) == ({"unknown-dialect": 1}, {"gorilla": 3})


def mixed(rng: Random, times: int = 1) -> list[tuple[str, bytes]]:
    records = RECORDS * times
    rng.shuffle(records)
    return records


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_corpus_is_read_record_by_record(seed: int) -> None:
    records = mixed(seeded(seed))
    rows, ledger = details(*(line for _, line in records))
    assert rows == [details(line).rows[0] for _, line in records]
    assert ledger.dialects == dict.fromkeys(NAMES, 3)
    assert ledger.read == ledger.written == len(RECORDS)


@pytest.mark.parametrize("seed", range(5))
def test_chat_of_a_mixed_corpus_has_a_row_of_each_whole_record(seed: int) -> None:
    records = mixed(seeded(seed))
    rows, ledger = chat(*(line for _, line in records))
    expected = [meant(name, line) for name, line in records]
    assert len(rows) == sum(one.is_whole for one in expected)
    assert rows == [row for _, line in records for row in chat(line).rows]
    assert sum(ledger.filtered.values()) == sum(not one.is_whole for one in expected)
    assert sum(ledger.dialects.values()) == ledger.read == len(records)


def with_a_null(rng: Random, line: bytes) -> bytes:
    record = json.loads(line)
    return line_of({**record, rng.choice([*record]): None})


@pytest.mark.parametrize("seed", range(5))
def test_records_with_the_same_keys_are_told_one_by_one(seed: int) -> None:
    rng = seeded(seed)
    lines = [one for _, line in mixed(rng) for one in (line, with_a_null(rng, line), line)]
    ledger = details(*lines, on_error="skip").ledger
    alone = [details(line, on_error="skip").ledger for line in lines]
    assert ledger.dialects == sum((Counter(one.dialects) for one in alone), Counter())
    assert ledger.rejected == sum((Counter(one.rejected) for one in alone), Counter())


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("to", ["details", "chat"])
def test_no_layout_of_a_run_shows(
    cpu: str, to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "details.toml"
    target.write_text(DETAILS)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(b"".join(line + b"\n" for _, line in mixed(seeded(3), 20)))

    def outcome(cpu: str, **options: int) -> tuple[object, ...]:
        monkeypatch.setenv("RAFTFAST_CPU", cpu)
        converter = Converter(target if to == "details" else to)
        return run(converter, [corpus], tmp_path, **options)

    expected = outcome(MACHINE[0], threads=1)
    assert isinstance(expected[0], bytes)
    for threads in (1, 2, 7):
        assert outcome(cpu, threads=threads, block_bytes=1 << 12) == expected


def test_documents_are_flat_or_not_whatever_their_keys_hold() -> None:
    flat = {
        "question": "Q",
        "instruction": "I",
        "cot_answer": "A",
        "context": {"t:[": ["t"], "sentences": ["d"]},
    }
    lists = {**flat, "context": {'t:["': [["t"]], "sentences": [["d"]]}}
    for record, dialect in ((flat, "raft-local"), (lists, "gorilla")):
        for spaces in (None, 1):
            line = json.dumps(record, indent=spaces).replace("\n", " ").encode()
            assert converted(Converter("raft"), line).ledger.dialects == {dialect: 1}


FITTING: dict[str, tuple[list[dict[str, object]], dict[str, list[str]]]] = {
    "one only": ([{"instruction": "Q", "cot_answer": "A"}], {}),
    "the first in the list": (
        [{"instruction": "Q", "cot_answer": "assistant: A"}],
        {"llamaindex": ["gorilla"]},
    ),
    "the first record of each counts": (
        [
            {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
            {"messages": [], "prompt": "Q", "completion": "A"},
        ],
        {},
    ),
    "several others": (
        [{"messages": [], "prompt": "Q", "completion": "A", "instruction": "Q", "output": "A"}],
        {"messages": ["completion", "alpaca", "gorilla"]},
    ),
}


@pytest.mark.parametrize(("records", "expected"), FITTING.values(), ids=FITTING)
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_a_choice_between_dialects_is_told(
    tmp_path: Path,
    records: list[dict[str, object]],
    expected: dict[str, list[str]],
    block_bytes: int,
) -> None:
    corpus, report = tmp_path / "corpus.jsonl", tmp_path / "report.json"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in records))
    rows = tmp_path / "rows.jsonl"
    ledger = raftfast.convert(corpus, rows, "completion", block_bytes=block_bytes, report=report)
    assert ledger.also_fits == json.loads(report.read_bytes())["also_fits"] == expected
    assert raftfast.Ledger.from_dict(ledger.as_dict()).also_fits == expected
