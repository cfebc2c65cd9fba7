"""`turns="each"`: every answer of a conversation gives a row, and every row is accounted for."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
import raftfast
from corpora import EVERY_CPU, MACHINE, lines_of, run, seeded, values_of
from meant import SEVERAL, line_of, says, talk
from pyarrow import parquet
from raftfast import Converter
from raftfast.summary import summary

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from conftest import Run

Json = dict[str, Any]

USER, AGAIN = says("user", "first?"), says("user", "second?")
ONE, TWO = says("assistant", "one"), says("assistant", "two")
ROWS = [
    {"prompt": "first?", "completion": "one<STOP>"},
    {"prompt": "second?", "completion": "two<STOP>"},
]

PAIRED = """
name = "paired"
needs = ["cot_answer", "rejected"]
row = '{"asked": "{instruction}", "better": "{cot_answer}", "worse": "{rejected}"}'
"""
GREETED = """
name = "greeted"
row = '{"asked": "{question}", "gold": "{cot_answer}", "told": "{system}", "id": "{id}"}'

[settings]
system = ""
"""
STRICT = """
name = "strict"
needs = ["instruction", "cot_answer"]
row = '{"q": "{instruction}", "a": "{cot_answer}"}'

[rules]
forbidden = ["BAD"]
"""


def converted(converter: Converter, *lines: bytes) -> tuple[list[Any], raftfast.Ledger]:
    rows = values_of(converter.convert_bytes(b"".join(line + b"\n" for line in lines)))
    return rows, converter.ledger


def each(*lines: bytes, to: str = "completion", **options: Any) -> tuple[list[Any], Any]:  # noqa: ANN401
    return converted(Converter(to, turns="each", **options), *lines)


def own(target: str, *lines: bytes, **options: Any) -> tuple[list[Any], Any]:  # noqa: ANN401
    return converted(Converter.from_toml(target, turns="each", **options), *lines)


def adds_up(ledger: raftfast.Ledger) -> bool:
    dropped = sum(ledger.filtered.values()) + sum(ledger.rejected.values())
    return ledger.read + ledger.added == ledger.written + dropped


@pytest.mark.parametrize("line", SEVERAL.values(), ids=SEVERAL)
def test_each_answer_gives_a_row(line: bytes) -> None:
    rows, ledger = each(line)
    assert rows == ROWS
    assert (ledger.read, ledger.added, ledger.written) == (1, 1, 2)


@pytest.mark.parametrize("line", SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("to", ["chat", "sharegpt", "alpaca", "trl-conversational"])
def test_targets_of_whole_conversations_are_not_affected(line: bytes, to: str) -> None:
    rows, ledger = each(line, to=to)
    assert rows == converted(Converter(to), line)[0]
    assert (ledger.read, ledger.added, ledger.written) == (1, 0, 1)


class Case(NamedTuple):
    """Records, and what becomes of each of their rows."""

    lines: list[bytes]
    rows: list[Json]
    added: int
    filtered: dict[str, int] = {}  # noqa: RUF012 - of a tuple, and never changed
    rejected: dict[str, int] = {}  # noqa: RUF012 - as above


CASES = {
    "one answer": Case([talk(USER, ONE)], ROWS[:1], 0),
    "no answer": Case([talk(USER)], [], 0, {"cot_answer null": 1}),
    "no turn": Case([talk()], [], 0, {"instruction null": 1}),
    "a plain record between": Case(
        [SEVERAL["messages"], line_of({"instruction": "i", "cot_answer": "c"}), SEVERAL["alpaca"]],
        [*ROWS, {"prompt": "i", "completion": "c<STOP>"}, *ROWS],
        2,
    ),
    "an empty answer first": Case(
        [talk(USER, says("assistant", ""), AGAIN, TWO)], ROWS[1:], 1, {"cot_answer empty": 1}
    ),
    "an empty answer last": Case(
        [talk(USER, ONE, AGAIN, says("assistant", ""))], ROWS[:1], 1, {"cot_answer empty": 1}
    ),
    "answers without content": Case(
        [talk(USER, says("assistant", None), AGAIN, says("assistant", None))],
        [],
        1,
        {"cot_answer null": 2},
    ),
    "an answer before any question": Case(
        [talk(says("assistant", "hello"), USER, ONE)], ROWS[:1], 1, {"instruction null": 1}
    ),
    "the last question counts": Case(
        [talk(says("user", "before"), USER, ONE, AGAIN, TWO)], ROWS, 1
    ),
    "two answers to one question": Case(
        [talk(USER, ONE, TWO)],
        [ROWS[0], {"prompt": "first?", "completion": "two<STOP>"}],
        1,
    ),
    "a question without content is none": Case(
        [talk(USER, ONE, says("user", None), TWO)], ROWS[:1], 1, {"instruction null": 1}
    ),
    "an empty answer of the record itself": Case(
        [line_of({"instruction": "q", "output": None, "history": [["first?", "one"]]})],
        ROWS[:1],
        1,
        {"cot_answer null": 1},
    ),
    "a wrong type of the record itself": Case(
        [line_of({"instruction": "q", "output": 1, "history": [["first?", "one"]]})],
        ROWS[:1],
        1,
        rejected={"wrong-type": 1},
    ),
    "a question at the end": Case(
        [talk(USER, ONE, AGAIN, TWO, USER)], [], 0, rejected={"unfit": 1}
    ),
    "a tool in between": Case(
        [talk(USER, ONE, AGAIN, says("tool", "t"), TWO)], [], 0, rejected={"unfit": 1}
    ),
    "a system message without a place": Case(
        [talk(says("system", "S"), USER, ONE, AGAIN, TWO)], [], 0, rejected={"unfit": 1}
    ),
    "a system message beside a history, without a place": Case(
        [line_of({"instruction": "q", "output": "o", "history": [["a", "b"]], "system": "S"})],
        [],
        0,
        rejected={"unfit": 1},
    ),
    "a turn that cannot be read": Case(
        [talk(USER, ONE, AGAIN, says("narrator", "n"))], [], 0, rejected={"bad-turn": 1}
    ),
    "a refused record at the very first": Case(
        [talk(USER, ONE, AGAIN, TWO, USER), SEVERAL["messages"]], ROWS, 1, rejected={"unfit": 1}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_row_is_judged_by_itself(case: Case) -> None:
    rows, ledger = each(*case.lines, on_error="skip")
    assert rows == case.rows
    assert (ledger.read, ledger.added) == (len(case.lines), case.added)
    assert (ledger.filtered, ledger.rejected) == (case.filtered, case.rejected)
    assert adds_up(ledger)


def test_rows_have_what_the_record_says_of_all_answers() -> None:
    line = talk(says("system", "S"), USER, ONE, AGAIN, TWO, id="7")
    rows, _ = own(GREETED, line)
    assert rows == [
        {"asked": "first?", "gold": "one", "told": "S", "id": "7"},
        {"asked": "second?", "gold": "two", "told": "S", "id": "7"},
    ]


def test_what_is_said_of_the_last_answer_is_not_taken_for_another() -> None:
    rows, ledger = own(PAIRED, talk(USER, ONE, AGAIN, TWO, rejected="worse than two"))
    assert rows == [{"asked": "second?", "better": "two", "worse": "worse than two"}]
    assert ledger.filtered == {"rejected missing": 1}


def test_final_answers_are_those_of_their_own_answers() -> None:
    dialog = ["###User: a", "###Assistant: b <ANSWER>: e", "###User: c", "###Assistant: d"]
    rows, ledger = each(line_of({"dialog": dialog, "qa_answer": "f"}), answer="final")
    assert [row["completion"] for row in rows] == ["e<STOP>", "f<STOP>"]
    assert ledger.repaired == {"prefix stripped": 1}
    assert ledger.dialects == {"raft-llm": 1}


def test_a_row_that_breaks_a_rule_is_rejected_alone() -> None:
    line = talk(USER, says("assistant", "BAD"), AGAIN, TWO, USER, says("assistant", "BAD too"))
    rows, ledger = own(STRICT, line, check="strict", on_error="skip")
    assert rows == [{"q": "second?", "a": "two"}]
    assert (ledger.read, ledger.added, ledger.rejected) == (1, 2, {"rule": 2})
    assert adds_up(ledger)
    rows, ledger = own(STRICT, line)
    assert len(rows) == 3
    assert ledger.warned == {"forbidden": 2}


def test_a_row_that_is_rejected_ends_the_run_unless_skipped() -> None:
    line = talk(USER, ONE, AGAIN, says("assistant", "BAD"))
    with pytest.raises(raftfast.Error) as caught:
        own(STRICT, SEVERAL["messages"], line, check="strict")
    assert (caught.value.kind, caught.value.line) == ("rule", 2)


def test_the_line_of_a_record_is_rejected_once(folder: Path) -> None:
    target = folder / "strict.toml"
    target.write_text(STRICT)
    bad = talk(USER, says("assistant", "BAD"), AGAIN, says("assistant", "BAD too"))
    (folder / "in.jsonl").write_bytes(SEVERAL["messages"] + b"\n" + bad + b"\n")
    ledger = raftfast.convert(
        "in.jsonl",
        "out.jsonl",
        target,
        turns="each",
        check="strict",
        on_error="skip",
        rejects="rejects.jsonl",
    )
    (reject,) = values_of((folder / "rejects.jsonl").read_bytes())
    assert isinstance(reject, dict)
    assert reject["line"] == 2
    assert base64.b64decode(reject["raw"]).rstrip() == bad
    assert ledger.rejected == {"rule": 2}


def test_only_records_that_are_all_refused_are_no_missing_field(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(SEVERAL["messages"] + b"\n" + talk(USER, ONE, AGAIN) + b"\n")
    ledger = raftfast.convert("in.jsonl", "out", "completion", turns="each", on_error="skip")
    assert (ledger.written, ledger.rejected) == (2, {"unfit": 1})


# Against the obvious way --------------------------------------------------------------------------


def expected(turns: list[Json]) -> list[Json]:
    """Give the rows of a conversation without a question at its end."""
    rows, question = [], None
    for turn in turns:
        if turn["role"] == "user":
            question = turn["content"]
        elif question and turn["content"]:
            rows.append({"prompt": question, "completion": f"{turn['content']}<STOP>"})
    return rows


def some_turns(rng: Random) -> list[Json]:
    contents = ["", "é / 😀", 'a "quoted" one', "plain", "line\nend"]
    turns = [
        says(rng.choice(["user", "assistant"]), rng.choice(contents))
        for _ in range(rng.randrange(12))
    ]
    return [*turns, says("assistant", rng.choice(contents))]


def some_corpus(rng: Random, count: int) -> list[list[Json]]:
    return [some_turns(rng) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_the_obvious_way(seed: int) -> None:
    corpus = some_corpus(seeded(seed), 50)
    rows, ledger = each(*(talk(*turns) for turns in corpus))
    assert rows == [row for turns in corpus for row in expected(turns)]
    answers = [sum(turn["role"] == "assistant" for turn in turns) for turns in corpus]
    assert ledger.read == len(corpus)
    assert ledger.added == sum(answers) - len(corpus)
    assert adds_up(ledger)


@pytest.mark.parametrize("cpu", EVERY_CPU)
def test_no_layout_of_a_run_shows(
    cpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    lines = [talk(*turns) for turns in some_corpus(seeded(9), 400)]
    corpus.write_bytes(b"".join(line + b"\n" for line in lines))

    def outcome(cpu: str, **options: int) -> tuple[object, ...]:
        monkeypatch.setenv("RAFTFAST_CPU", cpu)
        return run(Converter("completion", turns="each"), [corpus], tmp_path, **options)

    whole = outcome(MACHINE[0], threads=1)
    assert isinstance(whole[0], bytes)
    for threads in (1, 2, 7):
        assert outcome(cpu, threads=threads, block_bytes=1 << 12) == whole


@pytest.fixture
def talks(folder: Path) -> list[Json]:
    """Write conversations as lines, gz, Arrow and Parquet; return the rows that they give."""
    corpus = some_corpus(seeded(4), 100)
    lines = b"".join(talk(*turns) + b"\n" for turns in corpus)
    (folder / "in.jsonl").write_bytes(lines)
    (folder / "in.jsonl.gz").write_bytes(gzip.compress(lines))
    table = pa.table({"messages": corpus})
    parquet.write_table(table, folder / "in.parquet")
    with (
        pa.OSFile(str(folder / "in.arrow"), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=7)
    return [row for turns in corpus for row in expected(turns)]


INPUTS = ["in.jsonl", "in.jsonl.gz", "in.arrow", "in.parquet"]
OUTPUTS = ["out.jsonl", "out.jsonl.zst", "out.arrow", "out.arrows", "out.parquet"]


def rows_of(path: str) -> list[Any]:
    return [row for batch in raftfast.read(path, "hf") for row in batch.to_pylist()]


@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_form_in_and_out_has_the_rows(source: str, output: str, talks: list[Json]) -> None:
    ledger = raftfast.convert(source, output, "completion", turns="each")
    assert rows_of(output) == talks
    assert (ledger.read, ledger.written) == (100, len(talks))
    assert adds_up(ledger)


def test_batches_and_folders_have_the_rows(folder: Path, talks: list[Json]) -> None:
    batches = raftfast.read("in.jsonl", "completion", turns="each")
    assert [row for batch in batches for row in batch.to_pylist()] == talks
    assert batches.ledger is not None
    assert batches.ledger.added > 0
    raftfast.convert("in.jsonl", "rows/", "completion", turns="each")
    assert values_of((folder / "rows/in.jsonl").read_bytes()) == talks


def test_shards_have_the_rows_and_their_ledgers_add_up(folder: Path, talks: list[Json]) -> None:
    whole = raftfast.convert("in.jsonl", "out.jsonl", "completion", turns="each")
    several: list[dict[str, Any]] = [{"shards": 3}, {"shard_size": 1000}]
    for options in several:
        ledger = raftfast.convert("in.jsonl", "s.jsonl", "completion", turns="each", **options)
        shards = sorted(folder.glob("s-*.jsonl"))
        assert len(shards) > 2
        assert [row for path in shards for row in values_of(path.read_bytes())] == talks
        assert (ledger.read, ledger.added) == (whole.read, whole.added)
        for path in shards:
            path.unlink()


def test_a_resumed_folder_keeps_the_account(talks: list[Json]) -> None:
    first = raftfast.convert("in.jsonl", "rows/", "completion", turns="each", resume=True)
    again = raftfast.convert("in.jsonl", "rows/", "completion", turns="each", resume=True)
    assert (again.added, again.written) == (first.added, len(talks))


# The account --------------------------------------------------------------------------------------


def test_the_account_tells_added_rows_only_where_there_are_some() -> None:
    _, ledger = each(SEVERAL["messages"], SEVERAL["alpaca"])
    assert repr(ledger) == "Ledger(read=2, added=2, written=4, filtered=0, rejected=0)"
    assert summary(ledger).startswith("2 read + 2 added = 4 written + 0 filtered + 0 rejected; ")
    _, plain = each(line_of({"instruction": "i", "cot_answer": "c"}))
    assert repr(plain) == "Ledger(read=1, written=1, filtered=0, rejected=0)"
    assert summary(plain).startswith("1 read = 1 written + 0 filtered + 0 rejected; ")


def test_an_account_is_taken_back_with_its_added_rows() -> None:
    _, ledger = each(SEVERAL["messages"])
    facts = ledger.as_dict()
    assert facts["added"] == 1
    assert raftfast.Ledger.from_dict(facts).as_dict() == facts
    assert raftfast.Ledger.total([ledger, ledger], 1.0).added == 2
    with pytest.raises(ValueError, match="add up"):
        raftfast.Ledger.from_dict({**facts, "added": 2})


def test_the_report_has_the_added_rows(folder: Path, raftfast: Run) -> None:
    (folder / "in.jsonl").write_bytes(SEVERAL["messages"] + b"\n")
    arguments = ("-o", "out.jsonl", "--to", "completion", "--turns", "each", "--report", "-")
    done = raftfast("convert", "in.jsonl", *arguments)
    report = json.loads(done.stdout)
    assert (report["read"], report["added"], report["written"]) == (1, 1, 2)
    assert b"1 read + 1 added = 2 written" in done.stderr
    assert len(lines_of((folder / "out.jsonl").read_bytes())) == 2


def test_rows_are_expected_by_their_own_number(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(SEVERAL["messages"] + b"\n")
    raftfast.convert("in.jsonl", "out.jsonl", "completion", turns="each", expect_rows=2)


def test_a_long_conversation_takes_time_in_proportion() -> None:
    # Made anew from all turns before it, each row would take as long as all of these take together.
    rows, ledger = each(talk(*(turn for _ in range(20_000) for turn in (USER, ONE))))
    assert len(rows) == ledger.written == 20_000


def test_documents_in_a_question_of_raft_llm_are_not_those_before_it() -> None:
    asked = "###User: q <DOCUMENT>in</DOCUMENT> w"
    record = {
        "dialog": [asked, "###Assistant: a"],
        "instruction": f"<DOCUMENT>d</DOCUMENT>\n{asked}",
        "qa_answer": "###Assistant: a",
    }
    ((row,), _) = converted(Converter("chat"), line_of(record))
    question = row["messages"][1]["content"]
    assert question == "<DOCUMENT>d</DOCUMENT>\nq <DOCUMENT>in</DOCUMENT> w"
