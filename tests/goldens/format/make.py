"""Makes the goldens beside this file with Gorilla's own program.

    python tests/goldens/format/make.py gorilla/raft/format.py

needs ``datasets``. A golden is a case: the input, the options, and for each output format what
Gorilla writes: the lines of its JSONL and the schema of its Parquet, whose values are those of the
JSONL. Where it fails, the error is kept. ``versions.json`` says what made them.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from gorilla import Gorilla  # noqa: E402

RECORD = {
    "id": "1",
    "type": "general",
    "question": "Which city?",
    "context": {"title": [["t"]], "sentences": [["Paris / Île-de-France", "Rome"]]},
    "oracle_context": "Paris / Île-de-France",
    "cot_answer": "##Reason: the first. <ANSWER>: Paris",
    "instruction": "<DOCUMENT>Paris / Île-de-France</DOCUMENT>\nWhich city?",
}
SHORT = {"question": "q", "instruction": "a\nb", "cot_answer": "c", "context": "d"}
ESCAPES = "é\u2028\U0001f600\x7f\x00\x1f/\\\"<>&'\b\f\n\r\t\u0085\ufffe\uffff\ue000"


def record(**fields: object) -> dict[str, object]:
    """Return a record, with some fields as asked for."""
    return {**RECORD, **fields}


def without(*names: str) -> dict[str, object]:
    """Return a record that lacks some fields."""
    return {name: value for name, value in RECORD.items() if name not in names}


Rows = list[dict[str, object]]
CASES: dict[str, tuple[Rows, list[str]]] = {
    "usual": ([record(), record(id="2")], []),
    "escapes": ([record(instruction=ESCAPES, cot_answer=ESCAPES[::-1], question=ESCAPES)], []),
    "keys in another order": ([dict(reversed(RECORD.items())), record()], []),
    "late key": ([record(), record(extra="x"), record(number=5)], []),
    "filtered": (
        [
            *(record(cot_answer=answer) for answer in (None, "", " ")),
            *(record(instruction=text) for text in (None, "", " ")),
            record(context=None),
            record(context={"title": [], "sentences": []}),
            record(question=None),
        ],
        [],
    ),
    "all filtered": ([record(cot_answer=None), record(cot_answer="")], []),
    "no question": ([without("question")], []),
    "questions all null": ([record(question=None), record(question=None)], []),
    "no context": ([without("context")], []),
    "no chain of thought": ([without("cot_answer")], []),
    "no instruction": ([without("instruction")], []),
    "flat context": ([record(context={"title": ["a"], "sentences": ["b"]})], []),
    "both shapes of context": (
        [record(), record(context={"title": ["a"], "sentences": ["b"]})],
        [],
    ),
    "objects with other keys": (
        [record(m={"a": 1}), record(m={"b": "/", "a": None}), record(m={}), record(m=None)],
        [],
    ),
    "columns of mixed types": (
        [record(m=1), record(m="x"), record(m=[1, {"k": None}]), record(m=True), record(m=None)],
        [],
    ),
    "context as text": ([record(context=context) for context in ("c", "", None)], []),
    "context as list": ([record(context=context) for context in (["a", "b"], [])], []),
    "lines of the instruction": (
        [
            record(instruction=text)
            for text in ("d\nl1\nl2", "one", "t\n", "a\r\nb", "\n", "\u2028")
        ],
        [],
    ),
    "answer tags": (
        [
            record(cot_answer=text)
            for text in (
                "<ANSWER>:x",
                "<ANSWER>: ",
                "a<ANSWER>: b<ANSWER>: c<STOP>",
                "<answer>: x",
                "<ANSWER>:\u00a0x",
                " <ANSWER>:  y ",
            )
        ],
        [],
    ),
    "answers": (
        [record(answer=text) for text in ("x <ANSWER>: y", None, "", "no tag", " ")],
        [],
    ),
    "answers in some records": ([record(), record(answer="late")], []),
    "answers all null": ([record(answer=None), record(answer=None)], []),
    "answer before question": ([{"answer": "m", **SHORT}], []),
    "final answers there before": ([{"final_answer": "OLD", **SHORT, "answer": "z"}], []),
    "final answers there without answers": ([{"final_answer": "OLD", **SHORT}], []),
    "gold answers there before": ([{"gold_final_answer": 5, **SHORT, "answer": "z"}], []),
    "messages there before": ([record(messages=[{"content": "x", "role": "y"}])], []),
    "completions there before": ([{"completion": 5, **RECORD}], []),
    "completions there after": ([record(completion="OLD")], []),
    "completion in the place of another column": (
        [record()],
        ["--output-completion-completion-column", "id"],
    ),
    "completion named as its source": (
        [record()],
        ["--output-completion-completion-column", "cot_answer"],
    ),
    "completion named as the source of the prompt": (
        [record()],
        ["--output-completion-completion-column", "instruction"],
    ),
    "prompt named as its source": (
        [record()],
        ["--output-completion-prompt-column", "instruction"],
    ),
    "names that need escapes": (
        [record()],
        [
            "--output-completion-prompt-column",
            'a/{b}"é',
            "--output-completion-stop",
            "</s>\né{x}'''",
        ],
    ),
    "no stop": ([record()], ["--output-completion-stop", ""]),
    "nameless completion": ([record()], ["--output-completion-completion-column", ""]),
    "nameless prompt": ([record()], ["--output-completion-prompt-column", ""]),
    "two columns of one name": (
        [record()],
        ["--output-completion-prompt-column=x", "--output-completion-completion-column=x"],
    ),
    "prompt there before": ([record()], ["--output-completion-prompt-column", "id"]),
    "system prompt": ([record()], ["--output-chat-system-prompt", "é {x}\n\"'''"]),
    "columns of all types": (
        [
            record(n=1, x=0.5, e=1e3, b=True, l=["a", None], m={"k": 1, "z": None}, o=[{"k": "v"}]),
            record(n=None, x=None, e=7.0, b=None, l=[], m={"k": None, "z": None}, o=None),
            record(n=-(2**63), x=-1.25, e=0.0, b=False, l=None, m=None, o=[]),
        ],
        [],
    ),
    "integers and fractions": ([record(n=1), record(n=2.5)], []),
    "only nulls": ([record(nothing=None), record(nothing=None)], []),
}


def main(program: str) -> None:
    """Write all goldens anew."""
    for old in HERE.glob("*.json"):
        old.unlink()
    used = {name: version(name) for name in ("datasets", "pandas", "pyarrow")}
    (HERE / "versions.json").write_text(json.dumps(used, indent=1) + "\n", encoding="utf-8")
    with TemporaryDirectory() as folder:
        gorilla = Gorilla(program, Path(folder))
        for name, (rows, options) in CASES.items():
            text = "".join(json.dumps(row) + "\n" for row in rows)
            case = {
                "input": text.splitlines(),
                "options": options,
                **gorilla.outcomes(text, options),
            }
            golden = json.dumps(case, indent=1, ensure_ascii=True) + "\n"
            (HERE / f"{name}.json").write_text(golden, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
