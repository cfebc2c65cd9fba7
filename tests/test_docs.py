"""The documents hold what the program really does: all that they show is run here.

A block of ```console shows commands after ``$``, continued after ``>``, and what they print,
standard error included; the blocks of a document are run in order in one folder.
``RAFTFAST_UPDATE_DOCS=1`` writes the true output into the documents instead of comparing. Blocks of
```python are doctests. Tables between ``<!-- table: NAME -->`` and ``<!-- end -->`` are made of
what raftfast lists, and written in the same way.
"""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
import pytest
import raftfast
from raftfast.choices import Train
from raftfast.cli import group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conftest import Run

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md"))]
REFERENCE = (REPOSITORY / "docs/cli.md").read_text(encoding="utf-8")

CONSOLE = re.compile(r"(?<=```console\n)(.*?)(?=```)", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\n>.*)*)\n", re.MULTILINE)
CONTINUED = re.compile(r"^> ?", re.MULTILINE)
TABLE = re.compile(r"(?<=<!-- table: )([\w, ]+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)
VARYING = re.compile(
    r'\d+\.\d\d s, [\d.]+ [kMG]?B/s|"seconds": [\d.e-]+|"raftfast": "[^"]+"|raftfast \d[\w.]+'
)


def told(block: str, shell: Run) -> str:
    """Return a block with what its commands really print."""
    said = []
    for command in COMMAND.findall(block):
        done = shell(f"exec 2>&1\n{CONTINUED.sub('', command)}")
        said.append(f"$ {command}\n{done.stdout.decode()}")
    return "".join(said)


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table of Markdown, the first column of which is code."""
    lines = [heads, ["---"] * len(heads), *([f"`{name}`", *rest] for name, *rest in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def tables() -> dict[str, str]:
    """Return what raftfast lists, as the tables of the documents."""
    dialects, targets = raftfast.Converter.dialects(), raftfast.Converter.targets()
    templates = raftfast.Converter.templates()
    repairs = ([one.name, one.about, ", ".join(one.repairs)] for one in dialects)
    needs = ([one.name, one.about, listed(one.needs), listed(one.settings)] for one in targets)
    systems = ([one.name, one.about, told_system(one)] for one in templates)
    masks = get_args(Train)
    train = (
        [one.name, *("yes" * (mask in one.train) for mask in masks)] for one in targets if one.train
    )
    return {
        "dialects": table(["`--from`", "records"], ([one.name, one.about] for one in dialects)),
        "dialects, repairs": table(["dialect", "records", "repairs"], repairs),
        "targets": table(["`--to`", "rows"], ([one.name, one.about] for one in targets)),
        "targets, needs": table(["target", "rows", "needs", "settings"], needs),
        "targets, train": table(["target", *(f"`{mask}`" for mask in masks)], train),
        "templates": table(["`--template`", "text", "system message"], systems),
    }


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def told_system(template: raftfast.Target) -> str:
    if "system" not in template.settings:
        return "none"
    return "its own by default" if template.settings["system"] else "if given"


def without_what_varies(text: str) -> str:
    return VARYING.sub("(varies)", text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_prints_what_is_shown(document: str, shell: Run) -> None:
    path = REPOSITORY / document
    text = path.read_text(encoding="utf-8")
    true = CONSOLE.sub(lambda block: told(block[0], shell), text)
    expected, found = without_what_varies(text), without_what_varies(true)
    if expected != found and os.environ.get("RAFTFAST_UPDATE_DOCS"):
        path.write_text(true, encoding="utf-8")
    assert expected == found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_table_holds_what_is_listed(document: str) -> None:
    path = REPOSITORY / document
    text = path.read_text(encoding="utf-8")
    true = TABLE.sub(lambda block: f"{block[1]}{block[2]}\n{tables()[block[1]]}\n", text)
    if text != true and os.environ.get("RAFTFAST_UPDATE_DOCS"):
        path.write_text(true, encoding="utf-8")
    assert text == true


def test_every_dialect_target_and_template_is_in_a_table() -> None:
    texts = [(REPOSITORY / document).read_text(encoding="utf-8") for document in DOCUMENTS]
    names = [block[0] for text in texts for block in TABLE.findall(text)]
    assert sorted(names) == sorted(tables())


# These are exceptions of Python, not of ours.
BUILT_IN = {"io", "out-of-memory"}


def test_every_kind_of_error_is_in_the_table_of_kinds() -> None:
    core = (REPOSITORY / "rust/error.rs").read_text(encoding="utf-8")
    kinds = set(re.findall(r'=> "([a-z-]+)",\n', core)) - BUILT_IN
    for path in (REPOSITORY / "python/raftfast").glob("*.py"):
        kinds |= set(
            re.findall(r'Error\([^()]*?"([a-z]+(?:-[a-z]+)*)"[,)]', path.read_text("utf-8"))
        )
    text = (REPOSITORY / "docs/python.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| ", text.partition("| `kind` |")[2], re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}
    assert {"busy", "rule", "input-changed", "syntax"} <= kinds
    assert kinds <= told


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_example_in_python_gives_what_is_shown(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    raftfast.sample("corpus.jsonl", 100_000)
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.REPORT_NDIFF
    path = str(REPOSITORY / document)
    failed, tried = doctest.testfile(path, module_relative=False, optionflags=options)
    assert failed == 0
    assert tried > 0 or "```python" not in Path(path).read_text(encoding="utf-8")


def test_every_block_of_the_reference_is_run() -> None:
    assert re.findall(r"```(?!console\n)\w+", REFERENCE) == []
    assert all(COMMAND.match(block) for block in CONSOLE.findall(REFERENCE))


@pytest.mark.parametrize("name", group.commands)
def test_help_of_every_command_is_shown(name: str) -> None:
    assert f"\n$ raftfast {name} --help\n" in REFERENCE


@pytest.mark.parametrize("name", group.commands)
def test_every_option_is_explained_beyond_its_help(name: str) -> None:
    beyond = CONSOLE.sub("", REFERENCE)
    options = [param for param in group.commands[name].params if isinstance(param, click.Option)]
    longest = [max(names, key=len) for option in options for names in (option.opts,)]
    assert [option for option in longest if f"`{option}" not in beyond] == []
