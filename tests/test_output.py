"""Outputs that can be trusted: names, links, devices, modes, signals and failures."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest
import raftfast as library
from conftest import COMMAND, jsonl, record
from raftfast.files import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run

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


def test_a_read_only_output_is_not_replaced(corpus: Path, raftfast: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write to read-only files")
    output = corpus.with_name("out")
    output.write_bytes(OLD)
    output.chmod(0o444)
    done = raftfast("convert", corpus.name, "-o", "out")
    assert (done.returncode, done.stderr) == (1, b"raftfast: out: Permission denied\n")
    assert output.read_bytes() == OLD


def test_a_read_only_folder_is_found_out_before_the_work(corpus: Path, raftfast: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write to read-only folders")
    locked = corpus.with_name("locked")
    locked.mkdir(mode=0o555)
    done = raftfast("convert", "-o", "locked/out", input=b"not JSON")
    assert (done.returncode, done.stderr) == (1, b"raftfast: locked/out: Permission denied\n")


# Links, devices, FIFOs


LINKS = {
    "a link to a file": "touch real; ln -s real out",
    "a dangling link": "ln -s real out",
    "a link to a link": "ln -s middle out; ln -s real middle",
    "a link out of another folder": "mkdir d; ln -s ../real d/out; ln -s d/out out",
}


@pytest.mark.parametrize("preparation", LINKS.values(), ids=LINKS)
def test_a_link_stays_a_link(preparation: str, corpus: Path, shell: Run) -> None:
    done = shell("set -e", preparation, "readlink out", "raftfast convert corpus.jsonl -o out")
    assert done.returncode == 0, done.stderr
    assert os.readlink("out") == done.stdout.decode().strip()  # noqa: PTH115
    assert not Path("real").is_symlink()
    assert len((corpus.parent / "real").read_bytes().splitlines()) == 2


def test_a_loop_of_links_is_an_error(corpus: Path, shell: Run) -> None:
    done = shell("ln -s a b; ln -s b a", f"raftfast convert {corpus.name} -o a")
    assert done.returncode == 1
    assert done.stderr.startswith(b"raftfast: a: Too many levels of symbolic links")


def test_another_hard_link_keeps_the_old_file(corpus: Path, shell: Run) -> None:
    shell("echo old >out; ln out other", f"raftfast convert {corpus.name} -o out")
    assert (corpus.parent / "other").read_bytes() == OLD


def test_devices_are_written_to(corpus: Path, raftfast: Run) -> None:
    null = Path("/dev/null").stat()
    arguments = ["--on-error", "skip", "--rejects", "/dev/null", "--report", "/dev/null"]
    assert raftfast("convert", corpus.name, "-o", "/dev/null", *arguments).returncode == 0
    assert Path("/dev/null").stat().st_ino == null.st_ino


def test_nothing_is_made_among_devices(corpus: Path, raftfast: Run) -> None:
    done = raftfast("convert", corpus.name, "-o", "/dev/raftfast-none")
    assert (done.returncode, Path("/dev/raftfast-none").exists()) == (1, False)
    assert done.stderr == b"raftfast: /dev/raftfast-none: No such file or directory\n"


def test_a_fifo_is_written_to(corpus: Path, shell: Run) -> None:
    done = shell(
        "mkfifo out; cat out >got &", f"raftfast convert {corpus.name} -o out; wait; test -p out"
    )
    assert done.returncode == 0, done.stderr
    assert len((corpus.parent / "got").read_bytes().splitlines()) == 2


def test_a_fifo_whose_reader_goes_away_ends_quietly(folder: Path, shell: Run) -> None:
    (folder / "big.jsonl").write_bytes(jsonl(record()) * 10_000)
    done = shell("mkfifo out; head -c 10 out >got &", "raftfast convert big.jsonl -o out")
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_descriptor_of_the_shell_is_written_to(corpus: Path, shell: Run) -> None:
    done = shell(f"raftfast convert {corpus.name} -o /dev/fd/3 3>out")
    assert done.returncode == 0, done.stderr
    assert len((corpus.parent / "out").read_bytes().splitlines()) == 2


# Outputs that are inputs


CLASHES = {
    "the same path": "convert a.jsonl -o a.jsonl",
    "another spelling": "convert a.jsonl -o ./d/../a.jsonl",
    "a symbolic link": "convert a.jsonl -o link",
    "through a symbolic link": "convert link -o a.jsonl",
    "a hard link": "convert a.jsonl -o hard",
    "the second input": "convert b.jsonl a.jsonl -o a.jsonl",
    "standard input": "convert -o a.jsonl <a.jsonl",
    "standard input as a device": "convert /dev/stdin -o a.jsonl <a.jsonl",
    "standard output": "convert a.jsonl >>a.jsonl",
    "both standard streams": "convert <a.jsonl >>a.jsonl",
    "rejects that are the input": "convert a.jsonl -o out --on-error skip --rejects a.jsonl",
    "a report that is the input": "convert a.jsonl -o out --report hard",
    "rejects that are the output": "convert a.jsonl -o out --on-error skip --rejects ./out",
    "a report that is the output": "convert a.jsonl -o out --report dangling",
    "a report that is the rejects": "convert a.jsonl -o o --on-error skip --rejects r --report ./r",
}


@pytest.mark.parametrize("command", CLASHES.values(), ids=CLASHES)
def test_an_output_that_is_also_something_else_is_refused(
    command: str, folder: Path, shell: Run
) -> None:
    data = jsonl(record())
    (folder / "a.jsonl").write_bytes(data)
    (folder / "b.jsonl").write_bytes(data)
    shell("mkdir d; ln -s a.jsonl link; ln a.jsonl hard; ln -s out dangling")
    before = sorted(folder.iterdir())
    done = shell(f"raftfast {command}")
    assert done.returncode == 2, done.stderr
    assert b" is the same file as " in done.stderr
    assert (folder / "a.jsonl").read_bytes() == data
    assert sorted(folder.iterdir()) == before


# Hostile names


NAMES = {
    "like an option": b"-o.jsonl",
    "with a space": b"a b.jsonl",
    "with a newline": b"a\nb.jsonl",
    "with an escape": b"a\x1b[31mb.jsonl",
    "not UTF-8": b"a\xffb.jsonl",
    "bidi": "a\u202eb.jsonl".encode(),
    "the longest": b"n" * 255,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_names_are_names(name: bytes, corpus: Path, raftfast: Run) -> None:
    inside = os.fsdecode(name)
    Path("in").mkdir()
    corpus.rename(Path("in") / inside)
    os.chdir("in")
    arguments = ["-o", f"../{inside}", "--report", "../report"]
    done = raftfast("convert", *arguments, "--", inside, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert len(Path("..", inside).read_bytes().splitlines()) == 2


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("data", [b"", b'{"a": NaN}\n'], ids=["missing", "malformed"])
def test_hostile_names_are_escaped_in_messages(
    name: bytes, data: bytes, folder: Path, raftfast: Run
) -> None:
    if data:
        (folder / os.fsdecode(name)).write_bytes(data)
    done = raftfast("convert", "-o", "out", "--", os.fsdecode(name))
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.endswith("\n")
    assert said[:-1].isprintable()
    assert list(folder.iterdir()) == ([folder / os.fsdecode(name)] if data else [])


# Signals


@contextmanager
def running(folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
    """Run a conversion that has read a record and waits for the next."""
    os.mkfifo(folder / "in")
    arguments = ["convert", "in", "-o", "out", "--rejects", "bad", "--on-error", "skip"]
    process = subprocess.Popen(
        [*prefix, *COMMAND, *arguments, "--report", "report"], cwd=folder, stderr=subprocess.PIPE
    )
    with process, (folder / "in").open("wb", buffering=0) as records:
        records.write(jsonl(record()))
        try:
            yield process, records
        finally:
            if process.poll() is None:
                process.kill()


def after(process: subprocess.Popen[bytes], number: int) -> tuple[int, bytes]:
    """Send a signal to a process that is at work, and wait until it has ended."""
    assert process.stderr
    wait_until_it_listens(process)
    threading.Event().wait(0.3)
    process.send_signal(number)
    code = process.wait(timeout=2)
    return code, process.stderr.read()


def wait_until_it_listens(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process catches TERM; on a busy machine that can be long after its start."""
    status = Path(f"/proc/{process.pid}/status")
    for _ in range(200):
        caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
        if caught is None or int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        threading.Event().wait(0.05)


