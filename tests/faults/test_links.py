"""Links stay links, devices and FIFOs are written to, and another file system is one like this."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import jsonl, record
from mounts import elsewhere
from verdict import OLD, ROADS, Place, Road, give_rows, inputs, judge

if TYPE_CHECKING:
    from conftest import Run

pytest_generate_tests = give_rows

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


DEVICES = {"null": (3, 0, ""), "full": (7, 1, "No space left on device")}


@pytest.mark.parametrize(("minor", "code", "said"), DEVICES.values(), ids=DEVICES)
def test_a_device_node_anywhere_is_written_to(
    minor: int, code: int, said: str, corpus: Path, raftfast: Run
) -> None:
    node = corpus.with_name("node")
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    except PermissionError:
        pytest.skip("only root may make a device node")
    with node.open("wb"):
        before = node.stat()
    done = raftfast("convert", corpus.name, "-o", "node")
    assert done.returncode == code
    assert said in done.stderr.decode()
    assert (node.stat().st_ino, node.stat().st_rdev) == (before.st_ino, before.st_rdev)
    assert sorted(path.name for path in corpus.parent.iterdir()) == [corpus.name, "node"]


def test_inputs_on_another_file_system(road: Road, tmp_path: Path) -> None:
    with elsewhere(tmp_path) as folder:
        place = Place(folder / "place", road, old=True)
        for name, data in inputs().items():
            (tmp_path / name).write_bytes(data)
            (place.folder / name).unlink()
            (place.folder / name).symlink_to(tmp_path / name)
        judge(place, place.run(), codes=[road.code])


# The names of `--shard-size` are known at the end only: links there may not lead to other folders.
LINKED = (
    "jsonl",
    "parquet",
    "rejects and a report",
    "shards",
    "a folder",
    "a split",
    "a file beside",
    "onto the disk",
)
MARK = "_SUCCESS"


@pytest.mark.parametrize("linked", LINKED)
def test_a_link_to_another_file_system(linked: str, tmp_path: Path) -> None:
    place = Place(tmp_path / "place", ROADS[linked])
    names = [name for name in place.road.old if name in place.complete and MARK not in name]
    links = [place.folder / name for name in names]
    with elsewhere(tmp_path) as folder:
        for link in links:
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(folder / link.name)
        judge(place, place.run(), codes=[place.road.code])
        assert {path.name for path in folder.iterdir()} == {link.name for link in links}
