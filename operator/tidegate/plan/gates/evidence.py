"""How strongly the counts speak against a candidate: a bet that may be looked at as often as one likes.

Given how many bad requests both revisions had together in an interval, how many should have been the candidate's? Of interval i in a
step, with n and k for all and for bad requests of stable (s) and candidate (c):

    K_i    = k_s + k_c
    r_i    = 1 + tolerance max(1, limit (N_s + 1) / (K_s + 1/2))     the ratio to stable that is allowed; N_s, K_s: stable's in this step up to i
    q_i    = r_i n_c / (r_i n_c + n_s)                               the largest chance that a bad request of this interval is the candidate's
    l_i(R) = k_c ln R - K_i ln(1 + q_i (R - 1))                      "R times worse than that", for each R in RATIOS

    a_i    = stable's share in its last 4 intervals, where that is over the limit by two sigma; else the limit
    h_i(R) = k_c ln R - n_c ln(1 + a_i (R - 1))                      "R times over the limit"; the same with K_i -> n_c and q_i -> a_i

    phi    = max(1, m/(m-1) sum_i (k_c - K_i f)^2 / (f (1-f) sum K)), f = (sum k_c + 1/2) / (sum K + 1)     per step and test; m = 1: 1
    W      = ln mean_R exp(sum over steps of (sum_i l_i(R) / phi))
    W'     = the same after each step's largest l_i(R) > 0 is taken away

and O, O' are W, W' with h. m counts the intervals that had a chance to show something (K_i > 0, or n_c > 0): empty ones say nothing.

If the router picks the revision at random, the bad requests of an interval are split like coloured balls, so that e^l is at most 1 on
average for every ratio up to r (Hoeffding 1963), products and means of such terms are supermartingales, and the chance that one ever
reaches 1/alpha is at most alpha (Ville 1939). A trend or an outage of both cancels in every interval. Three guards only ever lower the
evidence: phi divides it where intervals scatter more than chance does (one Pod's hiccup, one user's retries); W' wants that no single
interval carries more than half of the case; a_i holds an outage that stable shares against nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, log1p, sqrt
from typing import Final, NamedTuple

from tidegate.plan.gates.counts import Counts

RATIOS: Final = (1.15, 1.5, 2.5, 5.0, 15.0)
"""How many times worse than allowed the candidate is betted to be, with equal stakes."""
RECENT: Final = 4
"""Intervals of stable that tell whether it is in trouble itself."""


class Draw(NamedTuple):
    """One interval of one test: of `of` requests `hits` were the candidate's bad ones; by chance at most the share `most` would be."""

    hits: int
    of: int
    most: float


@dataclass(frozen=True)
class Evidence:
    """Natural logarithms of odds; 0 is even."""

    whole: float
    """W or O."""
    without_best: float
    """W' or O'."""

    def beyond(self, bar: float) -> bool:
        """Whether it is enough, and would still be half of that without each step's most telling interval."""
        return self.whole >= bar and self.without_best >= bar / 2


def worse(steps: Iterable[Sequence[Counts]], limit: float, tolerance: float) -> Evidence:
    """W: that the candidate is worse than stable by more than the tolerance. Limit and tolerance are shares."""
    return _evidence([_against_stable(step, limit, tolerance) for step in steps])


def over(steps: Iterable[Sequence[Counts]], limit: float) -> Evidence:
    """O: that the candidate is over the limit."""
    return _evidence([_against_limit(step, limit) for step in steps])


def _against_stable(step: Sequence[Counts], limit: float, tolerance: float) -> list[Draw]:
    draws, seen, bad = [], 0, 0
    for one in step:
        seen, bad = seen + one.stable, bad + one.stable_bad
        weight = (1 + tolerance * max(1.0, limit * (seen + 1) / (bad + 0.5))) * one.candidate
        most = weight / (weight + one.stable) if one.candidate else 0.0
        draws.append(Draw(one.candidate_bad, one.stable_bad + one.candidate_bad, most))
    return draws


def _against_limit(step: Sequence[Counts], limit: float) -> list[Draw]:
    bounds = excused(step, limit)
    return [Draw(one.candidate_bad, one.candidate, most) for one, most in zip(step, bounds, strict=True)]


def excused(step: Sequence[Counts], limit: float) -> list[float]:
    """a_i: the share of bad requests that the candidate may have in each interval."""
    recent = [step[max(0, i + 1 - RECENT) : i + 1] for i in range(len(step))]
    return [_shared(sum(one.stable for one in few), sum(one.stable_bad for one in few), limit) for few in recent]


def _shared(seen: int, bad: int, limit: float) -> float:
    expected = seen * limit
    return bad / seen if bad > expected + 2 * sqrt(expected) else limit


def _evidence(steps: Sequence[Sequence[Draw]]) -> Evidence:
    bursts = [phi(step) for step in steps]
    gains = [[[_gain(draw, ratio) for draw in step] for step in steps] for ratio in RATIOS]
    whole = [sum(sum(step) / f for step, f in zip(bet, bursts, strict=True)) for bet in gains]
    best = [sum(max(0.0, max(step, default=0.0)) / f for step, f in zip(bet, bursts, strict=True)) for bet in gains]
    return Evidence(_log_mean_exp(whole), _log_mean_exp([all_ - one for all_, one in zip(whole, best, strict=True)]))


def _gain(draw: Draw, ratio: float) -> float:
    return draw.hits * log(ratio) - draw.of * log1p(draw.most * (ratio - 1))


def phi(step: Iterable[Draw]) -> float:
    """How many times more the intervals scatter than chance alone lets them, at least 1 (quasi-likelihood: McCullagh and Nelder 1989)."""
    draws = [draw for draw in step if draw.of]
    m = len(draws)
    if m < 2:
        return 1.0
    hits, of = sum(draw.hits for draw in draws), sum(draw.of for draw in draws)
    f = (hits + 0.5) / (of + 1)
    scatter = sum((draw.hits - draw.of * f) ** 2 for draw in draws)
    return max(1.0, m / (m - 1) * scatter / (f * (1 - f) * of))


def _log_mean_exp(values: Sequence[float]) -> float:
    largest = max(values)
    return largest + log(sum(exp(value - largest) for value in values) / len(values))
