"""One job with each tool, as a thin script: ``contestants.py TOOL TASK INPUT OUTPUT``.

The job is RAFT records to chat rows, written as the documentation of each tool shows its use. A
task is what a program around it does: it converts, forks after it has converted, maps over a pool
of forked processes, is interrupted, or ends while a daemon thread converts.
"""

# ruff: noqa: PLC0415 - a tool is imported by its own script only

from __future__ import annotations

import gzip
import io
import multiprocessing
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from raftfast.compare import rivals

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    Convert = Callable[[str, str], None]

# Tools --------------------------------------------------------------------------------------------


def raftfast(source: str, output: str) -> None:
    """Call the library."""
    import raftfast as library

    library.convert(source, output)


def orjson(source: str, output: str) -> None:
    """Loop over the lines of a file, which the library for its compression opens."""
    from orjson import OPT_APPEND_NEWLINE, dumps, loads

    with opened(source) as lines, Path(output).open("wb") as rows:
        for line in lines:
            record = loads(line)
            if record["cot_answer"] and record["instruction"]:
                rows.write(dumps(rivals.chat_row(record), option=OPT_APPEND_NEWLINE))


def opened(source: str) -> IO[bytes]:
    """Open lines with the standard library, or with the package for zst."""
    if source.endswith(".gz"):
        return gzip.open(source)  # type: ignore[return-value] # it has all methods of one
    if source.endswith(".zst"):
        import zstandard

        file = Path(source).open("rb")  # noqa: SIM115 - closed by who reads it
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(frames)
    return Path(source).open("rb")


def duckdb(source: str, output: str) -> None:
    """Copy from a reader that is told the two columns."""
    import duckdb as db

    statement = """
        COPY (
            SELECT [
                {role: 'system', content: $system},
                {role: 'user', content: instruction},
                {role: 'assistant', content: cot_answer}
            ] AS messages
            FROM read_ndjson(
                $source, columns = {instruction: 'VARCHAR', cot_answer: 'VARCHAR'}
            )
            WHERE cot_answer <> '' AND instruction <> ''
        ) TO $output (FORMAT json)
    """
    names = {"system": rivals.SYSTEM, "source": source, "output": output}
    db.connect().execute(statement, names)


TOOLS: dict[str, Convert] = {
    "raftfast": raftfast,
    "orjson": orjson,
    "polars": rivals.polars,
    "duckdb": duckdb,
}

# Tasks --------------------------------------------------------------------------------------------


def convert(job: Convert, source: str, output: str) -> None:
    """Do the job."""
    job(source, output)


def fork(job: Convert, source: str, output: str) -> None:
    """Do it, and do it again in a fork."""
    job(source, output)
    child = os.fork()
    if child == 0:
        job(source, f"{output}.forked")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) != 0)


def pool(job: Convert, source: str, output: str) -> None:
    """Do it, and do it again in processes of a pool."""
    job(source, output)
    with multiprocessing.get_context("fork").Pool(2) as workers:
        workers.map(partial(job, source), [f"{output}.{number}" for number in range(4)])


def interrupt(job: Convert, source: str, output: str) -> None:
    """Do it, and tell what is raised meanwhile."""
    try:
        job(source, output)
    except BaseException as error:  # noqa: BLE001 - of whatever class
        print(type(error).__name__, flush=True)
    else:
        print("nothing", flush=True)


def daemon(job: Convert, source: str, output: str) -> None:
    """Do it in a thread that nobody waits for."""
    threading.Thread(target=job, args=(source, output), daemon=True).start()
    time.sleep(0.5)


TASKS = {each.__name__: each for each in (convert, fork, pool, interrupt, daemon)}

if __name__ == "__main__":
    _, tool, task, *paths = sys.argv
    TASKS[task](TOOLS[tool], *paths)
