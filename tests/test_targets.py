"""Each built-in target writes the rows that its consumer documents, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documented import (
    CONSUMERS,
    GOLDENS,
    INPUTS,
    LAST,
    NEEDS_ORACLE,
    ONE_ANSWER,
    PLACE_FOR_SYSTEM,
    PLAIN,
    PREFERENCES,
    RECORDS,
    Row,
    converter,
    golden,
)
from raftfast import Converter, UsageError

if TYPE_CHECKING:
    from raftfast.choices import Turns

FILES = Path(__file__).parent.parent / "rust" / "target"
RULES = {
    *("first", "last", "alternate", "roles", "min_turns", "min_rows", "max_rows", "max_bytes"),
    *("max_row_chars", "forbidden", "extra_keys", "bom", "array", "files", "names"),
    *(
        "after",
        "has",
        "system_first",
        "one_system",
        "weight",
        "content",
        "calls_alone",
        "calls_answered",
        "calls_as_text",
        "call_id_chars",
        "parts",
        "other_parts",
        "apart",
        "other_keys",
        "other_roles",
        "ignores",
        "turn_extra_keys",
    ),
}
# What `validate` asks of all rows, for which a consumer may have names all the same.
ALWAYS = {
    *("roles", "content", "missing_key", "turn_missing_key", "extra_keys", "turn_extra_keys"),
    *("wrong_type", "wrong_value", "not-an-object"),
}


def outcome(name: str, line: bytes, *, turns: Turns = "error") -> str:
    """Convert one record: its row, as `json.dumps` writes it, or why there is none."""
    target = converter(name, turns=turns)
    rows = target.convert_bytes(line).splitlines()
    ledger = target.ledger
    assert (ledger.read, ledger.written) == (1, len(rows))
    if rows:
        return json.dumps(json.loads(rows[0]))
    verdict, reasons = (
        ("filtered", ledger.filtered) if ledger.filtered else ("rejected", ledger.rejected)
    )
    (reason,) = reasons
    return json.dumps({verdict: reason})


@pytest.mark.parametrize("name", CONSUMERS)
def test_goldens_are_what_the_documentation_of_the_consumer_says(name: str) -> None:
    lines = (GOLDENS / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    assert lines == golden(name)


@pytest.mark.parametrize("number", range(3), ids=["plain", "unicode", "conversation"])
@pytest.mark.parametrize("name", CONSUMERS)
def test_a_record_becomes_the_row_that_its_consumer_documents(name: str, number: int) -> None:
    lines = (GOLDENS / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    assert outcome(name, INPUTS.read_bytes().splitlines()[number]) == lines[number]


@pytest.mark.parametrize("name", sorted(ONE_ANSWER))
def test_the_last_answer_of_a_conversation_will_do_where_that_is_asked_for(name: str) -> None:
    record = RECORDS[2] | {"messages": RECORDS[2]["messages"][1:]}
    found = outcome(name, json.dumps(record).encode(), turns="last")
    if name in NEEDS_ORACLE:
        assert json.loads(found) == {"filtered": "oracle_context missing"}
    else:
        assert found == json.dumps(CONSUMERS[name](LAST))


@pytest.mark.parametrize("name", sorted(CONSUMERS.keys() - PLACE_FOR_SYSTEM))
def test_a_system_message_that_has_no_place_in_a_row_is_not_lost_in_silence(name: str) -> None:
    record = json.dumps(RECORDS[2]).encode()
    assert outcome(name, record, turns="last") == json.dumps({"rejected": "unfit"})


@pytest.mark.parametrize("name", sorted(PLACE_FOR_SYSTEM - {"raft"}))
def test_a_system_message_that_is_given_is_in_rows_of_records_without_one(name: str) -> None:
    target = converter(name, system='Be "brief".')
    (row,) = target.convert_bytes(json.dumps(RECORDS[0]).encode()).splitlines()
    wanted = CONSUMERS[name](PLAIN._replace(system='Be "brief".'))
    assert json.dumps(json.loads(row)) == json.dumps(wanted)


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [({}, "missing"), ({"rejected": None}, "null"), ({"rejected": ""}, "empty")],
)
@pytest.mark.parametrize("name", PREFERENCES)
def test_a_preference_needs_an_answer_that_is_worse(name: str, rejected: Row, reason: str) -> None:
    record = {key: value for key, value in RECORDS[0].items() if key != "rejected"} | rejected
    wanted = {"filtered": f"rejected {reason}"}
    assert outcome(name, json.dumps(record).encode()) == json.dumps(wanted)


@pytest.mark.parametrize("name", ["openai", "azure", "fireworks", "mistral"])
def test_weights_and_calls_of_tools_stay_with_their_messages(name: str) -> None:
    call = {"id": "abc123def", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said: list[Row] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "tool_calls": [call], "weight": 0},
        {"role": "tool", "content": "r", "name": "f", "tool_call_id": "abc123def"},
        {"role": "assistant", "content": "b", "weight": 1},
    ]
    wanted = {"messages": said}
    assert json.loads(outcome(name, json.dumps(wanted).encode())) == wanted


def test_a_weight_is_written_for_answers_only_and_by_together_for_all() -> None:
    said: list[Row] = [
        {"role": "user", "content": "q", "weight": 0},
        {"role": "assistant", "content": "a", "weight": 1},
    ]
    record = json.dumps({"messages": said}).encode()
    plain = [{"role": "user", "content": "q"}, said[1]]
    assert json.loads(outcome("openai", record)) == {"messages": plain}
    assert json.loads(outcome("together", record)) == {"messages": said}


def test_what_stands_around_the_completions_of_openai_can_be_set() -> None:
    target = converter("openai-completion", separator=" ->", space="", stop="\n")
    (row,) = target.convert_bytes(b'{"instruction":"q","cot_answer":" a"}').splitlines()
    assert json.loads(row) == {"prompt": "q ->", "completion": "a\n"}


def test_an_answer_that_starts_with_a_space_gets_no_second_one_from_openai() -> None:
    (row,) = (
        converter("openai-completion")
        .convert_bytes(b'{"instruction":"q","cot_answer":" a"}')
        .splitlines()
    )
    assert json.loads(row)["completion"] == " a END"


@pytest.mark.parametrize("name", ["gemini", "cohere", "sharegpt", "unsloth", "alpaca"])
def test_a_role_that_a_consumer_has_no_name_for_is_not_lost_in_silence(name: str) -> None:
    said = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    found = json.loads(outcome(name, json.dumps({"messages": said}).encode()))
    assert list(found) == ["rejected"]


def test_what_stands_around_the_segments_of_axolotl_can_be_set() -> None:
    target = converter("segments", start="", separator=" ", stop="<|end|>")
    (row,) = target.convert_bytes(b'{"instruction":"q","cot_answer":"a"}').splitlines()
    assert [one["text"] for one in json.loads(row)["segments"]] == ["q ", "a<|end|>"]


@pytest.mark.parametrize("path", sorted(FILES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_target_says_what_it_is_and_where_that_is_written(path: Path) -> None:
    tomllib = pytest.importorskip("tomllib")
    target = tomllib.loads(path.read_text(encoding="utf-8"))
    assert target["name"] == path.stem
    assert target["about"]
    assert "\n" not in target["about"]
    assert target["source"]
    rules = target.get("rules", {})
    assert rules.keys() <= RULES
    assert rules.get("names", {}).keys() <= rules.keys() - {"names"} | ALWAYS
    assert converter(path.stem).convert_bytes(b"") == b""


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_target_refuses_a_setting_that_it_does_not_have(name: str) -> None:
    with pytest.raises(UsageError, match="has no setting 'speed'"):
        converter(name, speed="1")


ANSWERABLE = "oracle among documents"


def test_a_target_may_use_every_field_while_every_dialect_is_looked_for() -> None:
    fields = "id type question context oracle_context instruction cot_answer answer final_answer"
    names = [*fields.split(), "rejected", "system", "tools", "parallel_tool_calls"]
    row = json.dumps({name: f"{{{name}}}" for name in names})
    made = Converter.from_toml(f"name = 'all'\nrow = '''{row}'''", answer="either")
    record = {
        name: "x" for name in names if name not in {"context", "tools", "parallel_tool_calls"}
    }
    line = json.dumps(
        {**record, "context": ["D"], "tools": [], "parallel_tool_calls": True}
    ).encode()
    assert list(json.loads(made.convert_bytes(line))) == names


ORACLES: dict[str, tuple[str, str, str | None, str | None]] = {
    "is none of the documents": ('["Lyon."]', '"The Seine."', None, "oracle absent"),
    "is one of them": ('["Lyon.", "The Seine."]', '"The Seine."', ANSWERABLE, None),
    "is part of one": ('["Lyon. The Seine. Rome."]', '"The Seine."', ANSWERABLE, None),
    "is spelled otherwise": (r'["\u00dc/"]', r'"\u00DC\/"', ANSWERABLE, None),
    "is long, and some letter is spelled out": (
        r'["The Eiffel Tower was completed in 1889, the \u004couvre in 1793."]',
        '"The Eiffel Tower was completed in 1889, the Louvre in 1793."',
        ANSWERABLE,
        None,
    ),
    "is long, and a slash is escaped": (
        r'["The Eiffel Tower was completed in 1889, the\/a Louvre in 1793."]',
        '"The Eiffel Tower was completed in 1889, the/a Louvre in 1793."',
        ANSWERABLE,
        None,
    ),
    "is long, and none of the documents": (
        r'["The Eiffel Tower was completed in 1889, the M\u00fcnster in 1890."]',
        '"The Eiffel Tower was completed in 1889, the Louvre in 1793."',
        None,
        "oracle absent",
    ),
    "is the text of a string": ('"<DOCUMENT>A.</DOCUMENT>"', '"A."', ANSWERABLE, None),
    "is not told": ('["Lyon."]', "null", "oracle_context null", "oracle_context null"),
    "is empty": ('["Lyon."]', '""', "oracle_context empty", "oracle_context empty"),
}


@pytest.mark.parametrize(("context", "oracle", "absent", "among"), ORACLES.values(), ids=ORACLES)
def test_whether_documents_answer_a_question_is_known_by_whether_its_oracle(
    tmp_path: Path, context: str, oracle: str, absent: str | None, among: str | None
) -> None:
    answerable = tmp_path / "answerable.toml"
    answerable.write_text("""name = "answerable"\noracle = "among"\nrow = '["{question}"]'""")
    line = f'{{"question":"q","cot_answer":"a","context":{context},"oracle_context":{oracle}}}'
    for target, reason in (("context-404", absent), (str(answerable), among)):
        one = converter(target)
        rows = one.convert_bytes(line.encode())
        assert (one.ledger.filtered, bool(rows)) == ({reason: 1} if reason else {}, not reason)
