"""The table says what was measured, and whether the goals were met."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.operator import report
from benchmarks.operator.flood import Flood
from benchmarks.operator.idle import Idle
from benchmarks.operator.processes import Memory
from benchmarks.operator.restart import Restart
from benchmarks.operator.results import Results, Round, rows
from benchmarks.pages import markers
from benchmarks.percentile import percentile


def _flood(seconds: float) -> Flood:
    return Flood(seconds=seconds, created=1.0, control_plane=2.0, client=3.0, load_average=1.0)


def _round(operator: float, memory: float) -> Round:
    return Round(_flood(10.0), _flood(operator), Memory(memory, memory + 10))


def _results(operator: float = 12.0, memory: float = 120.0, **writes: int) -> Results:
    idle = Idle(writes, 0.004, 0.002, Memory(memory, memory), Memory(90, 90))
    return Results(
        workers=8,
        live=[0.1, 0.2],
        floods={100: [_round(seconds, memory) for seconds in (operator - 2, operator + 9, operator)]},
        idle=idle,
        at_rest={"weight change -> ConfigMap changed": [0.01, 0.03]},
        restarts={"leader killed": Restart(15.0, 15.5)},
    )


def _met(results: Results) -> dict[str, bool | None]:
    return {row.what: row.met for row in rows(results)}


def test_goals_met() -> None:
    assert [met for met in _met(_results()).values() if met is not None] == [True] * 4


@pytest.mark.parametrize(
    ("results", "what"),
    [
        (_results(operator=15.1), "100 models and 10 policies at once"),
        (_results(memory=151.0), "memory of the leader with 100 models"),
        (_results(patch_services=1), "writes in a minute at rest, beside the Lease's"),
    ],
)
def test_goals_missed(results: Results, what: str) -> None:
    assert _met(results)[what] is False


def test_a_standby_counts_too() -> None:
    idle = Idle({}, 0.002, 0.011, Memory(90, 90), Memory(90, 90))
    assert _met(Results(8, idle=idle))["CPU in a minute at rest, of a core"] is False


def test_the_median_of_all_rounds_counts() -> None:
    assert rows(_results())[0].value == "12.0 s, bare client 10.0 s: 1.20 x (1.00 to 2.10 in 3 rounds)"
    assert rows(Results(8, floods={100: [_round(12.0, 1.0)]}))[0].value == "12.0 s, bare client 10.0 s: 1.20 x"


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.99, 4.0), (0.25, 1.0), (1.0, 4.0)])
def test_nearest_rank(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_the_files(tmp_path: Path) -> None:
    report.write(_results(patch_services=1), tmp_path)
    assert json.loads((tmp_path / "operator.json").read_text())["ratio"] == {"100": 1.2}
    assert "| 100 | 2.0 s | 3.0 s | 2.0 s | 3.0 s |" in (tmp_path / "operator.md").read_text()
    picture = ElementTree.parse(tmp_path / "operator.svg")
    words = " ".join(picture.getroot().itertext())
    assert "bare client" in words
    assert "operator" in words


def test_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = markers(report.NAME)
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    report.insert(page, "| new |", "plot.svg")
    text = page.read_text()
    assert (text.startswith("before\n"), text.endswith("after\n"), "| new |" in text) == (True, True, True)
    assert "old" not in text
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no"):
        report.insert(page, "| new |", "plot.svg")
