"""The core against its slow twin and against the standard library, over all that can differ."""

from __future__ import annotations

import itertools
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from corpora import (
    ESCAPES,
    EVERY_CPU,
    MACHINE,
    TARGETS,
    Fault,
    blank,
    converter,
    converters,
    is_strict_object,
    one_outcome,
    seeded,
    some_line,
    spell_char,
    spell_pairs,
    values_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raftfast import _raftfast, reference
from raftfast.errors import Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from typing_extensions import Buffer

# Records of any shape, in any spelling ------------------------------------------------------------

FIELDS = (
    "id", "type", "question", "context", "oracle_context", "cot_answer", "instruction", "answer",
    "Instruction", "cot_answer ", "instructio", "messages", "",
)  # fmt: skip
PIECES = st.sampled_from(
    ["<ANSWER>: ", "<ANSWER>:", "\n", "\\n", "<", ">: ", "\\", '"', "/", "\x7f"]
)
TEXTS = st.lists(PIECES | st.text(max_size=8) | st.text(max_size=90), max_size=8).map("".join)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
NESTED = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MOSTLY_TEXT = TEXTS | TEXTS | TEXTS | st.none() | NESTED
RECORDS = st.lists(st.tuples(st.sampled_from(FIELDS) | TEXTS, MOSTLY_TEXT), max_size=12)
# Its fields are all there, so that none of them is missing in every record.
WHOLE = [(field, "text") for field in FIELDS]
THOROUGH = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@st.composite
def corpora(draw: st.DrawFn) -> bytes:
    """Draw the lines of a few records, blank lines among them."""
    rng = draw(st.randoms(use_true_random=False))
    records = [WHOLE, *draw(st.lists(RECORDS, max_size=4))]
    lines = [blank(rng) + spell_pairs(pairs, rng) + blank(rng) for pairs in records]
    lines.insert(draw(st.integers(1, len(lines))), blank(rng))
    return "\n".join(lines).encode() + draw(st.sampled_from([b"", b"\n", b"\r\n"]))


@given(corpora())
@THOROUGH
def test_any_records_become_the_rows_and_counts_of_the_reference(data: bytes) -> None:
    for to, escape in itertools.product(TARGETS, ESCAPES):
        core = converter(MACHINE[-1], to, escape=escape, on_error="skip")
        rows, counts = reference.convert_lines(data, to, escape=escape, on_error="skip")
        found = core.convert_bytes(data)
        assert values_of(found) == values_of(rows)
        if escape != "keep" or to == "hf":
            assert found == rows
        assert core.ledger.filtered == counts.filtered
        assert core.ledger.rejected == counts.rejected
        assert (core.ledger.read, core.ledger.written) == (counts.read, counts.written)
        assert core.ledger.blank == counts.blank


@given(corpora())
@THOROUGH
def test_the_first_malformed_record_ends_the_run_as_in_the_reference(data: bytes) -> None:
    for to in TARGETS:
        found = one_outcome(converters(to, escape="ascii"), data)
        rows, fault = rows_or_fault(data, to)
        if fault is None:
            assert found == rows
        else:
            assert isinstance(found, Fault)
            assert (found.kind, found.line) == (fault.kind, fault.line)
            field = str(fault).split()[2]  # after "line 2: "
            assert field in found.message


def rows_or_fault(data: bytes, to: str) -> tuple[bytes, Error | None]:
    try:
        return reference.convert_lines(data, to, escape="ascii")[0], None
    except Error as error:
        return b"", error


@given(
    st.lists(PIECES | st.text(max_size=1) | st.text(max_size=40), max_size=12),
    st.randoms(use_true_random=False),
)
@THOROUGH
def test_keep_copies_every_escape_as_it_stands(pieces: list[str], rng: Random) -> None:
    text = "".join(pieces)
    spelled = [spell_char(char, rng) for char in text]
    after_tag = text.rfind(reference.TAG) + len(reference.TAG) if reference.TAG in text else 0
    before_question = max(text.rfind("\n"), 0)
    values = {
        "everything": "".join(spelled),
        "gold": "".join(spelled[after_tag:]),
        "context": "".join(spelled[:before_question]),
    }
    line = '{{"cot_answer":"{everything}","instruction":"{everything}","context":"c"}}'
    other = '{"cot_answer":"","instruction":"","context":"","question":""}'
    row = '{{"question":null,"gold_final_answer":"{gold}","context":"{context}"}}\n'
    data = f"{line.format_map(values)}\n{other}".encode()
    expected = row.format_map(values).encode() if text else b""
    assert one_outcome(converters("eval"), data) == expected


# Mutated lines ------------------------------------------------------------------------------------

TOKENS = [
    *(bytes([byte]) for byte in b'"\\{}[]:,0123456789-+.eEtfnu \t\r\x00\x1f\x7f/bU'),
    *(bytes([byte]) for byte in b"\x80\xbf\xc0\xc2\xe0\xed\xf0\xf4\xf5\xff"),
    b"\\u", b"\\u00", b"\\u0022", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\\\", b'\\"',
    b"NaN", b"-Infinity", b"1e400", b"null", b"true", b"0", b"-", b'"a":', b"{}", b"[[", b"//",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xc3\xa4",
]  # fmt: skip


def mutate(line: bytes, rng: Random) -> bytes:
    """Damage a line in one place: sometimes it stays valid."""
    at = rng.randrange(len(line))
    end = min(len(line), at + rng.choice([1, 1, 1, 2, 5, 40]))
    ways = (
        bytes([line[at] ^ 1 << rng.randrange(8)]) + line[at + 1 :],
        bytes([rng.randrange(256)]) + line[at + 1 :],
        rng.choice(TOKENS) + line[at:],
        rng.choice(TOKENS) + line[end:],
        line[end:],
        line[at:end] + line[at:],
        b"",
    )
    return line[:at] + rng.choice(ways)


def mutants(seed: int, count: int, rounds: int) -> list[bytes]:
    """Make damaged lines of all sizes, without line ends inside of them."""
    rng = seeded(seed)
    sizes = [0, 8, 40, 100, 400, 3000]
    lines = [some_line(rng, number, rng.choice(sizes)) for number in range(60)]
    made = []
    for _ in range(count):
        line = rng.choice(lines)
        for _ in range(rounds):
            line = mutate(line, rng) or b"{"
        made.append(line.replace(b"\n", b"\r"))
    return made


@pytest.mark.parametrize("rounds", [1, 2, 3], ids=lambda rounds: f"{rounds} mutations")
def test_mutated_lines_are_judged_as_the_standard_library_does(rounds: int) -> None:
    every_cpu = converters("hf")
    verdicts = {True: 0, False: 0}
    for line in mutants(seed=rounds, count=8000, rounds=rounds):
        valid = is_strict_object(line.removeprefix(b"\xef\xbb\xbf"))
        found = one_outcome(every_cpu, line)
        if valid:
            assert found == line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r") + b"\n"
        elif line.strip(b" \t\r"):
            assert isinstance(found, Fault), line
            assert found.line == 1
            assert found.offset is not None
            assert 0 <= found.offset <= len(line)
        verdicts[valid] += 1
    assert min(verdicts.values()) > 100, "the mutations prove nothing"


@pytest.mark.parametrize("cpu", EVERY_CPU)
@pytest.mark.parametrize("to", ["hf", "chat"])
def test_mutated_lines_do_not_disturb_their_neighbours(to: str, cpu: str) -> None:
    lines = mutants(seed=99, count=10_000, rounds=1)
    valid = [line for line in lines if is_strict_object(line)]
    core = converter(cpu, to, escape="ascii", on_error="skip")
    expected = reference.convert_lines(b"\n".join(valid), to, escape="ascii", on_error="skip")
    assert core.convert_bytes(b"\n".join(lines)) == expected[0]
    blanks = sum(not line.strip(b" \t\r") for line in lines)
    invalid = len(lines) - len(valid) - blanks
    assert sum(core.ledger.rejected.values()) == invalid + sum(expected[1].rejected.values())
    assert core.ledger.filtered == expected[1].filtered


# Texts as eval cuts them --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "gold"),
    [
        pytest.param(r"c <ANSWER>: a", r"a", id="plain"),
        pytest.param(r"c \u003cANSWER\u003e: a", r"a", id="brackets escaped"),
        pytest.param(r"c \u003CANSWER\u003E: a", r"a", id="brackets escaped in upper case"),
        pytest.param(
            r"\u003c\u0041\u004e\u0053\u0057\u0045\u0052\u003e\u003a\u0020a", r"a", id="all escaped"
        ),
        pytest.param(r"c <ANSWER>:\u0020a", r"a", id="blank escaped"),
        pytest.param(r"c <\u0041NSWER>: a", r"a", id="a letter escaped"),
        pytest.param(r"c <ANSWER>: \u0061\/\n", r"\u0061\/\n", id="the answer's own escapes stay"),
        pytest.param(r"c \\u003cANSWER>: a", r"c \\u003cANSWER>: a", id="backslash, then text"),
        pytest.param(r"c \\<ANSWER>: a", r"a", id="after an escaped backslash"),
        pytest.param(r"c \\\u003cANSWER>: a", r"a", id="escape after an escaped backslash"),
        pytest.param(r"c \\\\u003cANSWER>: a", r"c \\\\u003cANSWER>: a", id="two backslashes"),
        pytest.param(r"c <ANSWER\u005c>: a", r"c <ANSWER\u005c>: a", id="backslash inside"),
        pytest.param(r"1 <ANSWER>: 2 \u003cANSWER>: 3", r"3", id="the last is the escaped one"),
        pytest.param(r"1 \u003cANSWER>: 2 <ANSWER>: 3", r"3", id="the last is the plain one"),
        pytest.param(r"1 <ANSWER>: 2 <ANSWER>:3", r"2 <ANSWER>:3", id="the last is none"),
        pytest.param(r"<ANSWER>: <ANSWER>: ", r"", id="two tags side by side"),
        pytest.param(r"<ANSWER>: <ANSWER>: <", r"<", id="a tag that only begins"),
        pytest.param(r"<<ANSWER>: a", r"a", id="two brackets"),
        pytest.param(r"<ANSWER<ANSWER>: a", r"a", id="a tag inside a tag"),
        pytest.param(r"c <ANSWER>:\u00a0a", r"c <ANSWER>:\u00a0a", id="a no-break space"),
        pytest.param(r"c <ANSWER>:\ta", r"c <ANSWER>:\ta", id="a tab"),
        pytest.param(r"c <answer>: a", r"c <answer>: a", id="lower case"),
        pytest.param(r"ä<ANSWER>: ä", r"ä", id="UTF-8 around"),
        pytest.param(r"\ud83d\ude00<ANSWER>: \ud83d\ude00", r"\ud83d\ude00", id="pairs around"),
    ],
)
def test_gold_is_what_stands_after_the_last_tag(raw: str, gold: str) -> None:
    data = f'{{"cot_answer":"{raw}","instruction":"i","context":"c","question":null}}'.encode()
    row = f'{{"question":null,"gold_final_answer":"{gold}","context":""}}\n'.encode()
    assert one_outcome(converters("eval"), data) == row
    assert values_of(reference.convert_lines(data, "eval")[0]) == values_of(row)


