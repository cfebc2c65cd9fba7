"""Outputs that can be trusted: names, modes and failures of the system, inside one process."""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import raftfast as library
from conftest import jsonl, record
from raftfast.files import published

if TYPE_CHECKING:
    from collections.abc import Callable


ROW = b'{"instruction":"i","cot_answer":"a"}\n'
OLD, NEW = b"old\n", b"new\n"


def refuse_nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a file system that has no O_TMPFILE."""
    real = os.open
    nameless = getattr(os, "O_TMPFILE", 0)

    def fake(path: str, flags: int, mode: int = 0o777, **options: int) -> int:
        if flags & nameless == nameless:
            raise OSError(errno.EOPNOTSUPP, "no O_TMPFILE")
        return real(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", fake)


FILE_SYSTEMS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "nameless files": lambda _: None,
    "no nameless files": refuse_nameless,
    "no such flag": lambda patch: patch.setattr("raftfast.files._NAMELESS", 0),
}


@pytest.fixture(params=list(FILE_SYSTEMS.values()), ids=list(FILE_SYSTEMS))
def file_system(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    request.param(monkeypatch)
    return folder


def write(
    names: dict[str, str], *, sync: bool = False, error: type[BaseException] | None = None
) -> None:
    with published(names, sync=sync) as paths:
        for path in paths.values():
            Path(path).write_bytes(NEW)
        if error:
            raise error


# Names


def test_a_new_name_shows_the_new_file(file_system: Path) -> None:
    write({"output": "out"})
    assert {path.name: path.read_bytes() for path in file_system.iterdir()} == {"out": NEW}


def test_an_old_name_shows_the_new_file(file_system: Path) -> None:
    (file_system / "out").write_bytes(OLD)
    write({"output": "out"})
    assert {path.name: path.read_bytes() for path in file_system.iterdir()} == {"out": NEW}


def test_until_the_end_a_name_shows_the_old_file(file_system: Path) -> None:
    (file_system / "out").write_bytes(OLD)
    with published({"output": "out", "report": "new"}) as paths:
        Path(paths["output"]).write_bytes(NEW)
        assert (file_system / "out").read_bytes() == OLD
        assert not (file_system / "new").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_exception_the_folder_is_as_before(
    error: type[BaseException], file_system: Path
) -> None:
    (file_system / "out").write_bytes(OLD)
    with pytest.raises(error):
        write({"output": "out", "report": "new"}, error=error)
    assert {path.name: path.read_bytes() for path in file_system.iterdir()} == {"out": OLD}


def test_a_name_that_appears_during_the_run_is_replaced(file_system: Path) -> None:
    with published({"output": "out"}) as paths:
        Path(paths["output"]).write_bytes(NEW)
        (file_system / "out").write_bytes(OLD)
    assert {path.name: path.read_bytes() for path in file_system.iterdir()} == {"out": NEW}


def test_a_folder_that_is_renamed_during_the_run_gets_the_file(file_system: Path) -> None:
    (file_system / "a").mkdir()
    with published({"output": "a/out"}) as paths:
        if "/proc" not in paths["output"]:
            pytest.skip("a named file is opened by its path")
        (file_system / "a").rename("b")
        Path(paths["output"]).write_bytes(NEW)
    assert (file_system / "b/out").read_bytes() == NEW


def test_names_may_be_as_long_as_names_can_be(file_system: Path) -> None:
    name = "n" * 255
    for _ in range(2):
        write({"output": name})
    assert [path.name for path in file_system.iterdir()] == [name]


def test_the_last_name_means_that_all_are_there(
    file_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for call in ("link", "rename"):
        monkeypatch.setattr(os, call, spied(getattr(os, call), lambda: seen.append(shown())))

    def shown() -> int:
        return sum((file_system / name).exists() for name in "abc")

    write({"rejects": "a", "report": "b", "output": "c"})
    assert seen == [0, 1, 2]


def spied(real: Callable[..., object], before: Callable[[], object]) -> Callable[..., object]:
    def call(*arguments: object, **options: object) -> object:
        before()
        return real(*arguments, **options)

    return call


def test_no_signal_comes_between_two_names(
    file_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To this thread: one of another library in the process would take it at once.
    interrupt = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # noqa: E731
    for call in ("link", "rename"):
        monkeypatch.setattr(os, call, spied(getattr(os, call), interrupt))
    with pytest.raises(KeyboardInterrupt):
        write({"rejects": "a", "output": "b"})
    assert sorted(path.name for path in file_system.iterdir()) == ["a", "b"]


# Failures of the system


CALLS = ("open", "fstat", "fchmod", "fsync", "link", "rename")


@pytest.mark.parametrize("old", [OLD, None], ids=["old file", "no file"])
def test_whichever_call_fails_the_name_shows_a_whole_file(
    old: bytes | None, file_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = file_system / "out"
    for failing in range(100):
        output.unlink(missing_ok=True)
        if old:
            output.write_bytes(old)
        with monkeypatch.context() as patch:
            calls = failing_at(failing, patch)
            try:
                write_from_outside(str(output))
            except OSError as error:
                assert (error.errno, error.filename) == (errno.EIO, str(output))  # noqa: PT017
        seen = {path.name: path.read_bytes() for path in file_system.iterdir()}
        assert seen in ({"out": old} if old else {}, {"out": NEW}), f"call {failing}"
        if len(calls) <= failing:
            assert seen == {"out": NEW}
            return
    pytest.fail("there is no end of calls")


def write_from_outside(name: str) -> None:
    """Write from another process, so that no call of this one but those under test can fail."""
    with published({"output": name}, sync=True) as paths:
        subprocess.run(["/bin/sh", "-c", 'echo new >"$0"', abroad(paths["output"])], check=True)


def abroad(path: str) -> str:
    return path.replace("self", str(os.getpid()))


def failing_at(index: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Make the call of this index fail, among those that files are made with."""
    calls: list[str] = []

    def wrapped(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            calls.append(name)
            if len(calls) == index + 1:
                raise OSError(errno.EIO, "made to fail")
            return real(*arguments, **options)

        return call

    for name in CALLS:
        patch.setattr(f"raftfast.files.os.{name}", wrapped(name, getattr(os, name)))
    return calls


@pytest.mark.parametrize("sync", [False, True])
def test_what_a_file_system_tells_only_when_a_file_is_closed_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool
) -> None:
    output, close, copies = tmp_path / "out", os.close, []
    output.write_text("old")

    def dup(file: int) -> int:
        copies.append(os.open(f"/proc/self/fd/{file}", os.O_RDONLY))
        return copies[-1]

    def fail(file: int) -> None:
        close(file)
        if file in copies:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "dup", dup)
    monkeypatch.setattr(os, "close", fail)
    with pytest.raises(OSError, match="quota") as caught:
        write({"output": str(output)}, sync=sync)
    assert (caught.value.errno, caught.value.filename) == (errno.EDQUOT, str(output))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert output.read_text() == "old"


