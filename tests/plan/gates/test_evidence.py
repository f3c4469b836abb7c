"""The parts of the equations, each by figures that can be checked by hand."""

from __future__ import annotations

from math import exp, log

import pytest

from tidegate.plan.gates import evidence
from tidegate.plan.gates.counts import Counts
from tidegate.plan.gates.evidence import RATIOS, Draw, phi


def test_one_interval_by_hand() -> None:
    """Stable 1 of 100, candidate 2 of 100, nothing tolerated: of 3 bad requests half are expected to be the candidate's."""
    found = evidence.worse([[Counts(100, 1, 100, 2)]], limit=0.01, tolerance=0.0)
    bets = [ratio**2 / (1 + 0.5 * (ratio - 1)) ** 3 for ratio in RATIOS]
    assert found.whole == pytest.approx(log(sum(bets) / 5))
    assert found.without_best == pytest.approx(log(sum(min(1, bet) for bet in bets) / 5))


def test_the_tolerance_is_of_stables_share_or_of_the_limit() -> None:
    """Stable at 0.2 % of a limit of 1 % may be exceeded by half; at 5 % by a tenth."""
    (low,) = evidence._against_stable([Counts(100_000, 200, 100_000, 0)], 0.01, 0.1)
    (high,) = evidence._against_stable([Counts(100_000, 5000, 100_000, 0)], 0.01, 0.1)
    assert low.most == pytest.approx(1.5 / 2.5, rel=0.01)
    assert high.most == pytest.approx(1.1 / 2.1)


def test_a_fair_split_earns_at_most_one_on_average() -> None:
    """Bad requests of identical revisions fall on either by chance: the bet's mean is 1 at most, whatever the number of bad ones."""
    for bad in (1, 3, 10):
        outcomes = [(k, _binomial(bad, k, 0.2)) for k in range(bad + 1)]
        bets = [(evidence.worse([[Counts(8000, bad - k, 2000, k)]], 0.01, 0.0), p) for k, p in outcomes]
        assert sum(exp(found.whole) * p for found, p in bets) == pytest.approx(1.0)


def _binomial(n: int, k: int, p: float) -> float:
    value = p**k * (1 - p) ** (n - k)
    for i in range(k):
        value *= (n - i) / (i + 1)
    return value


def test_excused_is_what_stable_suffers_too() -> None:
    """Over the limit by two sigma in four intervals: 30 % of an outage, for as long as it is among them."""
    fine, out = Counts(500, 3, 0, 0), Counts(500, 150, 0, 0)
    found = evidence.excused([fine, out, fine, fine, fine, fine], 0.01)
    assert found == pytest.approx([0.01, 153 / 1000, 156 / 1500, 159 / 2000, 159 / 2000, 0.01])


def test_nothing_is_excused_within_two_sigma() -> None:
    """500 requests may have 5 + 2 sqrt(5) = 9.47 bad ones."""
    assert evidence.excused([Counts(500, 9, 0, 0)], 0.01) == [0.01]
    assert evidence.excused([Counts(500, 10, 0, 0)], 0.01) == [0.02]
    assert evidence.excused([Counts(0, 0, 500, 500)], 0.01) == [0.01]


@pytest.mark.parametrize(
    ("hits", "found"),
    [
        ([5, 5, 5, 5], 1.0),  # evener than chance
        ([20, 0, 0, 0], 24.7),  # all in one: m/(m-1) sum (k - 25 f)^2 / (100 f (1 - f)) with f = 20.5/101
        ([7], 1.0),  # one interval shows no scatter
        ([], 1.0),
    ],
)
def test_bursts(hits: list[int], found: float) -> None:
    assert phi([Draw(k, 25, 0.2) for k in hits]) == pytest.approx(found, rel=0.01)


def test_an_interval_without_a_draw_says_nothing() -> None:
    draws = [Draw(2, 10, 0.1), Draw(0, 10, 0.1), Draw(7, 20, 0.1)]
    assert phi([Draw(0, 0, 0.1), *draws, Draw(0, 0, 0.0)]) == phi(draws)


def test_beyond_wants_the_rest_to_carry_half() -> None:
    assert evidence.Evidence(5.0, 2.5).beyond(5.0)
    assert not evidence.Evidence(5.0, 2.4).beyond(5.0)
    assert not evidence.Evidence(4.9, 4.9).beyond(5.0)
