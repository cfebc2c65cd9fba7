"""Time one command from outside: ``python -I -S launch.py REPORT COMMAND [ARGUMENT]...``.

It runs as a script in a bare interpreter because Linux counts the peak memory of a new process
from that of the process that starts it: under a parent of 60 MB even ``cat`` would show 60 MB.
The report is one line: exit code, wall nanoseconds, CPU seconds of the command, peak resident
set as ``getrusage`` counts it, and CPU seconds of the whole machine meanwhile.
"""

from __future__ import annotations

import os
import sys
import time

COUNTED = (0, 1, 2, 5, 6, 7)
"""user, nice, system, irq, softirq and steal in the first line of /proc/stat."""


def busy_seconds() -> float:
    """Sum what all CPUs did since the machine started; 0.0 where there is no /proc/stat."""
    try:
        with open("/proc/stat", "rb") as stat:  # noqa: PTH123 - pathlib would double the start
            ticks = stat.readline().split()[1:]
    except FileNotFoundError:
        return 0.0
    return sum(int(ticks[column]) for column in COUNTED) / os.sysconf("SC_CLK_TCK")


def timed(command: list[str]) -> str:
    """Run the command and return the line of the report."""
    busy = busy_seconds()
    start = time.perf_counter_ns()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter_ns() - start
    busy = busy_seconds() - busy
    code = os.waitstatus_to_exitcode(status)
    return f"{code} {wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {busy}\n"


def main() -> None:
    """Time the command of this process's arguments."""
    line = timed(sys.argv[2:])
    with open(sys.argv[1], "w") as report:  # noqa: PTH123 - as above
        report.write(line)


if __name__ == "__main__":
    main()
