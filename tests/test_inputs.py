"""Folders and patterns stand for their inputs, and outputs keep the names of them."""

from __future__ import annotations

import errno
import os
from glob import glob
from pathlib import Path

import pytest
import raftfast
from many import plant
from raftfast import UsageError
from raftfast.folder import output_names
from raftfast.inputs import Found, expand, split_ending
from raftfast.manifest import MANIFEST
from raftfast.several import is_folder, several_of
from raftfast.shards import shard_name

USUAL = ("d/b.jsonl", "d/a.jsonl.gz", "d/sub/c.parquet", "d/sub/deep/d.json", "e.jsonl")
NAMES: dict[str, tuple[tuple[str, ...], list[str], dict[str, str | None]]] = {
    "a file": (USUAL, ["e.jsonl"], {"e.jsonl": "e.jsonl"}),
    "a file of any ending": (("notes.txt",), ["notes.txt"], {"notes.txt": "notes.txt"}),
    "a file in a folder": (USUAL, ["d/b.jsonl"], {"d/b.jsonl": "b.jsonl"}),
    "what is not there": ((), ["none.jsonl"], {"none.jsonl": "none.jsonl"}),
    "standard input": ((), ["-"], {"-": None}),
    "a folder": (
        USUAL,
        ["d"],
        {
            "d/a.jsonl.gz": "a.jsonl.gz",
            "d/b.jsonl": "b.jsonl",
            "d/sub/c.parquet": "sub/c.parquet",
            "d/sub/deep/d.json": "sub/deep/d.json",
        },
    ),
    "a folder with a slash": (("d/a.jsonl",), ["d/"], {"d/a.jsonl": "a.jsonl"}),
    "files of a folder that hold no records": (
        ("d/a.ndjson", "d/README.md", "d/_SUCCESS", f"d/{MANIFEST}", "d/dataset_infos.json"),
        ["d"],
        {"d/a.ndjson": "a.ndjson"},
    ),
    "hidden files and folders": (
        ("d/a.arrow", "d/.b.jsonl", "d/.raftfast-parts/files/c.jsonl"),
        ["d"],
        {"d/a.arrow": "a.arrow"},
    ),
    "every known ending": (
        tuple(f"d/{x}" for x in ("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl.zst", "d.arrows")),
        ["d"],
        {f"d/{x}": x for x in ("a.jsonl.bz2", "b.jsonl.xz", "c.jsonl.zst", "d.arrows")},
    ),
    "a saved dataset": (
        ("ds/state.json", "ds/dataset_info.json", "ds/data-00000-of-00001.arrow"),
        ["ds"],
        {"ds": "ds"},
    ),
    "saved datasets in a folder": (
        ("dd/train/state.json", "dd/train/0.arrow", "dd/test/state.json"),
        ["dd"],
        {"dd/test": "test", "dd/train": "train"},
    ),
    "saved splits of one dataset, of which none is chosen": (
        ("dd/dataset_dict.json", "dd/train/state.json", "dd/train/0.arrow", "dd/test/state.json"),
        ["dd"],
        {"dd": "dd"},
    ),
    "a pattern": (USUAL, ["d/*.jsonl*"], {"d/a.jsonl.gz": "a.jsonl.gz", "d/b.jsonl": "b.jsonl"}),
    "a pattern of folders": (
        ("d/x/1.jsonl", "d/y/1.jsonl", "d/z.jsonl"),
        ["d/*/1.jsonl"],
        {"d/x/1.jsonl": "x/1.jsonl", "d/y/1.jsonl": "y/1.jsonl"},
    ),
    "a pattern for any depth": (
        USUAL,
        ["d/**/*.j*"],
        {
            "d/a.jsonl.gz": "a.jsonl.gz",
            "d/b.jsonl": "b.jsonl",
            "d/sub/deep/d.json": "sub/deep/d.json",
        },
    ),
    "a pattern takes files of any ending": (("a.txt", "b/"), ["*"], {"a.txt": "a.txt"}),
    "a pattern takes saved datasets whole": (
        ("d/ds/state.json", "d/ds/0.arrow", "d/x.arrow"),
        ["d/**"],
        {"d/ds": "ds", "d/x.arrow": "x.arrow"},
    ),
    "a file whose name reads as a pattern": (
        ("a[1].jsonl", "a1.jsonl"),
        ["a[1].jsonl"],
        {"a[1].jsonl": "a[1].jsonl"},
    ),
    "names stay in their order": (
        ("b.jsonl", "d/a.jsonl"),
        ["b.jsonl", "d", "b.jsonl"],
        {"b.jsonl": "b.jsonl", "d/a.jsonl": "a.jsonl"},
    ),
}


@pytest.mark.parametrize(("files", "names", "expected"), NAMES.values(), ids=NAMES)
def test_names_stand_for_inputs(
    files: tuple[str, ...], names: list[str], expected: dict[str, str | None], folder: Path
) -> None:
    plant(folder, *files)
    found = expand(names)
    assert list({one.source: one.name for one in found}.items()) == list(expected.items())
    assert [one.source for one in found][: len(expected)] == list(expected)