SIGNALS = {
    "Ctrl-C": (signal.SIGINT, 130),
    "TERM": (signal.SIGTERM, 143),
    "HUP": (signal.SIGHUP, 129),
}


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("old", [OLD, None], ids=["old file", "no file"])
def test_a_signal_ends_the_run_and_leaves_everything_as_it_was(
    number: int, code: int, old: bytes | None, folder: Path
) -> None:
    if old:
        (folder / "out").write_bytes(old)
    with running(folder) as (process, _):
        assert after(process, number) == (code, b"")
    (folder / "in").unlink()
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert left == ({"out": old} if old else {})


def test_being_killed_leaves_nothing_behind(folder: Path) -> None:
    with running(folder) as (process, _):
        assert after(process, signal.SIGKILL)[0] == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_a_signal_that_was_ignored_stays_ignored(folder: Path) -> None:
    ignoring = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    with running(folder, *ignoring) as (process, records):
        threading.Event().wait(0.3)
        process.send_signal(signal.SIGHUP)
        threading.Event().wait(0.3)
        records.close()
        assert process.wait(timeout=2) == 0
    assert len((folder / "out").read_bytes().splitlines()) == 1


WAITS = {
    "for the writer of an input": "convert fifo -o out",
    "for the reader of an output": "convert corpus.jsonl -o fifo",
    "for the reader of rejects": "convert corpus.jsonl -o out --on-error skip --rejects fifo",
    "for the reader of a report": "convert corpus.jsonl -o out --report fifo",
    "for the reader of a sample": "sample --size 1MB -o fifo",
}


@pytest.mark.parametrize("command", WAITS.values(), ids=WAITS)
def test_ctrl_c_ends_the_waiting(command: str, corpus: Path) -> None:
    os.mkfifo(corpus.with_name("fifo"))
    with subprocess.Popen([*COMMAND, *command.split()], stderr=subprocess.PIPE) as process:
        try:
            assert after(process, signal.SIGINT) == (130, b"")
        finally:
            process.kill()
    assert not corpus.with_name("out").exists()


def test_ctrl_c_in_the_library_is_keyboard_interrupt(endless: str, folder: Path) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        library.convert(endless, "out")
    assert list(folder.iterdir()) == []
