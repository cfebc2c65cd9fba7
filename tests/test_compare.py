"""The comparison with other tools: who takes part, and that it notices what must not count.

No test here looks at a time.
"""

from __future__ import annotations

import gzip
import json
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import raftfast
from raftfast.compare import run
from raftfast.compare.engines import engines
from raftfast.compare.inputs import WRITERS, prepare
from raftfast.compare.measure import Sample, take, take_quiet
from raftfast.compare.roads import ROADS, travellers
from raftfast.compare.rows import compare

if TYPE_CHECKING:
    from pathlib import Path

    from raftfast.compare.roads import Road

ROW = b'{"messages":[{"role":"user","content":"a"}]}\n'
SAME = b'{"messages": [{"content": "\\u0061", "role": "user"}]}\n'
OTHER = b'{"messages":[{"role":"user","content":"b"}]}\n'


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.jsonl"
    raftfast.sample(path, 2_000_000)
    return path


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def sample(*, foreign: float) -> Sample:
    return Sample(seconds=1.0, cpu_seconds=0.5, peak_bytes=1, machine_seconds=0.5 + foreign)


def test_all_installed_engines_agree_and_are_in_the_table(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    table = run({"small": small}, rounds=1, out=out, retakes=0)
    for engine in engines((1, 2)):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert any(engine.label in row for row in rows) == engine.installed
        assert engine.label in table
    assert (out / "table.md").read_text() == table


def test_results_and_chart_hold_every_figure(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    run({"a": small, "b": small}, rounds=2, threads=[1], out=out, only=["raftfast", "cat"])
    results = json.loads((out / "results.json").read_text())
    assert [race["corpus"] for race in results["races"]] == ["a", "b"]
    for race in results["races"]:
        assert [len(figure["samples"]) for figure in race["figures"]] == [2, 2]
    bars = [bar for bar in ET.parse(out / "chart.svg").iter() if bar.tag.endswith("rect")]  # noqa: S314
    assert len(bars) == 2 * 2 + 4, "a bar for each engine and corpus, and the legend"


def test_a_comparison_leaves_nothing_beside_the_corpus(small: Path) -> None:
    run({"small": small}, rounds=1, threads=[1], only=["raftfast"], retakes=0)
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_an_unknown_engine_is_refused_with_the_known_ones(small: Path) -> None:
    with pytest.raises(raftfast.UsageError, match=r"'pandas'; there are raftfast-1, .*polars"):
        run({"small": small}, only=["pandas"])


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(raftfast.UsageError, match="needs a corpus"):
        run({})


@pytest.mark.parametrize("other", [ROW + SAME, SAME + ROW])
def test_equal_rows_may_be_written_differently(tmp_path: Path, other: bytes) -> None:
    (tmp_path / "left").write_bytes(ROW + ROW)
    (tmp_path / "right").write_bytes(other)
    compare(tmp_path / "left", tmp_path / "right", "both")


@pytest.mark.parametrize("other", [ROW + OTHER, ROW, ROW + SAME + ROW])
def test_rows_that_differ_end_the_comparison(tmp_path: Path, other: bytes) -> None:
    (tmp_path / "left").write_bytes(ROW + ROW)
    (tmp_path / "right").write_bytes(other)
    with pytest.raises(raftfast.Error, match=r"both differ in row [23]"):
        compare(tmp_path / "left", tmp_path / "right", "both")


def in_form(form: str, path: Path, lines: bytes) -> Path:
    """Write rows in some form."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import ipc, parquet  # noqa: PLC0415 - as above

    table = pa.Table.from_pylist([json.loads(line) for line in lines.splitlines()])
    if form == "parquet":
        parquet.write_table(table, path)
    elif form == "arrow":
        with ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    elif form == "gz":
        path.write_bytes(gzip.compress(lines[:9]) + gzip.compress(lines[9:]))
    else:
        path.write_bytes(
            b"".join(bytes(pa.compress(lines, "zstd")) for lines in (ROW, lines[len(ROW) :]))
        )
    return path


@pytest.mark.parametrize("form", ["parquet", "arrow", "gz", "zst"])
def test_rows_are_compared_whatever_their_form(tmp_path: Path, form: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROW + ROW)
    compare(tmp_path / "rows.jsonl", in_form(form, tmp_path / "same", ROW + SAME), "both")
    for number, other in enumerate([ROW + OTHER, ROW, ROW + SAME + ROW]):
        with pytest.raises(raftfast.Error, match=r"both differ in row [23]"):
            compare(tmp_path / "rows.jsonl", in_form(form, tmp_path / f"{number}", other), "both")


@pytest.mark.parametrize("ending", WRITERS)
def test_a_corpus_is_the_same_in_every_form(small: Path, tmp_path: Path, ending: str) -> None:
    pytest.importorskip("pyarrow")
    compare(small, prepare(small, ending, tmp_path), "both")


@pytest.mark.parametrize("road", ROADS, ids=[road.name for road in ROADS])
def test_all_that_take_a_road_arrive_with_the_same_rows(
    small: Path, tmp_path: Path, road: Road
) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "results"
    table = run({"small": small}, rounds=1, threads=[2], out=out, roads=[road.name], retakes=0)
    assert f"small, {road.label}" in table
    for engine in travellers(road, [2]):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert any(engine.label in row for row in rows) == engine.installed
    assert (out / "roads.md").read_text() == table
    assert json.loads((out / "roads.json").read_text())["races"][0]["bytes_written"] > 0
    assert ET.parse(out / "roads.svg").getroot() is not None  # noqa: S314


def test_an_engine_is_left_out_where_it_does_not_go(small: Path) -> None:
    pytest.importorskip("pyarrow")
    roads = ["gz-jsonl", "jsonl-arrow"]
    table = run({"small": small}, rounds=1, only=["decoder"], roads=roads, retakes=0)
    assert "gz → jsonl" in table
    assert "jsonl → arrow" not in table


def test_an_unknown_road_is_refused_with_the_known_ones(small: Path) -> None:
    with pytest.raises(raftfast.UsageError, match=r"'csv'; there are jsonl-arrow, .*, all"):
        run({"small": small}, roads=["csv"])


def test_a_failing_engine_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(raftfast.Error, match=r"^sh -c .* ended with 3: out of luck$"):
        take(["sh", "-c", "echo so; echo out of luck >&2; exit 3"], {}, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted from exec on Linux only")
def test_the_memory_of_this_process_is_not_counted(tmp_path: Path) -> None:
    ballast = bytearray(b"x") * 200_000_000
    assert take(["true"], {}, tmp_path).peak_bytes < len(ballast) / 2


def test_a_sample_is_disturbed_by_more_than_a_tenth_of_a_core() -> None:
    assert sample(foreign=0.09).quiet
    assert not sample(foreign=0.2).quiet


@pytest.mark.usefixtures("no_sleep")
def test_a_disturbed_sample_is_taken_again_until_it_is_quiet() -> None:
    samples = iter([sample(foreign=0.9), sample(foreign=0.5), quiet := sample(foreign=0)])
    assert take_quiet(lambda: next(samples), retakes=5) is quiet


@pytest.mark.usefixtures("no_sleep")
def test_the_calmest_sample_stands_when_none_is_quiet() -> None:
    samples = iter([sample(foreign=0.9), calmest := sample(foreign=0.5), sample(foreign=0.7)])
    assert take_quiet(lambda: next(samples), retakes=2) is calmest
