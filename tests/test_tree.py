"""The tree can be read from either end: what a module is made of is known before it."""

import ast
import re
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
RUST = HOME / "rust"
PYTHON = HOME / "python" / "raftfast"
TESTS_OF_A_FILE = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*mod ", re.MULTILINE)


def rust_module(path: Path) -> str:
    return path.relative_to(RUST).parts[0].removesuffix(".rs")


def rust_code(path: Path) -> str:
    code = re.sub(r"//.*", "", TESTS_OF_A_FILE.split(path.read_text())[0])
    assert "crate::{" not in code, f"{path}: each use of another module is a line of its own"
    assert path.parent != RUST or "\nuse super::" not in code, f"{path}: the root is `crate`"
    return code


def rust_uses() -> dict[str, set[str]]:
    uses: dict[str, set[str]] = {}
    for path in RUST.rglob("*.rs"):
        module = rust_module(path)
        used = re.findall(r"\bcrate::(\w+)", rust_code(path))
        uses.setdefault(module, set()).update(name for name in used if name != module)
    return uses


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a module loads with itself, not in a function."""
    for statement in ast.parse(path.read_text()).body:
        match statement:
            case ast.ImportFrom(module="raftfast", names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)) if module.startswith("raftfast."):
                yield module.split(".")[1]
            case ast.Import(names=names):
                assert not any(name.name.startswith("raftfast.") for name in names), path


def python_uses() -> dict[str, set[str]]:
    return {path.stem: set(imported(path)) - {path.stem} for path in PYTHON.glob("*.py")}


@pytest.mark.parametrize("uses", [rust_uses, python_uses])
def test_dependencies_point_one_way(uses: Callable[[], dict[str, set[str]]]) -> None:
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
def test_some_words_have_a_room_of_their_own(word: str, rooms: set[str]) -> None:
    paths = {
        path.relative_to(RUST)
        for path in RUST.rglob("*.rs")
        if re.search(rf"\b{word}\w*\b", rust_code(path))
    }
    assert {path.parts[0] for path in paths} == rooms