@pytest.mark.parametrize(
    ("raw", "context"),
    [
        pytest.param(r"q", r"", id="one line"),
        pytest.param(r"d\nq", r"d", id="short form"),
        pytest.param(r"d\u000aq", r"d", id="by its number"),
        pytest.param(r"d\u000Aq", r"d", id="by its number in upper case"),
        pytest.param(r"d\\nq", r"", id="backslash, then n"),
        pytest.param(r"d\\u000aq", r"", id="backslash, then text"),
        pytest.param(r"d\\\nq", r"d\\", id="newline after a backslash"),
        pytest.param(r"d\\\\nq", r"", id="two backslashes, then n"),
        pytest.param(r"d\u005cnq", r"", id="backslash by its number, then n"),
        pytest.param(r"d\u005c\nq", r"d\u005c", id="newline after a backslash by its number"),
        pytest.param(r"d\n", r"d", id="an empty last line"),
        pytest.param(r"\nq", r"", id="an empty first line"),
        pytest.param(r"d\n\n", r"d\n", id="two newlines at the end"),
        pytest.param(r"d\ne\u000aq", r"d\ne", id="the last is the numbered one"),
        pytest.param(r"d\u000ae\nq", r"d\u000ae", id="the last is the short one"),
        pytest.param(r"d\u000ae\\nq", r"d", id="the last is none"),
        pytest.param(r"d\r\nq", r"d\r", id="CRLF"),
        pytest.param(r"d\u2028q\r\u0085\f", r"", id="other line ends"),
        pytest.param(r"<\/D>\n\u00e4\nq", r"<\/D>\n\u00e4", id="escapes stay"),
    ],
)
def test_context_is_all_but_the_last_line(raw: str, context: str) -> None:
    data = f'{{"cot_answer":"a","instruction":"{raw}","context":"c","question":"q"}}'.encode()
    row = f'{{"question":"q","gold_final_answer":"a","context":"{context}"}}\n'.encode()
    assert one_outcome(converters("eval"), data) == row
    assert values_of(reference.convert_lines(data, "eval")[0]) == values_of(row)