NOTHING = {
    "an empty folder": ("d/", "d", "no file in it ends in .jsonl"),
    "a folder without records": ("d/README.md", "d", "no file in it ends in .jsonl"),
    "a pattern": ("d/", "d/*.jsonl", "no file matches it"),
    "a pattern of folders only": ("d/sub/", "d/*", "no file matches it"),
}


@pytest.mark.parametrize(("there", "name", "message"), NOTHING.values(), ids=NOTHING)
def test_a_name_that_stands_for_nothing_is_an_error(
    there: str, name: str, message: str, folder: Path
) -> None:
    plant(folder, there)
    with pytest.raises(FileNotFoundError, match=message) as caught:
        expand([name])
    assert caught.value.filename == name


def test_links_to_folders_are_followed_but_in_no_circle(folder: Path) -> None:
    plant(folder, "d/a.jsonl", "elsewhere/b.jsonl")
    (folder / "d/up").symlink_to("..")
    (folder / "d/self").symlink_to(".")
    (folder / "d/over").symlink_to("../elsewhere")
    names = [found.name for found in expand(["d"])]
    assert names == ["a.jsonl", "over/b.jsonl", "up/elsewhere/b.jsonl"]


def test_patterns_follow_links_but_in_no_circle(folder: Path) -> None:
    plant(folder, "d/a.jsonl", "d/sub/b.jsonl", "elsewhere/c.jsonl")
    (folder / "d/sub/up").symlink_to("..")
    (folder / "d/over").symlink_to("../elsewhere")
    names = [found.name for found in expand(["d/**/*.jsonl"])]
    assert names == ["a.jsonl", "over/c.jsonl", "sub/b.jsonl"]


