"""The tree can be read from either end: what a module is made of is known before it."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
RUST = HOME / "rust"
PYTHON = HOME / "python" / "raftfast"
TESTS_OF_A_FILE = "#[cfg(test)]"


def rust_module(path: Path) -> str:
    return path.relative_to(RUST).parts[0].removesuffix(".rs")


def rust_code(path: Path) -> str:
    code = path.read_text().partition(f"\n{TESTS_OF_A_FILE}\n")[0]
    return re.sub(r"//.*", "", code)


def rust_uses() -> dict[str, set[str]]:
    uses: dict[str, set[str]] = {}
    for path in RUST.rglob("*.rs"):
        module = rust_module(path)
        used = re.findall(r"\bcrate::(\w+)", rust_code(path))
        uses.setdefault(module, set()).update(name for name in used if name != module)
    return uses


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a module loads with itself, and not when a function of it is called."""
    for statement in ast.parse(path.read_text()).body:
        match statement:
            case ast.ImportFrom(module="raftfast", names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)) if module.startswith("raftfast."):
                yield module.split(".")[1]


def python_uses() -> dict[str, set[str]]:
    return {path.stem: set(imported(path)) - {path.stem} for path in PYTHON.glob("*.py")}


@pytest.mark.parametrize("uses", [rust_uses, python_uses])
def test_dependencies_point_one_way(uses) -> None:
    modules = uses()
    assert sum(map(len, modules.values())) > len(modules), "hardly any dependency was found"
    try:
        TopologicalSorter(modules).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("word", "rooms"),
    [("pyo3", {"python.rs", "python"}), ("unsafe", {"scan"})],
)
def test_some_words_have_a_room_of_their_own(word, rooms) -> None:
    paths = {path.relative_to(RUST) for path in RUST.rglob("*.rs") if re.search(rf"\b{word}\w*\b", rust_code(path))}
    assert {path.parts[0] for path in paths} == rooms