# A converter in a program -------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERY_CPU)
def test_the_environment_chooses_the_cpu_path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAFTFAST_CPU", path)
    assert _raftfast.cpu_path() == path


def test_an_unknown_cpu_path_is_refused() -> None:
    with pytest.raises(UsageError, match="RAFTFAST_CPU"):
        converter("abacus")


LINES = b"\n".join(some_line(seeded(1), number, 400) for number in range(200))


def part(data: bytes) -> memoryview:
    return memoryview(b"{" + data + b"{")[1:-1]


def numbers(data: bytes) -> array[int]:
    return array("B", data)


@pytest.mark.parametrize("view", [bytearray, memoryview, part, numbers])
def test_any_buffer_is_taken(view: Callable[[bytes], Buffer]) -> None:
    core = converter(MACHINE[-1], escape="ascii")
    assert core.convert_bytes(view(LINES)) == reference.convert_lines(LINES, escape="ascii")[0]


def test_a_text_is_no_buffer() -> None:
    with pytest.raises(TypeError):
        converter(MACHINE[-1]).convert_bytes("{}")  # type: ignore[arg-type]


def test_one_converter_serves_many_threads_and_counts_all_of_their_records() -> None:
    core = converter(MACHINE[-1], escape="ascii")
    rows, counts = reference.convert_lines(LINES, escape="ascii")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(core.convert_bytes, [LINES] * 100)) == {rows}
    assert core.ledger.read == 100 * counts.read
    assert core.ledger.written == 100 * counts.written
    assert core.ledger.filtered == {why: 100 * times for why, times in counts.filtered.items()}
    assert core.ledger.bytes_in == 100 * len(LINES)
    assert core.ledger.bytes_out == 100 * len(rows)