PATTERNS = [
    *("*", "**", "d*", "*/*", "d/**/", "**/*.jsonl", "**/e", "[ds]*/**/?.jsonl", "./d/*", ".h/*"),
    *("d//x/*", "d/../d/*", "**/**/a.jsonl", "d/a.jsonl/*", "none/*", "d/**/x/**/*"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
def test_patterns_match_what_python_matches(pattern: str, absolute: bool, folder: Path) -> None:  # noqa: FBT001
    plant(folder, *USUAL, "d/x/a.jsonl", "d/x/e/f.json", "e", ".h/a.jsonl", "d/.h.jsonl", "s/[1]")
    pattern = f"{folder}/{pattern}" if absolute else pattern
    files = {path for path in map(Path, glob(pattern, recursive=True)) if not path.is_dir()}  # noqa: PTH207
    try:
        found = {Path(str(one.source)) for one in expand([pattern])}
    except FileNotFoundError:
        found = set()
    assert found == files


@pytest.mark.parametrize("name", ["d", "d/*/*.jsonl", "d/**/*.jsonl", "d/s*/b.jsonl", "[d]/sub/*"])
def test_a_folder_that_may_not_be_read_is_never_passed_over(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(folder, "d/a.jsonl", "d/sub/b.jsonl")
    scandir = os.scandir

    def forbidding(path: str) -> object:  # root may read anything
        if path.rstrip("/").endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", forbidding)
    if name == "d/s*/b.jsonl":
        assert [one.name for one in expand([name])] == ["sub/b.jsonl"]  # needs not be read
        return
    with pytest.raises(PermissionError):
        expand([name])


def test_a_dangling_link_is_not_passed_over(folder: Path) -> None:
    plant(folder, "d/a.jsonl")
    (folder / "d/b.jsonl").symlink_to("none")
    assert [found.name for found in expand(["d"])] == ["a.jsonl", "b.jsonl"]


OWN = {
    "below the input": ("d/out/", ["d"], ["a.jsonl"]),
    "below a pattern": ("d/out/", ["d/**/*.jsonl"], ["a.jsonl"]),
    "the input itself": ("d", ["d"], ["a.jsonl", "out/b.jsonl"]),
    "elsewhere": ("else", ["d"], ["a.jsonl", "out/b.jsonl"]),
}


@pytest.mark.parametrize(("output", "names", "expected"), OWN.values(), ids=OWN)
def test_outputs_of_an_earlier_run_are_no_inputs(
    output: str, names: list[str], expected: list[str], folder: Path
) -> None:
    plant(folder, "d/a.jsonl", "d/out/b.jsonl")
    assert [found.name for found in expand(names, output)] == expected


SPLIT = {
    "train.jsonl": ("train", ".jsonl"),
    "a/train.v1.jsonl.zst": ("a/train.v1", ".jsonl.zst"),
    "TRAIN.JSONL.GZ": ("TRAIN", ".JSONL.GZ"),
    "x.parquet": ("x", ".parquet"),
    "notes.txt": ("notes.txt", ""),
    "train": ("train", ""),
}


@pytest.mark.parametrize(("name", "expected"), SPLIT.items())
def test_an_ending_is_cut_off_whole(name: str, expected: tuple[str, str]) -> None:
    assert split_ending(name) == expected


SHARD_NAMES = {
    ("out/train.jsonl", 0, 16): "out/train-00000-of-00016.jsonl",
    ("train.jsonl.zst", 15, 16): "train-00015-of-00016.jsonl.zst",
    ("train.parquet", 7, 123456): "train-00007-of-123456.parquet",
    ("train.txt", 1, 2): "train-00001-of-00002.txt",
    ("a.b/train", 1, 2): "a.b/train-00001-of-00002",
}


@pytest.mark.parametrize(("given", "expected"), SHARD_NAMES.items())
def test_shards_are_named_as_on_the_hub(given: tuple[str, int, int], expected: str) -> None:
    assert shard_name(*given) == expected


OUTPUT_NAMES = {
    "the ending changes": (["a.jsonl.gz", "s/b.parquet"], ".jsonl", ["a.jsonl", "s/b.jsonl"]),
    "an unknown ending stays": (["a.txt", "b"], ".parquet", ["a.txt.parquet", "b.parquet"]),
    "other dots stay": (["a.v1.json"], ".jsonl.zst", ["a.v1.jsonl.zst"]),
}


@pytest.mark.parametrize(("names", "ending", "expected"), OUTPUT_NAMES.values(), ids=OUTPUT_NAMES)
def test_outputs_keep_the_names_of_inputs(
    names: list[str], ending: str, expected: list[str]
) -> None:
    assert output_names([Found(f"in/{name}", name) for name in names], ending) == expected


def test_two_inputs_cannot_have_one_output(folder: Path) -> None:
    plant(folder, "d/a.jsonl", "d/a.jsonl.gz")
    with pytest.raises(UsageError, match=r"^d/a\.jsonl and d/a\.jsonl\.gz would both become a\.j"):
        output_names(expand(["d"]), ".jsonl")


def test_standard_input_has_no_name_in_a_folder() -> None:
    with pytest.raises(UsageError, match="standard input has no name"):
        output_names(expand(["-"]), ".jsonl")


def test_a_folder_is_what_is_one_or_ends_with_a_slash(folder: Path) -> None:
    plant(folder, "there/", "file")
    assert [is_folder(name) for name in ("there", "new/", "new", "file", "-")] == [
        *(True, True),
        *(False, False, False),
    ]


ASKED: dict[str, tuple[tuple[str | None, int | None, int | None, bool], str | None]] = {
    "a file": (("out.jsonl", None, None, False), None),
    "standard output": (("-", None, None, False), None),
    "an object": ((None, None, None, False), None),
    "a folder": (("out/", None, None, False), "folder"),
    "a folder again": (("out/", None, None, True), "folder"),
    "shards": (("out.jsonl", 2, None, False), "shards"),
    "shards of a size": (("out.jsonl", None, 100, False), "shards"),
}


@pytest.mark.parametrize(("asked", "expected"), ASKED.values(), ids=ASKED)
def test_a_call_asks_for_several_outputs_or_one(
    asked: tuple[str | None, int | None, int | None, bool], expected: str | None
) -> None:
    several = several_of(*asked[:3], resume=asked[3])
    assert expected == (several and ("folder" if several.folder else "shards"))


CONFLICTS: dict[str, tuple[tuple[str | None, int | None, int | None, bool], str]] = {
    "both kinds of shards": (("out.jsonl", 2, 100, False), "exclude each other"),
    "shards in a folder": (("out/", 2, None, False), "need the name of a file"),
    "shards of an object": ((None, 2, None, False), "need the name of a file"),
    "resumed shards": (("out.jsonl", 2, None, True), "resume needs a folder"),
    "a resumed file": (("out.jsonl", None, None, True), "resume needs a folder"),
    "no shard": (("out.jsonl", 0, None, False), "at least one"),
    "more shards than there are numbers": (("out.jsonl", 1 << 64, None, False), "99,999 shards"),
    "shards of nothing": (("out.jsonl", None, 0, False), "at least one"),
}


@pytest.mark.parametrize(("asked", "message"), CONFLICTS.values(), ids=CONFLICTS)
def test_what_does_not_go_together_is_refused(
    asked: tuple[str | None, int | None, int | None, bool], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        several_of(*asked[:3], resume=asked[3])


@pytest.mark.parametrize(
    "name", ["a.parquet", "a.ARROWS", "a.feather", "a.jsonl.gz", "a.zst", "a.xz"]
)
def test_an_empty_file_is_none_of_what_its_name_says(name: str, folder: Path) -> None:
    plant(folder, "a.jsonl")
    (folder / name).write_bytes(b"")
    with pytest.raises(
        raftfast.Error, match=rf"^{name}: is empty, which no \.\w+ file is$"
    ) as caught:
        raftfast.convert(name, "out")
    assert (caught.value.kind, caught.value.path) == ("broken-input", name)
    assert not (folder / "out").exists()
