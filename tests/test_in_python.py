"""raftfast does no harm to the process, the threads and the forks that it is called in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fcntl import ioctl
from io import FileIO
from multiprocessing import get_context
from pathlib import Path
from termios import FIONREAD
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest
import raftfast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE = b'{"instruction": "Q", "cot_answer": "A"}\n'
ROW = b'{"prompt":"Q","completion":"A<STOP>"}\n'
HANG = 60
"""Seconds after which a process that should have ended is taken to hang."""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc")
forks_beside_threads = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(name="corpus")
def _corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    raftfast.sample(path, 20_000_000)
    return path


def script(text: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a program of Python to its end."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=HANG)


# Forks -------------------------------------------------------------------------------------------

FORK = """
import os, sys, threading, raftfast
def convert(name):
    raftfast.convert(sys.argv[1], sys.argv[2] + name, threads=4)
{before}
child = os.fork()
convert("child" if child == 0 else "parent")
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
{after}
"""
FORKS = {
    "before use": ("", ""),
    "after use": ('convert("first")', ""),
    "during use": (
        'beside = threading.Thread(target=convert, args=("beside",)); beside.start()',
        "beside.join()",
    ),
    "while batches are read": (
        "batches = iter(raftfast.read(sys.argv[1])); next(batches)",
        "sum(1 for _ in batches)",
    ),
}


@needs_fork
@pytest.mark.parametrize("when", FORKS)
def test_a_fork_converts_and_so_does_its_parent(when: str, corpus: Path, tmp_path: Path) -> None:
    before, after = FORKS[when]
    rows = tmp_path / "rows-"
    done = script(FORK.format(before=before, after=after), corpus, rows)
    assert done.returncode == 0, done.stderr
    made = [path.read_bytes() for path in tmp_path.glob("rows-*")]
    assert len(made) >= 2
    assert set(made) == {raftfast.Converter("chat").convert_bytes(corpus.read_bytes())}


def converted(path: str) -> int:
    """Convert in another process; there must be no threads to inherit."""
    return raftfast.convert(path, f"{path}.{os.getpid()}", threads=2).written


@needs_fork
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@forks_beside_threads
def test_pools_of_processes_work_after_use(
    method: Literal["fork", "forkserver", "spawn"], corpus: Path, tmp_path: Path
) -> None:
    written = raftfast.convert(corpus, tmp_path / "out", threads=4).written
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        assert list(pool.map(converted, [str(corpus)] * 4)) == [written] * 4


# Threads -----------------------------------------------------------------------------------------


def test_one_converter_serves_many_threads(corpus: Path) -> None:
    data = corpus.read_bytes()
    converter = raftfast.Converter("chat")
    expected = raftfast.Converter("chat").convert_bytes(data)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(converter.convert_bytes, [data] * 16)) == {expected}
    assert converter.ledger.read == 16 * data.count(b"\n")


def test_eight_threads_convert_files_at_once_and_each_gets_its_own_rows(
    corpus: Path, tmp_path: Path
) -> None:
    data = corpus.read_bytes()
    targets = ["chat", "completion", "eval", "hf"] * 2

    def convert(number: int) -> bytes:
        output = tmp_path / f"rows-{number}"
        raftfast.convert(corpus, output, to=targets[number], threads=2)
        return output.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(convert, range(8)))
    assert made == [raftfast.Converter(to).convert_bytes(data) for to in targets]


def test_other_threads_of_python_run_during_a_conversion(corpus: Path, tmp_path: Path) -> None:
    ticks, done = 0, threading.Event()

    def count() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    data = corpus.read_bytes()
    counter.start()
    try:
        before = ticks
        for _ in range(5):
            raftfast.Converter("chat").convert_bytes(data)
        during_bytes = ticks - before
        before = ticks
        raftfast.convert(corpus, tmp_path / "out", threads=1)
        during_files = ticks - before
    finally:
        done.set()
        counter.join()
    assert during_bytes > 10
    assert during_files > 10


FREE = """
import sys, raftfast
written = raftfast.convert(sys.argv[1], sys.argv[2]).written
assert sum(len(batch) for batch in raftfast.read(sys.argv[1])) == written
print(sys._is_gil_enabled())
"""


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python is not free-threaded"
)
def test_a_free_threaded_interpreter_stays_so(corpus: Path, tmp_path: Path) -> None:
    done = script(FREE, corpus, tmp_path / "out")
    assert (done.stdout, done.stderr) == (b"False\n", b"")


# Ctrl-C and the end of the interpreter -----------------------------------------------------------


@pytest.fixture(name="silent")
def _silent(tmp_path: Path) -> Iterator[FileIO]:
    """Open a pipe that gives nothing until something is written, nor ends until it is closed."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with FileIO(str(path), "r+") as pipe:
        yield pipe