def test_only_sync_waits_for_the_disk(file_system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(
        os, "fsync", lambda file: waited.append(stat.S_ISDIR(os.fstat(file).st_mode))
    )
    write({"output": str(file_system / "out")})
    assert waited == []
    write({"output": str(file_system / "out")}, sync=True)
    assert waited == [False, True]


def test_an_error_of_writing_names_the_output(file_system: Path) -> None:
    with pytest.raises(OSError, match="out") as caught, published({"output": "out"}) as paths:
        raise OSError(errno.ENOSPC, "No space left on device", paths["output"])
    assert caught.value.filename == "out"
    assert list(file_system.iterdir()) == []


# Modes


UMASKS = {"usual": 0o022, "private": 0o077, "group": 0o002, "read only": 0o222}


@pytest.mark.parametrize("umask", UMASKS.values(), ids=UMASKS)
def test_mode_is_what_the_umask_gives(umask: int, file_system: Path) -> None:
    (file_system / "old").touch(mode=0o600)
    before = os.umask(umask)
    try:
        write({"new": "new", "old": "old"})
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in file_system.iterdir()}
    assert modes == {0o666 & ~umask}


def test_while_it_is_written_the_file_is_never_wider(file_system: Path) -> None:
    before = os.umask(0o027)
    try:
        with published({"output": str(file_system / "out")}) as paths:
            assert stat.S_IMODE(Path(paths["output"]).stat().st_mode) == 0o640
    finally:
        os.umask(before)


