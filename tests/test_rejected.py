"""`rejected=`: the worse answer of preference rows, from any key or from another record."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
import raftfast
from corpora import EVERY_CPU, MACHINE, run, seeded, spell_pairs, values_of
from pyarrow import parquet
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json = dict[str, Any]

PAIRS = """
name = "pairs"
needs = ["instruction", "cot_answer", "rejected"]
row = '{"asked": "{instruction}", "better": "{cot_answer}", "worse": "{rejected}"}'
"""
OPTIONAL = """
name = "optional"
needs = ["cot_answer"]
row = '{"better": "{cot_answer}", "worse": "{rejected}"}'
"""
UNANSWERED = """
name = "unanswered"
row = '{"worse": "{rejected}"}'
"""
PREFERENCES = ["trl-dpo", "openai-dpo", "gemini-dpo", "llamafactory-preference"]


def line_of(record: object) -> bytes:
    return json.dumps(record).encode()


def asks(number: object, answer: str, /, **others: object) -> Json:
    question = f"q{number}?"
    return {"question": question, "instruction": question, "cot_answer": answer, **others}


def converted(converter: Converter, *records: Json) -> tuple[list[Any], raftfast.Ledger]:
    rows = values_of(converter.convert_bytes(b"".join(line_of(one) + b"\n" for one in records)))
    return rows, converter.ledger


def pairs(*records: Json, **options: Any) -> tuple[list[Any], raftfast.Ledger]:  # noqa: ANN401
    return converted(Converter.from_toml(PAIRS, **options), *records)


# A key --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["worse", "answer", "bad answer", "turn.user", "{key}", "ключ"])
def test_any_key_can_hold_the_rejected_answer(key: str) -> None:
    rows, ledger = pairs(asks(1, "a", **{key: "b"}), rejected=key)
    assert rows == [{"asked": "q1?", "better": "a", "worse": "b"}]
    assert ledger.written == 1


@pytest.mark.parametrize("to", PREFERENCES)
def test_preference_targets_take_it_from_a_key(to: str) -> None:
    rows = converted(Converter(to, rejected="worse"), asks(1, "a", worse="b"))[0]
    assert rows == converted(Converter(to), asks(1, "a", rejected="b"))[0]


def test_the_key_of_that_name_is_not_looked_at_then() -> None:
    rows, _ = pairs(asks(1, "a", worse="b", rejected="c"), rejected="worse")
    assert rows[0]["worse"] == "b"
    rows, _ = pairs(asks(1, "a", worse="b", rejected=["no", "text"]), rejected="worse")
    assert rows[0]["worse"] == "b"


def test_conversations_have_it_beside_their_turns() -> None:
    said = [{"role": "user", "content": "q?"}, {"role": "assistant", "content": "a"}]
    rows, _ = pairs({"messages": said, "worse": "b"}, rejected="worse")
    assert rows == [{"asked": "q?", "better": "a", "worse": "b"}]


@pytest.mark.parametrize("to", ["axolotl-dpo", "llamafactory-alpaca-preference"])
def test_rows_of_preferences_are_records_too(to: str) -> None:
    record = asks(1, "a <ANSWER>: b", rejected="c <ANSWER>: d")
    (row,), _ = converted(Converter(to, system="s"), record)
    (again,), ledger = converted(Converter(to), row)
    assert again == row
    assert ledger.dialects == {"preference": 1}
    told, _ = pairs({**row, "system": ""}, answer="final")
    assert told == [{"asked": "q1?", "better": "b", "worse": "d"}]


ASKED = {
    "a prompt": ({"prompt": "p"}, "p"),
    "an instruction": ({"instruction": "i"}, "i"),
    "a question": ({"question": "q"}, "q"),
    "an input": ({"input": "x"}, "x"),
    "a prompt and an input": ({"prompt": "p", "input": "x"}, "p\nx"),
    "an instruction and an input": ({"instruction": "i", "input": "x"}, "i\nx"),
    "a question and an input": ({"question": "q", "input": "x"}, "q\nx"),
    "an empty input": ({"question": "q", "input": ""}, "q"),
    "a prompt that is null": ({"prompt": None, "question": "q"}, "q"),
    "the prompt that was made of an instruction": ({"prompt": "p", "instruction": "i"}, "p"),
    "the instruction that was made of a question": ({"instruction": "i", "question": "q"}, "i"),
}


@pytest.mark.parametrize(("asked", "expected"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("in_a_table", [False, True])
def test_a_preference_is_about_all_that_is_asked(
    tmp_path: Path, asked: Json, expected: str, *, in_a_table: bool
) -> None:
    (tmp_path / "pairs.toml").write_text(PAIRS)
    record = {**asked, "chosen": "a", "rejected": "b"}
    source = pa.Table.from_pylist([record]) if in_a_table else io.BytesIO(line_of(record))
    rows = io.BytesIO()
    raftfast.convert(source, rows, to=tmp_path / "pairs.toml")
    assert values_of(rows.getvalue()) == [{"asked": expected, "better": "a", "worse": "b"}]


OWN = {
    "completion": {"prompt": "q?", "completion": "a"},
    "alpaca": {"instruction": "q?", "input": "", "output": "a"},
    "gorilla": asks(1, "a", context=["d"]),
    "legacy": {"question": "q?", "context": {"sentences": [["d"]]}, "answer": "a"},
}


@pytest.mark.parametrize("chosen", ["c", None, True])
@pytest.mark.parametrize("name", OWN)
def test_a_record_with_an_answer_or_documents_is_what_it_is_without_a_choice(
    name: str, chosen: object
) -> None:
    expected, _ = converted(Converter("eval"), OWN[name])
    record = {**OWN[name], "chosen": chosen, "rejected": "r"}
    found, ledger = converted(Converter("eval"), record)
    assert (found, ledger.dialects) == (expected, {name: 1})


@pytest.mark.parametrize("answers", [["chosen"], ["rejected"], []])
def test_a_prompt_with_one_answer_of_two_is_of_no_dialect(answers: list[str]) -> None:
    with pytest.raises(raftfast.Error, match="no known dialect"):
        pairs({"prompt": "p", **dict.fromkeys(answers, "a")})


def test_a_record_without_it_is_filtered() -> None:
    records = [
        asks(1, "a", worse="b"),
        asks(2, "a"),
        asks(3, "a", worse=None),
        asks(4, "a", worse=""),
    ]
    rows, ledger = pairs(*records, rejected="worse")
    assert len(rows) == 1
    reasons = ["rejected empty", "rejected missing", "rejected null"]
    assert ledger.filtered == dict.fromkeys(reasons, 1)


def test_what_is_no_text_is_refused_by_the_name_of_its_key() -> None:
    with pytest.raises(raftfast.Error, match="field 'worse' must be a string, found an array"):
        pairs(asks(1, "a", worse=[{"role": "assistant", "content": "b"}]), rejected="worse")


class Alike(NamedTuple):
    """A record whose answers have the same to be mended, and what is left of the worse one."""

    record: Json
    worse: str
    repaired: dict[str, int]
    options: Mapping[str, Any] = MappingProxyType({})


ALIKE = {
    "the prefix of LlamaIndex": Alike(
        asks(1, "assistant: a", rejected="assistant: b"), "b", {"prefix stripped": 1}
    ),
    "the prefix under another key": Alike(
        asks(1, "assistant: a", worse="assistant: b"),
        "b",
        {"prefix stripped": 1},
        {"rejected": "worse"},
    ),
    "the prefix where it is left": Alike(
        asks(1, "assistant: a", rejected="assistant: b"),
        "assistant: b",
        {},
        {"unrepaired": ["prefix stripped"]},
    ),
    "the stop text": Alike(
        {"prompt": "q", "completion": "a<STOP>", "rejected": "b<STOP>"},
        "b",
        {"stop text stripped": 1},
    ),
    "the stop text of the worse one": Alike(
        {"prompt": "q", "completion": "a", "rejected": "b<STOP>"}, "b", {"stop text stripped": 1}
    ),
    "all but the final answer": Alike(
        asks(1, "r <ANSWER>: a", rejected="r <ANSWER>: b"), "b", {}, {"answer": "final"}
    ),
    "all but the final answer, where the prefix is left": Alike(
        asks(1, "assistant: r <ANSWER>: a", rejected="assistant: r <ANSWER>: b"),
        "b",
        {},
        {"answer": "final", "unrepaired": ["prefix stripped"]},
    ),
    "all but the final answer, where the stop text is left": Alike(
        {"prompt": "q", "completion": "r <ANSWER>: a<STOP>", "rejected": "r <ANSWER>: b<STOP>"},
        "b<STOP>",
        {},
        {"answer": "final", "unrepaired": ["stop text stripped"]},
    ),
    "nothing to be repaired": Alike(
        {"prompt": "q", "completion": "c", "rejected": "r <ANSWER>: b"},
        "b",
        {},
        {"answer": "final"},
    ),
    "all but the final answer, as the paper has it": Alike(
        asks(1, "r ##Answer:  a ", rejected="r ##Answer:  b "), "b", {}, {"answer": "final"}
    ),
    "all but the final answer, of messages": Alike(
        {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "r <ANSWER>: a"},
            ],
            "rejected": "r <ANSWER>: b",
        },
        "b",
        {},
        {"answer": "final"},
    ),
    "no final answer to be found": Alike(
        asks(1, "r <ANSWER>: a", rejected="b"), "b", {}, {"answer": "final"}
    ),
}


@pytest.mark.parametrize("case", ALIKE.values(), ids=ALIKE)
def test_it_is_mended_and_shortened_as_the_better_one_is(case: Alike) -> None:
    rows, ledger = pairs(case.record, **case.options)
    assert [row["worse"] for row in rows] == [case.worse]
    assert ledger.repaired == case.repaired


def test_what_is_no_text_is_refused_where_it_is_to_be_mended() -> None:
    with pytest.raises(raftfast.Error, match="field 'rejected' must be a string, found a number"):
        pairs(asks(1, "assistant: a", rejected=1))
    with pytest.raises(raftfast.Error, match="field 'worse' must be a string, found a number"):
        pairs(asks(1, "a", worse=1), rejected="worse", answer="final")


def test_a_key_that_no_record_has_is_an_error_by_its_name(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(line_of(asks(1, "a", other_key="b")))
    with pytest.raises(raftfast.Error, match="no record has the field 'worse'"):
        raftfast.convert("in.jsonl", "out.jsonl", "trl-dpo", rejected="worse")


def test_a_column_can_hold_the_rejected_answer() -> None:
    table = pa.Table.from_pylist([asks(1, "a", worse="b", ignored=1)])
    rows = raftfast.read(table, "trl-dpo", rejected="worse").to_pyarrow().read_all().to_pylist()
    assert [row["rejected"][0]["content"] for row in rows] == ["b"]


@pytest.mark.parametrize("key", ["worse", "question", "instruction"])
def test_columns_that_need_no_rejected_answer_have_it_from_any_column(
    tmp_path: Path, key: str
) -> None:
    record = asks(1, "a", worse="b")
    (tmp_path / "optional.toml").write_text(OPTIONAL)
    table = pa.Table.from_pylist([record])
    rows = raftfast.read(table, tmp_path / "optional.toml", rejected=key)
    assert rows.to_pyarrow().read_all().to_pylist() == [{"better": "a", "worse": record[key]}]


@pytest.mark.parametrize("key", ["prompt", "instruction", "input", "worse"])
def test_a_table_is_told_by_columns_that_no_row_needs(tmp_path: Path, key: str) -> None:
    (tmp_path / "optional.toml").write_text(OPTIONAL)
    table = pa.Table.from_pylist([{"question": "q", "chosen": "a", "rejected": "b"}])
    with pytest.raises(raftfast.Error, match=f"no record has the field '{key}'"):
        raftfast.convert(table, io.BytesIO(), to=tmp_path / "optional.toml", rejected=key)


class Wrong(NamedTuple):
    """A call that makes no sense, and what is said about it."""

    to: str
    options: dict[str, Any]
    told: str


WRONG = {
    "a target of one answer": Wrong(
        "chat", {"rejected": "worse"}, "no place for a rejected answer"
    ),
    "a target of good answers": Wrong("trl-kto", {"rejected": "other"}, "no place for a rejected"),
    "no name": Wrong("trl-dpo", {"rejected": ""}, "the name of a key"),
    "a seed of nothing": Wrong("trl-dpo", {"seed": 1}, "a seed is for rejected=other"),
    "a seed of a key": Wrong("trl-dpo", {"rejected": "worse", "seed": 1}, "a seed is for"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_call_that_makes_no_sense_is_refused(case: Wrong) -> None:
    with pytest.raises(raftfast.UsageError, match=case.told):
        Converter(case.to, **case.options)


def test_a_target_without_an_answer_takes_none_of_others() -> None:
    with pytest.raises(raftfast.UsageError, match="could be compared"):
        Converter.from_toml(UNANSWERED, rejected="other")


# The answer of another record ---------------------------------------------------------------------


def some_corpus(seed: int, count: int) -> list[Json]:
    """Make records of which some share an answer, some a question, and some have neither."""
    rng = seeded(seed)
    texts = ["é / 😀 ", 'a "quoted" ', "plain ", "line\nend "]
    answers = ["", "", *(rng.choice(texts) + str(rng.randrange(count // 2)) for _ in range(count))]
    records = [asks(rng.randrange(count // 2), rng.choice(answers)) for _ in range(count)]
    return [*records, asks("unanswered ", "")]


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_answer_of_another_record_to_another_question(seed: int) -> None:
    corpus = some_corpus(seed, 300)
    rows, ledger = pairs(*corpus, rejected="other", seed=seed)
    answers: dict[str, set[str]] = {}
    for one in corpus:
        answers.setdefault(one["cot_answer"], set()).add(one["question"])
    whole = [one for one in corpus if one["cot_answer"]]
    assert [(row["asked"], row["better"]) for row in rows] == [
        (one["instruction"], one["cot_answer"]) for one in whole
    ]
    for row in rows:
        assert row["worse"] != row["better"]
        assert row["asked"] not in answers[row["worse"]]
    assert ledger.filtered == {"cot_answer empty": len(corpus) - len(whole)}
    assert len({row["worse"] for row in rows}) > len(rows) // 4, "they are not all the same"


def test_an_answer_to_the_same_question_is_better_than_none() -> None:
    rows, _ = pairs(asks(1, "a"), asks(1, "b"), rejected="other")
    assert [row["worse"] for row in rows] == ["b", "a"]


def test_without_another_answer_rows_are_filtered_by_name() -> None:
    rows, ledger = pairs(asks(1, "a"), asks(2, "a"), asks(3, "\u0061"), rejected="other")
    assert (rows, ledger.filtered) == ([], {"no other answer": 3})
    assert raftfast.Ledger.from_dict(ledger.as_dict()).filtered == ledger.filtered
    rows, ledger = converted(Converter.from_toml(OPTIONAL, rejected="other"), asks(1, "a"))
    assert rows == [{"better": "a", "worse": None}]


def test_a_file_without_another_answer_is_no_error(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(line_of(asks(1, "a")))
    ledger = raftfast.convert("in.jsonl", "out.jsonl", "trl-dpo", rejected="other")
    assert (ledger.read, ledger.filtered) == (1, {"no other answer": 1})


def test_only_records_that_become_rows_give_their_answers() -> None:
    no_instruction = {"instruction": "", "question": "q", "cot_answer": "of a filtered one"}
    malformed = {"instruction": 1, "question": "q", "cot_answer": "of a malformed one"}
    records = [asks(1, "a"), asks(2, "b"), no_instruction, malformed]
    rows, ledger = pairs(*records, rejected="other", on_error="skip")
    assert [row["worse"] for row in rows] == ["b", "a"]
    assert (ledger.read, ledger.rejected) == (4, {"wrong-type": 1})


def test_final_answers_are_compared_where_they_are_the_answers() -> None:
    records = [asks(1, "x <ANSWER>: a"), asks(2, "y <ANSWER>: a"), asks(3, "z <ANSWER>: b")]
    rows, _ = pairs(*records, rejected="other", answer="final")
    assert [row["worse"] for row in rows] == ["b", "b", "a"]


def test_each_answer_of_a_conversation_gets_one() -> None:
    said = [("user", "q?"), ("assistant", "a"), ("user", "r?"), ("assistant", "b")]
    record = {"messages": [{"role": role, "content": content} for role, content in said]}
    rows, ledger = pairs(record, rejected="other", turns="each")
    assert [(row["better"], row["worse"]) for row in rows] == [("a", "b"), ("b", "a")]
    assert (ledger.read, ledger.added) == (1, 1)


def test_neither_the_order_nor_the_spelling_of_records_matters() -> None:
    corpus = some_corpus(1, 200)
    rows, _ = pairs(*corpus, rejected="other")
    rng = seeded(2)
    converter = Converter.from_toml(PAIRS, rejected="other")
    spelled = [spell_pairs(list(one.items()), rng).encode() + b"\n" for one in corpus]
    assert values_of(converter.convert_bytes(b"".join(spelled))) == rows
    shuffled = rng.sample(corpus, len(corpus))
    again, _ = pairs(*shuffled, rejected="other")
    assert sorted(map(repr, again)) == sorted(map(repr, rows))


def test_another_seed_makes_other_choices() -> None:
    corpus = some_corpus(1, 200)
    choices = [pairs(*corpus, rejected="other", seed=seed)[0] for seed in (0, 0, 1, 2**64 - 1)]
    assert choices[0] == choices[1] == pairs(*corpus, rejected="other")[0]
    assert len({repr(chosen) for chosen in choices}) == 3


def test_no_more_than_a_thousand_answers_are_taken() -> None:
    corpus = [asks(number, f"answer {number}") for number in range(5000)]
    rows, _ = pairs(*corpus, rejected="other")
    assert len(rows) == 5000
    assert 900 < len({row["worse"] for row in rows}) <= 1000


def test_choices_stay_what_they_are_in_every_release() -> None:
    rows, _ = pairs(*(asks(number, f"a{number}") for number in range(8)), rejected="other")
    assert "".join(row["worse"] for row in rows) == GOLDEN


GOLDEN = "a6a4a6a4a7a7a0a3"


@pytest.mark.parametrize("cpu", EVERY_CPU)
def test_no_layout_of_a_run_shows(
    cpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(b"".join(line_of(one) + b"\n" for one in some_corpus(3, 3000)))

    def outcome(cpu: str, **options: int) -> tuple[object, ...]:
        monkeypatch.setenv("RAFTFAST_CPU", cpu)
        return run(Converter("trl-dpo", rejected="other"), [corpus], tmp_path, **options)

    whole = outcome(MACHINE[0], threads=1)
    assert isinstance(whole[0], bytes)
    for threads in (1, 2, 7):
        assert outcome(cpu, threads=threads, block_bytes=1 << 12) == whole


CORPUS = some_corpus(7, 500)


@pytest.fixture
def files(folder: Path) -> bytes:
    """Write a corpus in many forms; return its rows."""
    lines = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in CORPUS)
    (folder / "in.jsonl").write_bytes(lines)
    (folder / "in.jsonl.gz").write_bytes(gzip.compress(lines))
    (folder / "in.json").write_text(json.dumps(CORPUS, ensure_ascii=False))
    table = pa.Table.from_pylist(CORPUS)
    parquet.write_table(table, folder / "in.parquet", row_group_size=60)
    with (
        pa.OSFile(str(folder / "in.arrows"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=7)
    half = len(lines) // 2 + lines[len(lines) // 2 :].index(b"\n") + 1
    (folder / "halves").mkdir()
    (folder / "halves/a.jsonl").write_bytes(lines[:half])
    (folder / "halves/b.jsonl.gz").write_bytes(gzip.compress(lines[half:]))
    raftfast.convert("in.jsonl", "whole.jsonl", "trl-dpo", rejected="other", seed=5)
    return (folder / "whole.jsonl").read_bytes()


SOURCES = ["in.jsonl", "in.jsonl.gz", "in.json", "in.parquet", "in.arrows", "halves"]


@pytest.mark.parametrize("source", SOURCES)
def test_every_form_of_the_input_gives_the_same_rows(
    source: str, files: bytes, folder: Path
) -> None:
    raftfast.convert(source, "out.jsonl", "trl-dpo", rejected="other", seed=5)
    assert (folder / "out.jsonl").read_bytes() == files


def test_tables_give_the_same_rows(files: bytes, folder: Path) -> None:
    table = pa.Table.from_pylist(CORPUS)
    raftfast.convert(table, "out.jsonl", "trl-dpo", rejected="other", seed=5)
    assert (folder / "out.jsonl").read_bytes() == files
    batches = raftfast.read(table, "trl-dpo", rejected="other", seed=5)
    assert [row for batch in batches for row in batch.to_pylist()] == values_of(files)
    batches = raftfast.read("in.jsonl", "trl-dpo", rejected="other", seed=5)
    assert [row for batch in batches for row in batch.to_pylist()] == values_of(files)


@pytest.mark.parametrize("source", ["in.jsonl", "halves"])
@pytest.mark.parametrize("options", [{"shards": 2}, {"shard_size": 4000}], ids=repr)
def test_shards_have_the_rows_of_the_whole(
    source: str, options: dict[str, Any], files: bytes, folder: Path
) -> None:
    raftfast.convert(source, "s.jsonl", "trl-dpo", rejected="other", seed=5, **options)
    shards = sorted(folder.glob("s-*.jsonl"))
    assert len(shards) > 1
    assert b"".join(shard.read_bytes() for shard in shards) == files


@pytest.mark.usefixtures("files")
def test_an_output_in_a_folder_is_made_of_its_own_input_alone(folder: Path) -> None:
    options: dict[str, Any] = {"to": "trl-dpo", "rejected": "other"}
    raftfast.convert("halves", "rows/", **options, resume=True)
    for name in ("a.jsonl", "b.jsonl.gz"):
        raftfast.convert(f"halves/{name}", "alone.jsonl", **options)
        alone = (folder / "alone.jsonl").read_bytes()
        assert (folder / "rows" / f"{name.split('.')[0]}.jsonl").read_bytes() == alone
    before = (folder / "rows/a.jsonl").read_bytes()
    raftfast.convert("halves", "rows/", **options, seed=1, resume=True)
    assert (folder / "rows/a.jsonl").read_bytes() != before, "another seed is another run"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("output", ["out.parquet", "out.arrow", "out.jsonl.zst"])
def test_every_form_of_the_output_has_the_rows(output: str, files: bytes) -> None:
    raftfast.convert("in.jsonl", output, "trl-dpo", rejected="other", seed=5)
    read = [row for batch in raftfast.read(output, "hf") for row in batch.to_pylist()]
    assert read == values_of(files)


# What can be read only once -----------------------------------------------------------------------


def test_what_can_be_read_only_once_is_refused(folder: Path) -> None:
    table = pa.Table.from_pylist(CORPUS)
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: os.close(os.open(fifo, os.O_WRONLY)), daemon=True)
    writer.start()
    once: dict[str, Any] = {
        "fifo": str(fifo),
        "<stdin>": "-",
        "<BytesIO>": io.BytesIO(line_of(asks(1, "a"))),
        "<RecordBatchReader>": table.to_reader(),
    }
    for name, source in once.items():
        with pytest.raises(raftfast.UsageError, match=f"{name}: .*put it into a file"):
            raftfast.convert(source, "out.jsonl", "trl-dpo", rejected="other")
        with pytest.raises(raftfast.UsageError, match=f"{name}: .*put it into a file"):
            raftfast.read(source, "trl-dpo", rejected="other")
    assert not (folder / "out.jsonl").exists()
    with fifo.open("rb"):
        writer.join()


def test_a_malformed_record_is_told_as_ever(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(line_of(asks(1, "a")) + b"\n{\n")
    with pytest.raises(raftfast.Error) as caught:
        raftfast.convert("in.jsonl", "out.jsonl", "trl-dpo", rejected="other")
    assert (caught.value.kind, caught.value.line) == ("cut-off", 2)
    assert [path.name for path in folder.iterdir()] == ["in.jsonl"]


def test_rejected_lines_are_told_once(folder: Path) -> None:
    lines = [line_of(asks(1, "a")), b"{", line_of(asks(2, "b"))]
    (folder / "in.jsonl").write_bytes(b"\n".join(lines))
    options: dict[str, Any] = {"on_error": "skip", "rejects": "rejects.jsonl"}
    ledger = raftfast.convert("in.jsonl", "out.jsonl", "trl-dpo", rejected="other", **options)
    assert (ledger.read, ledger.written, ledger.rejected) == (3, 2, {"cut-off": 1})
    assert len(values_of((folder / "rejects.jsonl").read_bytes())) == 1


def test_the_report_says_what_was_asked_for(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(line_of(asks(1, "a")))
    raftfast.convert("in.jsonl", "o", "trl-dpo", rejected="other", seed=9, report="report.json")
    options = json.loads((folder / "report.json").read_bytes())["options"]
    assert (options["rejected"], options["seed"]) == ("other", 9)