@pytest.mark.usefixtures("silent")
def test_ctrl_c_ends_a_run_that_waits_and_leaves_nothing(tmp_path: Path) -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        raftfast.convert(tmp_path / "fifo", tmp_path / "out")
    assert time.monotonic() - started < 1.3
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


# No signal was heard while pyarrow waited for the next batch.
@pytest.mark.parametrize("threads", [1, 4])
def test_ctrl_c_ends_a_reader_that_waits(threads: int, silent: FileIO, tmp_path: Path) -> None:
    silent.write(LINE)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    batches = raftfast.read(tmp_path / "fifo", to="completion", threads=threads)
    with pytest.raises(KeyboardInterrupt):
        list(batches)
    with pytest.raises(KeyboardInterrupt):
        batches.check()
    assert time.monotonic() - started < 1.3


class Endless:
    """A file of one line that never ends; it gives up after so many bytes that a test fails."""

    def __init__(self) -> None:
        self.given = 0

    def readinto(self, space: memoryview) -> int:
        self.given += len(space)
        assert self.given < 1 << 33
        space[:] = b"x" * len(space)
        return len(space)


@pytest.mark.parametrize("on_error", ["fail", "skip"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_line_without_end_does_not_keep_a_run_from_its_end(
    on_error: Literal["fail", "skip"], threads: int, tmp_path: Path
) -> None:
    endless, output = Endless(), tmp_path / "out"
    if on_error == "skip":
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(raftfast.Error if on_error == "fail" else KeyboardInterrupt):
        raftfast.convert(
            endless, output, threads=threads, on_error=on_error, max_record_bytes=1 << 20
        )
    assert time.monotonic() - started < 1.3
    assert not output.exists()


def wait_until_read(pipe: FileIO) -> None:
    """Wait until somebody has read what is in a pipe: until it is opened, a close would lose it."""
    started = time.monotonic()
    while any(ioctl(pipe, FIONREAD, bytes(4))) and time.monotonic() - started < HANG:
        time.sleep(0.001)


def test_ctrl_c_in_the_main_thread_does_not_end_the_run_of_another(
    silent: FileIO, tmp_path: Path
) -> None:
    begun, source, output = threading.Event(), tmp_path / "fifo", tmp_path / "out"

    def convert() -> int:
        tell = lambda *_: begun.set()  # noqa: E731 - progress is told of two numbers
        return raftfast.convert(source, output, to="completion", progress=tell).written

    # The pipe is closed before the pool waits for its thread, so a failure here does not hang.
    with ThreadPoolExecutor(1) as pool, silent:
        run = pool.submit(convert)
        assert begun.wait(HANG)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        silent.write(LINE)
        wait_until_read(silent)
    assert run.result() == 1
    assert output.read_bytes() == ROW


class Daemon(NamedTuple):
    """What a thread does that the interpreter does not wait for."""

    id: str
    body: str
    threads: int = 1


DAEMONS = [
    Daemon("files", "raftfast.convert(sys.argv[1], sys.argv[2], threads=4)"),
    Daemon("bytes", "raftfast.Converter('chat').convert_bytes(open(sys.argv[1], 'rb').read())"),
    Daemon("batches", "sum(1 for _ in raftfast.read(sys.argv[1]))"),
    Daemon("an object", "raftfast.convert(open(sys.argv[1], 'rb', 0), sys.argv[2])"),
    Daemon("pyarrow", "raftfast.read(sys.argv[1]).to_pyarrow().read_all()"),
    # A reader is freed by a function of pyarrow which must not be unwound: 4 to 8 % were SIGABRT.
    Daemon("much pyarrow", "raftfast.read(sys.argv[1]).to_pyarrow().read_all()", threads=16),
    Daemon("shards", "raftfast.convert(sys.argv[1], sys.argv[2] + '.d', shard_size=1000)"),
]
EXIT = """
import sys, threading, time, raftfast
def work():
    started.set()
    while True:
        {body}
started = threading.Event()
for _ in range({threads}):
    threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.1)
"""


# A thread that came back too late ended the process with SIGABRT in one run of eight.
@pytest.mark.parametrize("_run", range(6))
@pytest.mark.parametrize("daemon", DAEMONS, ids=lambda daemon: daemon.id)
def test_the_interpreter_ends_beside_a_thread_that_converts(
    daemon: Daemon, _run: int, corpus: Path, tmp_path: Path
) -> None:
    done = script(EXIT.format(**daemon._asdict()), corpus, tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


AT_EXIT = """
import atexit, io, sys
def convert():
    try:
        line = b'{"cot_answer":"a","instruction":"i"}'
        print(raftfast.convert(io.BytesIO(line), sys.argv[1]).written)
    except OSError as error:
        print(error)
"""


def test_a_conversion_at_exit_reads_objects_if_it_was_registered_after_the_import(
    tmp_path: Path,
) -> None:
    imported, registered = "import raftfast\n", "atexit.register(convert)\n"
    after = script(AT_EXIT + imported + registered, tmp_path / "out")
    assert (after.returncode, after.stdout) == (0, b"1\n")
    before = script(AT_EXIT + registered + imported, tmp_path / "out")
    assert (before.returncode, b"the interpreter is ending" in before.stdout) == (0, True)


READ_AT_EXIT = """
import atexit, sys, threading
def finish():
    ending.set()
    thread.join()
atexit.register(finish)
import raftfast
ending = threading.Event()
def read(reader):
    ending.wait()
    try:
        print(reader.read_all().num_rows)
    except OSError as error:
        print(error)
thread = threading.Thread(target=read, args=[raftfast.read(sys.argv[1]).to_pyarrow()], daemon=True)
thread.start()
"""


# The rows that the end of the interpreter left unread were taken for none.
def test_a_reader_that_the_end_of_the_interpreter_cuts_short_says_so(corpus: Path) -> None:
    done = script(READ_AT_EXIT, corpus)
    assert (done.returncode, b"the interpreter is ending" in done.stdout) == (0, True)


# Exceptions --------------------------------------------------------------------------------------


FAILURES: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "an absent file": (lambda: raftfast.convert("absent", "out"), FileNotFoundError),
    "bad data": (lambda: raftfast.Converter("chat").convert_bytes(b"{]\n"), raftfast.Error),
    "a wrong call": (lambda: raftfast.Converter("chatt"), raftfast.UsageError),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("what", FAILURES)
def test_what_fails_is_an_exception_of_its_class(what: str) -> None:
    fail, expected = FAILURES[what]
    assert issubclass(expected, Exception)
    with pytest.raises(expected) as caught:
        fail()
    assert type(caught.value) is expected


# Leaks -------------------------------------------------------------------------------------------


def held() -> tuple[int, int]:
    """Count the descriptors and threads of this process."""
    descriptors, threads = Path("/proc/self/fd"), Path("/proc/self/task")
    return len(list(descriptors.iterdir())), len(list(threads.iterdir()))


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def convert_file(path: Path) -> None:
    raftfast.convert(path, path.with_name("out"), threads=4)


def read_half(path: Path) -> None:
    next(iter(raftfast.read(path, threads=2)))


def fail_late(path: Path) -> None:
    with pytest.raises(raftfast.Error):
        raftfast.Converter("chat").convert_bytes(path.read_bytes() + b"{]\n")


def find_nothing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        raftfast.convert(path.with_name("absent"), path.with_name("out"))


def convert_bytes(path: Path) -> None:
    raftfast.Converter("chat").convert_bytes(path.read_bytes())


CALLS = [convert_file, read_half, fail_late, find_nothing, convert_bytes]


@needs_proc
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_two_hundred_calls_leave_no_descriptor_thread_or_memory(
    call: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    raftfast.sample(path, 2_000_000)
    for _ in range(20):
        call(path)
    before, memory = held(), resident()
    for _ in range(200):
        call(path)
    # What an earlier test held may have gone meanwhile, such as the thread of a reader half read.
    assert all(now <= then for now, then in zip(held(), before, strict=True))
    # A leak of a twentieth of the input at each call would be 20 MB.
    assert resident() - memory < 20_000_000


def _read_for(path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        list(raftfast.read(path))


# Nine of ten were lost in what was let go of at the end of the rows.
def test_an_interrupt_in_a_loop_of_readers_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    raftfast.sample(path, 3_000_000)
    for number in range(10):
        threading.Timer(0.05 + number / 200, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            _read_for(path, 5)