# Open files


# It was written while it was read, and lost.
def test_an_open_file_that_is_an_input_is_no_output(folder: Path) -> None:
    path = folder / "in.jsonl"
    path.write_bytes(ROW * 1000)
    (folder / "link").hardlink_to(path)
    with path.open("r+b", 0) as opened, (folder / "other").open("w+b", 0) as other:
        for source, output in [
            (path, opened),
            (opened, opened),
            (opened, "link"),
            ("link", opened),
        ]:
            with pytest.raises(library.UsageError, match="is the same file as input"):
                library.convert(source, output)
        assert library.convert(opened, other).written == 1000
        for beside in ("report", "rejects"):
            options: dict[str, Any] = {beside: "other", "on_error": "skip"}
            with pytest.raises(library.UsageError, match="is the same file as output"):
                library.convert(path, other, **options)
    assert path.read_bytes() == ROW * 1000


# It was read while it was written, and some records were lost.
def test_an_object_that_is_an_input_is_no_output() -> None:
    data = jsonl(*[record()] * 100)
    both = io.BytesIO(data)
    with pytest.raises(library.UsageError, match="output <BytesIO> is the same object as an input"):
        library.convert([io.BytesIO(data), both], both)
    assert both.getvalue() == data


# It was replaced by the rows that it made.
@pytest.mark.parametrize("beside", ["output", "report"])
def test_a_file_by_which_rows_are_made_is_no_output(beside: str, folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(jsonl(record()))
    target = """name = "mine"\nneeds = []\nrow = '["{question}"]'\n"""
    (folder / "mine.toml").write_text(target)
    (folder / "link").symlink_to("mine.toml")
    (folder / "own.jinja").write_text("x")
    (folder / "T").write_text(target)
    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("mine.toml", "target", {"to": "mine.toml"}),
        ("link", "target", {"to": "mine.toml"}),
        ("T", "target", {"to": "./T"}),
        ("own.jinja", "template", {"to": "text", "template": "own.jinja"}),
    ]
    for name, what, options in ways:
        outputs: dict[str, Any] = {"output": "out.jsonl", beside: name}
        with pytest.raises(
            library.UsageError, match=f"^{beside} {name} is the file of the {what}$"
        ):
            library.convert("in.jsonl", **outputs, **options)
    assert (folder / "mine.toml").read_text() == target


def test_a_file_of_a_dataset_is_no_output_of_it(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"instruction": ["Q"], "cot_answer": ["A"]}).save_to_disk("data")
    dataset = datasets.load_from_disk("data")
    name = dataset.cache_files[0]["filename"]
    before = (folder / name).read_bytes()
    with pytest.raises(library.UsageError, match="is the same file as input <Dataset>"):
        library.convert(dataset, name, output_type="arrows")
    assert (folder / name).read_bytes() == before


def test_an_open_file_of_a_data_set_is_no_output_of_it(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"instruction": ["i"], "cot_answer": ["a"]}
    datasets.Dataset.from_dict(rows).save_to_disk("in")
    (file,) = (folder / "in").glob("*.arrow")
    before = file.read_bytes()
    refused = pytest.raises(library.UsageError, match="is the same file as input in")
    with file.open("r+b", 0) as output, refused:
        library.convert("in", output)
    assert file.read_bytes() == before


def test_an_object_whose_file_cannot_be_told_is_read(folder: Path) -> None:
    class Strange(io.BytesIO):
        def fileno(self) -> int:
            raise NotImplementedError

    assert library.convert(Strange(ROW), folder / "out").written == 1


# Signals


def test_ctrl_c_in_the_library_is_keyboard_interrupt(endless: str, folder: Path) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        library.convert(endless, "out")
    assert list(folder.iterdir()) == []
