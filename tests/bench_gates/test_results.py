"""What rollouts become: shares, times, goals, and the lines of the tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gates import report
from benchmarks.gates.cases import HEALTHY, Case, cases
from benchmarks.gates.results import KAYENTA, OURS, RULES, THRESHOLD, Outcome, Results, goals, outcome
from benchmarks.gates.run import run
from benchmarks.gates.walk import Ended

SAME = Case(100, "bursts", "healthy", HEALTHY)
WORSE = Case(100, "independent", "errors 0.5 % + 1 %", HEALTHY, harmful=True)


def _ended(back: list[float], promoted: list[float], held: int = 0) -> Ended:
    kinds = [True] * len(back) + [False] * (len(promoted) + held)
    ends = [False] * len(back) + [True] * len(promoted) + [False] * held
    minutes = [*back, *promoted, *[120.0] * held]
    return Ended(np.array(kinds), np.array(ends), np.array(minutes), np.full(len(kinds), 7.0))


def _outcome(case: Case, rule: str, back: float, half: float | None = None, harm: float = 10.0) -> Outcome:
    return Outcome(case, rule, back, 1 - back, half, 50.0, 55.0, harm, (0.0,) * 119 + (back,))


def _results(same: float = 0.01, ours: float = 1.0, ours_half: float = 15.0, ours_harm: float = 10.0) -> Results:
    found = [
        _outcome(SAME, OURS, same),
        _outcome(SAME, KAYENTA, 0.02),
        _outcome(SAME, THRESHOLD, 1.0, 9.0),
        _outcome(WORSE, OURS, ours, ours_half, ours_harm),
        _outcome(WORSE, KAYENTA, 0.99, 20.0, 30.0),
        _outcome(WORSE, THRESHOLD, 1.0, 6.0, 3.0),
    ]
    return Results(1000, 1, 90.0, 120.0, found)


def test_an_outcome() -> None:
    found = outcome(WORSE, OURS, _ended([3.0, 9.5], [50.0], held=1))
    assert (found.back, found.promoted, found.held) == (0.5, 0.25, 0.25)
    assert (found.half_back, found.half_promoted, found.harm) == (9.5, 50.0, 7.0)
    assert [found.back_by[minute - 1] for minute in (2, 3, 9, 10, 120)] == [0, 0.25, 0.25, 0.5, 0.5]


def test_half_of_all_and_not_of_those_that_were_rolled_back() -> None:
    assert outcome(WORSE, OURS, _ended([3.0], [50.0, 50.0])).half_back is None
    assert outcome(WORSE, OURS, _ended([3.0, 4.0], [])).half_promoted is None


@pytest.mark.parametrize(
    ("results", "unmet"),
    [
        (_results(), []),
        (_results(same=0.06), ["false"]),
        (_results(ours=0.9), ["often"]),
        (_results(ours=0.985), []),  # within the noise
        (_results(ours_half=20.0), ["soon"]),
        (_results(ours_harm=31.0), ["cheap"]),
    ],
)
def test_goals(results: Results, unmet: list[str]) -> None:
    found = goals(results)
    assert [goal.short for goal in found if goal.unmet] == unmet
    assert all(goal.cases == 1 for goal in found)


def test_the_tables() -> None:
    text = report.text(_results(ours_half=20.0))
    assert text.startswith("1,000 rollouts of each case under each rule, seed 1: 2.0 minutes of CPU, 1.5 minutes.")
    assert "| half rolled back sooner | 0 of 1 cases | soon |" in text
    assert "| 100 | healthy, bursts | 1.0 % | 0.0 % | 50.0 min (55.0 min) | 2.0 % | 100.0 % |  |" in text
    assert (
        "| 100 | errors 0.5 % + 1 %, independent | 100.0 % | 0.0 % | 20.0 min | 10 | 99.0 % | 20.0 min | 30 | 6.0 min | soon |"
        in text
    )


def test_files_and_the_page(tmp_path: Path) -> None:
    results = _results()
    report.write(results, tmp_path)
    found = json.loads((tmp_path / "gates.json").read_text())
    assert found["outcomes"][3]["half_back"] == 15.0
    assert found["goals"][0] == {"what": "false rollbacks <= 5 %", "short": "false", "cases": 1, "unmet": []}
    assert "<svg" in (tmp_path / "gates.svg").read_text()
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gates: begin -->\nof last year\n<!-- gates: end -->\nafter\n")
    report.insert(page, results, "gates.svg")
    assert "of last year" not in page.read_text()
    assert "](gates.svg)\n<!-- gates: end -->\nafter" in page.read_text()


def test_the_cases() -> None:
    found = cases()
    assert len(found) == len({(case.rate, case.kind, case.what) for case in found}) == 52
    assert all((one.stable == one.candidate) for case in found if not case.harmful for one in case.objectives)
    assert all(any(one.candidate > one.stable for one in case.objectives) for case in found if case.harmful)


def test_a_small_run_is_the_same_each_time() -> None:
    some = [replace(case) for case in cases() if case.rate == 100 and case.what == "errors 0.5 % + 5 %"][:1]
    first, again = (run(some, 5, seed=3) for _ in range(2))
    assert [one.rule for one in first.outcomes] == list(RULES)
    assert first.outcomes == again.outcomes
