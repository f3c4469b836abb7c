"""The rivals do what their sources say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gates.batch import Floats
from benchmarks.gates.rivals import Kayenta, Threshold, high
from benchmarks.gates.traffic import Look, Objective
from benchmarks.gates.walk import HOLD, At

NAN = float("nan")


def _row(*values: float) -> Floats:
    return np.array([values])


@pytest.mark.parametrize(
    ("candidate", "stable", "found"),
    [
        (range(100, 120), range(20), True),
        (range(20), range(20), False),
        (range(20), range(100, 120), False),
        ([0.0] * 20, [0.0] * 20, False),
        ([0.0] * 19 + [50.0], [0.0] * 20, False),  # one burst is no shift
        ([*range(100, 110), *[NAN] * 10], range(20), True),
        ([NAN] * 20, range(20), False),
    ],
)
def test_high(candidate: list[float], stable: list[float], found: bool) -> None:
    assert high(_row(*candidate), _row(*stable))[0] == found


def test_the_interval_is_the_one_that_inverts_the_test() -> None:
    """Shift the candidate down by the lower bound and the statistic is 2.326 standard deviations over its mean."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(2.0, 1, 20), rng.normal(0, 1, 20)
    shifts = np.sort((x[:, None] - y[None, :]).ravel())
    sigma = np.sqrt(20 * 20 * 41 / 12)
    at = int(np.floor(200 - 2.326 * sigma - 0.5))
    above = (x[:, None] - shifts[at] > y[None, :]).sum()
    assert (above - 200 - 0.5) / sigma == pytest.approx(2.326, abs=2 / sigma)


def test_rows_do_not_mix() -> None:
    x, y = np.array([range(100, 120), range(20)], float), np.array([range(20), range(20)], float)
    assert high(x, y).tolist() == [True, False]


def _look(candidate: float, bad: float) -> Look:
    return Look(*(np.array([value]) for value in (1000.0, 5.0, candidate, bad, 0.005, 0.005)))


ERRORS = Objective(0.01, 0.005, 0.005)


def test_a_threshold_counts_failed_checks_over_the_rollout() -> None:
    rule, back = Threshold([ERRORS], 1), []
    for look in range(1, 21):
        bad = 3.0 if look % 4 == 0 else 0.0
        back.append(bool(rule.look([_look(100, bad)], At(np.array([float(look)])))[0][0]))
        rule.step(np.array([True]))
    assert back.index(True) == 19  # checks at looks 2, 4, ..., every second one of them bad: the fifth at look 20


def test_a_threshold_waits_for_a_good_check() -> None:
    rule = Threshold([ERRORS], 1)
    held = At(np.array([20.0]))
    assert rule.look([_look(100, 3)], held)[1].tolist() == [False]
    assert rule.look([_look(100, 0)], held)[1].tolist() == [False]  # the minute still has the bad ones
    assert rule.look([_look(100, 0)], held)[1].tolist() == [True]
    assert rule.look([_look(0, 0)], held)[1].tolist() == [True]
    assert rule.look([_look(0, 0)], held)[1].tolist() == [False]  # nothing to look at


def test_mann_whitney_speaks_at_the_end_of_the_hold_only() -> None:
    rule = Kayenta([ERRORS], 1, HOLD, np.random.default_rng(1))
    for look in range(1, HOLD + 1):
        back, on = rule.look([_look(100, 10)], At(np.array([float(look)])))
        assert (back[0] or on[0]) == (look == HOLD)
    assert back[0]
    assert not on[0]
