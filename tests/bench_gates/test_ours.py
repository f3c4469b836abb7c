"""The vectorised judge is the judge, look by look."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gates.batch import Flags
from benchmarks.gates.cases import ERRORS, TTFT
from benchmarks.gates.ours import Gate
from benchmarks.gates.traffic import Kind, Look, Objective, Traffic
from tidegate.plan.gates.counts import Counts, Step
from tidegate.plan.gates.judge import Terms, judge, weigh

ROWS = 6
HARMFUL = Objective(0.01, 0.005, 0.03)
AT_LIMIT = Objective(0.05, 0.05, 0.07, latency=True)
STRICT = Objective(0.001, 0.0, 0.002)


def _row(look: Look, row: int) -> Counts:
    return Counts(*(int(column[row]) for column in (look.stable, look.stable_bad, look.candidate, look.candidate_bad)))


def _goes_on(look: int) -> Flags:
    """Half of the rollouts go on to their next step at one look, the others at another one."""
    return np.array([look == (11 if row % 2 else 17) for row in range(ROWS)])


@pytest.mark.parametrize("rate", [2, 20, 200])
@pytest.mark.parametrize(
    ("kind", "objective"),
    [
        ("independent", ERRORS),
        ("independent", HARMFUL),
        ("trend", TTFT),
        ("outage", HARMFUL),
        ("bursts", AT_LIMIT),
        ("engines", AT_LIMIT),
        ("independent", STRICT),
    ],
)
def test_they_are_equal(kind: Kind, objective: Objective, rate: int) -> None:
    terms = Terms("bad", objective.limit, objectives=3)
    gate, traffic = Gate(terms, ROWS), Traffic(np.random.default_rng(rate), ROWS, rate, kind)
    traffic.outage = np.full(ROWS, 5)
    steps: list[list[list[Counts]]] = [[[]] for _ in range(ROWS)]
    for look in range(26):
        part = np.array([0.05 if len(steps[row]) == 1 else 0.5 for row in range(ROWS)])
        seen = traffic.look(objective, part, np.zeros(ROWS))
        counted = np.array([len(one[-1]) + (row == 0) != 3 for row, one in enumerate(steps)])
        failed, passed = gate.look(seen, counted)
        evidence = (*gate.worse.evidence(), *gate.over.evidence())
        for row in range(ROWS):
            steps[row][-1].append(_row(seen, row) if counted[row] else Counts(0, 0, 0, 0))
            found = weigh(steps[row], terms)
            expected = (found.worse.whole, found.worse.without_best, found.over.whole, found.over.without_best)
            assert [float(one[row]) for one in evidence] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            outcome = judge([Step(tuple(known)) for known in steps[row]], terms).outcome
            assert outcome == ("failed" if failed[row] else "passed" if passed[row] else "inconclusive"), (look, row)
        on = _goes_on(look)
        gate.step(on)
        for one, over in zip(steps, on, strict=True):
            one.extend([[]] if over else [])
        traffic.next()


def test_rollouts_that_ended_leave_the_others_alone() -> None:
    terms = Terms("bad", 0.01, objectives=3)
    whole, part = Gate(terms, ROWS), Gate(terms, ROWS)
    traffic, keep = Traffic(np.random.default_rng(7), ROWS, 100, "bursts"), np.arange(ROWS) % 2 == 0
    for look in range(8):
        seen, counted = traffic.look(HARMFUL, np.full(ROWS, 0.1), np.zeros(ROWS)), np.ones(ROWS, bool)
        whole.look(seen, counted)
        if look == 4:
            part.keep(keep)
        if look >= 4:
            seen.keep(keep)
        part.look(seen, counted[keep] if look >= 4 else counted)
    assert np.allclose(whole.worse.evidence()[0][keep], part.worse.evidence()[0])
    assert np.allclose(whole.over.evidence()[1][keep], part.over.evidence()[1])
