"""What runs come to, and our decision on the shortest trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.autoscaling import report
from benchmarks.autoscaling.cases import CLAIRVOYANT, DIALS, OURS, SCALERS, Case, Run, dials, main_runs, other_engines
from benchmarks.autoscaling.engine import SMALL
from benchmarks.autoscaling.fleet import Ended
from benchmarks.autoscaling.results import Results, front, goals, outcome
from benchmarks.autoscaling.run import once

STEP = Case("step", 180.0)


def ended(misses: float, gpu_hours: float) -> Ended:
    return Ended(misses, gpu_hours, 3, 1000, [(0.0, 2), (1800.0, 5)])


def made(ours: tuple[float, float], **others: tuple[float, float]) -> Results:
    """Misses and GPU-hours."""
    found = dict.fromkeys(SCALERS, (0.5, 20.0)) | {CLAIRVOYANT: (0.0, 5.0), OURS: ours}
    found |= {name.replace("_", "-"): each for name, each in others.items()}
    outcomes = [outcome(Run(STEP, name, 0), [ended(*each)]) for name, each in found.items()]
    outcomes.append(outcome(Run(Case("step", 180.0, SMALL), OURS, 0), [ended(0.03, 7.0)]))
    outcomes.append(outcome(Run(Case("spikes", 180.0), OURS, 0, "headroom: None"), [ended(0.12, 21.0)]))
    return Results([2], 60.0, 90.0, outcomes)


def test_means() -> None:
    found = outcome(Run(STEP, OURS, 2), [ended(0.01, 9.0), ended(0.03, 11.0)])
    assert [found.misses, found.gpu_hours, found.flips] == pytest.approx([0.02, 10.0, 3])
    assert found.json()["seeds"] == [[0.01, 9.0], [0.03, 11.0]]


def test_the_front_leaves_the_clairvoyant_one_out() -> None:
    found = made((0.02, 10.0), wva=(0.03, 9.0), cpu_1=(0.0, 24.0), keda=(0.02, 10.0)).of(STEP)
    assert front(found) == [OURS, "cpu-1", "keda", "wva"]


@pytest.mark.parametrize(
    ("results", "lost"),
    [
        (made((0.005, 10.0)), 0),
        (made((0.02, 10.0)), 1),  # not 99 %
        (made((0.005, 10.0), wva=(0.006, 9.5)), 0),
        (made((0.005, 10.0), wva=(0.006, 9.0)), 1),  # dearer than 110 %
        (made((0.005, 10.0), wva=(0.005, 10.0)), 1),  # not fewer
        (made((0.005, 10.0), queue=(0.004, 9.9)), 2),
    ],
)
def test_goals(results: Results, lost: int) -> None:
    found = goals(results)
    assert all(goal.cells == 1 for goal in found)
    assert sum(len(goal.lost) for goal in found) == lost


def test_what_is_run() -> None:
    main = list(main_runs(range(2, 4)))
    assert len(main) == 6 * 3 * len(SCALERS) * 2
    assert len(set(main)) == len(main)
    assert {one.seed for one in (*other_engines(2), *dials(2))} == {2}
    assert {one.dial for one in dials(2)} | {""} == set(DIALS)


def test_it_is_written(tmp_path: Path) -> None:
    results = made((0.005, 10.0))
    report.write(results, tmp_path)
    written = json.loads((tmp_path / "autoscaling.json").read_text())
    assert written["simulated"] is True
    assert len(written["outcomes"]) == len(results.outcomes)
    assert (tmp_path / "autoscaling.svg").read_text().count("Tidegate") >= 2
    said = report.text(results)
    assert "| step | 180 s | **0.50 / 10.0 / 3** |" in said
    assert "| headroom: None |  | 12.00 / 21.0 / 3 |" in said
    page = tmp_path / "page.md"
    page.write_text("<!-- autoscaling: begin -->\n<!-- autoscaling: end -->\n")
    report.insert(page, results, "autoscaling.svg")
    assert "(autoscaling.svg)" in page.read_text()


def test_the_same_seed_gives_the_same() -> None:
    one = once(Run(Case("step", 40.0), OURS, 1))
    assert one == once(Run(Case("step", 40.0), OURS, 1))
    assert one.misses < 0.02
    assert one.gpu_hours < 10.5
