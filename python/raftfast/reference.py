"""The slow, obvious twin of the compiled core: the same semantics in plain Python with orjson.

The tests hold the core against it, and the benchmarks take it as the loop that a careful Python
user writes by hand: ``python -m raftfast.reference IN OUT --to chat``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeAlias

import orjson

from raftfast.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Record: TypeAlias = "dict[str, object]"

SYSTEM = (
    "The following is a conversation with an AI assistant. "
    "The assistant is helpful, clever, friendly and gives concise and accurate answers."
)
TAG = "<ANSWER>: "
PAPER_TAG = "##Answer:"
QUOTE = re.compile("##begin_quote##(.*?)##end_quote##", re.DOTALL)
MAX_DEPTH = 1024
BOM = b"\xef\xbb\xbf"
BLANK = b" \t\r\n"
STRING = r'"(?:[^"\\]|\\.)*"'
# Both walk from escape to escape, so that the `u` after an escaped backslash starts none.
LONE_SURROGATE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")
PANDAS_DIFFERS = re.compile(r"/|\\u007f|\\.")


@dataclass(frozen=True)
class Options:
    """What the caller can set."""

    system: str = SYSTEM
    prompt_key: str = "prompt"
    completion_key: str = "completion"
    stop: str = "<STOP>"
    train: str | None = None
    escape: str = "keep"
    on_error: str = "fail"


@dataclass
class Counts:
    """The ledger: ``read`` is the sum of ``written``, ``filtered`` and ``rejected``."""

    read: int = 0
    written: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    blank: int = 0


def parse(line: bytes) -> Record:
    """Give the record of one line, every byte of it checked."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = parse_slowly(line)
    if type(record) is not dict:
        raise Error(f"the line holds a {type(record).__name__}", "not-an-object")
    return record


def parse_slowly(line: bytes) -> object:
    """Judge a line that orjson refuses: 1e400 and integers of any length are JSON too."""
    before = sys.getrecursionlimit()
    try:
        text = line.decode()
        if depth(text) > MAX_DEPTH:
            raise Error(f"nested deeper than {MAX_DEPTH}", "too-deep")
        sys.setrecursionlimit(before + 2 * MAX_DEPTH)
        # No number is ever written, so a float is as good as any other.
        value = json.loads(text, parse_constant=refuse, parse_int=float)
    except ValueError as error:
        raise Error(str(error), "malformed") from None
    finally:
        sys.setrecursionlimit(before)
    if any(match[1] for match in LONE_SURROGATE.finditer(text)):
        raise Error("half of a surrogate pair", "lone-surrogate")
    return value


def depth(text: str) -> int:
    """Count how deep arrays and objects are nested."""
    brackets = re.sub(rf"{STRING}|[^][{{}}]", "", text)
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)


def refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which ``json`` would take."""
    raise Error(f"{constant} is not JSON", "not-a-number")


def chat(record: Record, options: Options) -> Record | str:
    """Build the row of a chat, or give the reason why there is none."""
    instruction, cot_answer = text_of(record, "instruction"), text_of(record, "cot_answer")
    if not instruction or not cot_answer:
        return reason(record, "instruction", "cot_answer")
    system = [{"role": "system", "content": options.system}] if options.system else []
    user = {"role": "user", "content": instruction}
    return {"messages": [*system, user, {"role": "assistant", "content": cot_answer}]}


def completion(record: Record, options: Options) -> Record | str:
    """Build the row of a prompt and its completion, which ends in the stop text."""
    instruction, cot_answer = text_of(record, "instruction"), text_of(record, "cot_answer")
    if not instruction or not cot_answer:
        return reason(record, "instruction", "cot_answer")
    if options.train == "final" and (without := without_final(cot_answer)):
        return without
    *before, (_, answer) = spans(cot_answer, options.train)
    prompt = "".join([instruction, *(part for _, part in before)])
    return {options.prompt_key: prompt, options.completion_key: answer + options.stop}


def segments(record: Record, options: Options) -> Record | str:
    """Build the row of a text in segments, each with whether it is trained on."""
    instruction, cot_answer = text_of(record, "instruction"), text_of(record, "cot_answer")
    if not instruction or not cot_answer:
        return reason(record, "instruction", "cot_answer")
    if options.train == "final" and (without := without_final(cot_answer)):
        return without
    parts = [(False, f"<s>{instruction}\n"), *spans(cot_answer, options.train), (True, "</s>")]
    joined = [
        {"label": label, "text": "".join(text for _, text in group)}
        for label, group in groupby(parts, key=itemgetter(0))
    ]
    return {"segments": joined}


def evaluation(record: Record, _options: Options) -> Record | str:
    """Build the row of an evaluation: the question, the final answers, the documents."""
    cot_answer, instruction = text_of(record, "cot_answer"), text_of(record, "instruction")
    context = record.get("context")
    if isinstance(context, (bool, int, float)):
        raise Error(f"context is a {type(context).__name__}", "wrong-type")
    question, answer = text_of(record, "question"), text_of(record, "answer")
    if not cot_answer or not instruction or not context:
        return reason(record, "cot_answer", "instruction", "context")
    row: Record = {
        "question": question,
        "answer": answer,
        "gold_final_answer": final_answer(cot_answer),
        "final_answer": final_answer(answer),
        "context": "\n".join(instruction.split("\n")[:-1]),
    }
    if "answer" not in record:
        del row["answer"], row["final_answer"]
    return row


def hf(record: Record, _options: Options) -> Record:
    """Give the record itself, which is written as its line stands: no number is touched."""
    return record


# One of these fields that is in no record at all is a wrong file, not a filtered one.
TARGETS: dict[str, tuple[Callable[[Record, Options], Record | str], list[str]]] = {
    "chat": (chat, ["instruction", "cot_answer"]),
    "completion": (completion, ["instruction", "cot_answer"]),
    "eval": (evaluation, ["cot_answer", "instruction", "context", "question"]),
    "hf": (hf, []),
    "segments": (segments, ["instruction", "cot_answer"]),
}


def text_of(record: Record, name: str) -> str | None:
    """Give a text field; a missing one is as good as null."""
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Error(f"{name} is a {type(value).__name__}", "wrong-type")


def reason(record: Record, *needs: str) -> str:
    """Name the first need that is not met."""
    name = next(name for name in needs if not record.get(name))
    if name not in record:
        return f"{name} missing"
    return f"{name} null" if record[name] is None else f"{name} empty"


def final_answer(answer: str | None) -> str | None:
    """Cut all up to the last tag; without a tag the whole text is the answer."""
    return answer.split(TAG)[-1] if answer else None


def without_final(answer: str) -> str | None:
    """Say why an answer has no final answer, if it has none."""
    start = start_of_final(answer)
    if start is None:
        return "final_answer missing"
    return None if answer[start:].strip() else "final_answer empty"


def start_of_final(answer: str) -> int | None:
    """Find where the final answer begins: after the last tag of Gorilla's or the paper's prompt."""
    _, tag, of_paper = answer.rpartition(PAPER_TAG)
    start = len(answer) - len(of_paper.lstrip()) if tag else 0
    last = answer.rfind(TAG, start)
    if last >= 0:
        return last + len(TAG)
    return start if tag else None


def spans(answer: str, train: str | None) -> list[tuple[bool, str]]:
    """Cut an answer in what is trained on and what is not; no part is empty."""
    if train == "final":
        start = start_of_final(answer)
        if start is None:
            raise ValueError(answer)
        return [(False, answer[:start]), (True, answer[start:])]
    quotes = [match.span(1) for match in QUOTE.finditer(answer)] if train == "not-quotes" else []
    cuts = [0, *(cut for quote in quotes if quote[0] < quote[1] for cut in quote), len(answer)]
    parts = [answer[start:end] for start, end in pairwise(cuts)]
    return [(place % 2 == 0, part) for place, part in enumerate(parts)]


def row_bytes(row: object, escape: str) -> bytes:
    """Write a row as compact JSON: UTF-8 for keep, else as ``json.dumps`` or pandas would."""
    if escape == "keep":
        return orjson.dumps(row)
    text = json.dumps(row, separators=(",", ":"))
    if escape == "pandas":
        other = {"/": "\\/", "\\u007f": "\x7f"}
        text = PANDAS_DIFFERS.sub(lambda match: other.get(match[0], match[0]), text)
    return text.encode()


def line_bytes(line: bytes, escape: str) -> bytes:
    """Write a record as it stands, but for its strings; pandas also leaves out white space."""
    if escape == "keep":
        return line.strip(BLANK)
    parts = re.split(f"({STRING})", line.strip(BLANK).decode())
    parts[1::2] = [row_bytes(json.loads(string), escape).decode() for string in parts[1::2]]
    if escape == "pandas":
        parts[::2] = ["".join(tokens.split()) for tokens in parts[::2]]
    return "".join(parts).encode()


def convert_rows(file: BinaryIO, to: str, options: Options, counts: Counts) -> Iterator[bytes]:
    """Give the rows of a file and count what became of every record."""
    build, expected = TARGETS[to]
    unseen, keys, escape = set(expected), Counter[str](), options.escape
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    for number, line in enumerate(file, 1):
        if line[:1] != b"{" and not line.strip(BLANK):
            counts.blank += 1
            continue
        counts.read += 1
        try:
            record = parse(line)
            if unseen:
                unseen.difference_update(record)
                keys.update(record.keys())
            row = build(record, options)
        except Error as fault:
            if options.on_error == "fail":
                raise Error(f"line {number}: {fault}", fault.kind, line=number) from None
            counts.rejected[fault.kind] += 1
            continue
        if isinstance(row, str):
            counts.filtered[row] += 1
            continue
        counts.written += 1
        written = line_bytes(line, escape) if row is record else row_bytes(row, escape)
        yield written + b"\n"
    if unseen and keys:
        raise Error(f"no record has {', '.join(unseen)}, only {', '.join(keys)}", "missing-field")


def convert_lines(data: bytes, to: str = "chat", **options: str) -> tuple[bytes, Counts]:
    """Convert lines held in memory; the options are those of `Options`."""
    counts = Counts()
    return b"".join(convert_rows(BytesIO(data), to, Options(**options), counts)), counts


def convert_file(source: str, output: str, to: str = "chat", **options: str) -> Counts:
    """Convert a file line by line into another; the options are those of `Options`."""
    counts = Counts()
    with Path(source).open("rb") as lines, Path(output).open("wb") as rows:
        rows.writelines(convert_rows(lines, to, Options(**options), counts))
    return counts


def main() -> None:
    """Run as a whole process, for benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m raftfast.reference")
    parser.add_argument("source", metavar="IN")
    parser.add_argument("output", metavar="OUT")
    parser.add_argument("--to", choices=TARGETS, default="chat")
    sys.stderr.write(f"{convert_file(**vars(parser.parse_args()))}\n")


if __name__ == "__main__":
    main()
