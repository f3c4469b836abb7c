"""What rounds become: middles, ratios, and the lines of the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.router import report
from benchmarks.router.__main__ import publish
from benchmarks.router.drive import Driven
from benchmarks.router.goals import goals
from benchmarks.router.results import Machine, Middle, Results, Round, middle, round_of

MACHINE = Machine(2, "a processor", "1.40.0", 0.25)


def _round(cpu: float, brain: float = 0.0, others: float = 0.0, rate: float = 10_000.0, p50: float = 5.0) -> Round:
    return Round(cpu, {"envoy": cpu - brain, "brain": brain} if brain else {"envoy": cpu}, rate, p50, 9.0, others)


def _results(plain: list[float], now: list[float], brain: float = 0.0) -> Results:
    titles = {"direct": "no router", "plain": "Envoy alone", "guarded": "today's router"}
    results = Results(MACHINE, titles, {"litellm": "no such package"}, {"json": "short prompt"})
    for base, one in zip(plain, now, strict=True):
        results.add("json", "direct", _round(0.0))
        results.add("json", "plain", _round(base))
        results.add("json", "guarded", _round(one, brain, 0.1))
    return results


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3.0], Middle(3.0, 3.0, 3.0)),
        ([1.0, 3.0], Middle(2.0, 1.5, 2.5)),
        ([5.0, 1.0, 2.0, 4.0, 3.0], Middle(3.0, 2.0, 4.0)),
        ([1.0, 1.0, 1.0, 1.0, 100.0], Middle(1.0, 1.0, 1.0)),
    ],
)
def test_the_middle(values: list[float], found: Middle) -> None:
    assert middle(values) == found


def test_the_spread_is_a_share() -> None:
    assert middle([5.0, 1.0, 2.0, 4.0, 3.0]).spread == pytest.approx(2 / 3)


def test_a_round_is_told_by_request() -> None:
    driven = Driven(1000, 0.5, {"envoy": 50_000_000, "brain": 10_000_000, "store": 5_000_000}, 0.2, 0.005, 0.009)
    parts = {"envoy": 50.0, "brain": 10.0, "store": 5.0}
    assert round_of(driven, ("envoy", "brain")) == Round(60.0, parts, 2000.0, 5.0, 9.0, 0.2)
    assert round_of(Driven(1000, 0.5), ()).cpu == 0.0


def test_a_ratio_is_of_the_same_round() -> None:
    """A noisy minute makes both dearer."""
    results = _results([50.0, 100.0, 50.0], [75.0, 150.0, 75.0])
    assert results.ratio("json", "guarded") == Middle(1.5, 1.5, 1.5)
    assert results.ratio("json", "plain") == Middle(1.0, 1.0, 1.0)
    assert results.ratio("json", "direct") is None
    assert results.ratio("burst", "plain") is None
    assert results.cpu("json", "guarded") == Middle(75.0, 75.0, 112.5)


def test_the_unsteady_are_named() -> None:
    results = _results([50.0, 50.0, 50.0], [50.0, 75.0, 100.0])
    assert results.unsteady(0.15) == [("json", "guarded")]
    assert results.unsteady(0.40) == []


def test_the_table() -> None:
    direct, plain, now = report.lines(_results([50.0] * 3, [75.0] * 3, brain=11.0), "json")
    assert direct == ("direct", "-", "-", "10,000", "5.0 ms", "9.0 ms")
    assert plain == ("plain", "50.0 (50.0 to 50.0)", "1", "10,000", "5.0 ms", "9.0 ms")
    assert now[1:3] == ("75.0 (75.0 to 75.0), brain 11.0", "1.50 (1.50 to 1.50)")


def test_the_goals() -> None:
    results = _results([50.0] * 3, [100.0] * 3)
    results.add("json", "litellm", _round(10_000.0, rate=100.0))
    results.add("steady", "direct", _round(0.0, p50=0.25))
    results.add("steady", "guarded", _round(100.0, p50=0.5))
    results.add("short", "asked", _round(100.0, brain=12.5))
    results.add("burst", "guarded", _round(100.0))
    results.add("burst", "vllm-router", _round(400.0))
    found = {goal.name: goal for goal in goals(results)}
    met = [found[name].met for name in found if found[name].found]
    assert met == [False, True, True, True, True]
    lines = [goal.line() for goal in found.values()]
    assert lines[0][1:] == ("<= 1.8", "2.00 (2.00 to 2.00)", "**missed**")
    assert [line[2] for line in lines].count("not measured") == 2
    assert lines[-1][1:] == (">= 50", "100.0 (100.0 to 100.0)", "met")


def test_the_text_says_on_what_and_what_is_not_there() -> None:
    text = report.text(_results([50.0] * 3, [75.0] * 3))
    assert "Envoy 1.40.0 on one of 2 cores (a processor), 3 rounds" in text
    assert "quartiles 0% and 10%, at most 10%" in text
    assert "- `litellm` was left out: no such package" in text


def test_the_files(tmp_path: Path) -> None:
    report.write(_results([50.0], [75.0]), tmp_path)
    found = json.loads((tmp_path / "router.json").read_text())
    assert found["rounds"]["json"]["guarded"][0]["cpu"] == 75.0
    assert [one["ratio"] and one["ratio"]["median"] for one in found["middles"]] == [None, 1.0, 1.5]
    assert (tmp_path / "router.md").read_text() == report.text(_results([50.0], [75.0]))


def test_an_unsteady_table_does_not_reach_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- router: begin -->\nold\n<!-- router: end -->\nafter\n")
    unsteady = _results([50.0, 50.0, 50.0], [50.0, 75.0, 100.0])
    with pytest.raises(SystemExit, match="json/guarded"):
        publish(page, unsteady, 0.15)
    assert "old" in page.read_text()
    publish(page, unsteady, 0.40)
    assert "old" not in page.read_text()
    assert "| guarded |" in page.read_text()
