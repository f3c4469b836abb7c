"""The verdict on an objective that counts requests: at most so many errors, at most so many slower than a bound.

The first row that fits, with W, W', O, O' and a_i of `evidence`. A test is beyond its bar when W >= bar and W' >= bar/2:

    bar of W = ln(objectives / (0.8 (1 - confidence))),    bar of O = ln(objectives / (0.2 (1 - confidence)))     compared with stable
                                                           bar of O = ln(objectives / (1 - confidence))           not compared

    what is known                                         verdict         words, for example
    ---------------------------------------------------   -------------   ----------------------------------------------------------
    the question was not answered                         error           Prometheus did not answer
    compared, W is beyond its bar                         failed          errors: 2.6 % of 540, stable 0.5 %; 1,550 : 1 that it is worse ...
    O is beyond its bar, not compared                     failed          errors: 3 % of 540; 179 : 1 that it is over the limit of 1 %
    O is beyond its bar, compared, W >= ln 5              failed          ...; 383 : 1 that it is over ..., 35 : 1 that it is worse than stable
    a series is not there, or ended                       no data         router chat-7d9f has no counts of the candidate
    O is beyond its bar, compared, W < ln 5               inconclusive    ...: over the limit of 1 %, but no worse than stable: shared trouble
    fewer than half of the requests that weights give     inconclusive    answers 12 of 108 requests given to it
    fewer requests of either than minRequests             inconclusive    54 of 100 requests
    W > 0 or O > 0                                        inconclusive    ...; 7.5 : 1 that it is worse than stable, fails at 75 : 1
    not below                                             inconclusive    ...: could still be 4.3 %, passes when less than 3 % is 80 % sure
    else                                                  passed          errors: 0.56 % of 540 (max 1 %), stable 0.5 %

Only what is missing forbids to pass; what is known may fail. The first four rows look at all steps, the others at the one under way,
but for W and O.

    below = upper(k) <= 3 max(sum_i n_c a_i, n / minRequests)      k of n requests of the candidate in this step
    upper(k) = (k+1) (1 - 1/(9 (k+1)) + 0.8416/(3 sqrt(k+1)))^3    the 80 % upper limit of a Poisson mean (Wilson and Hilferty 1931)

so that minRequests with one bad among them are enough, whatever the limit. It only bounds how much harm a step with few requests can
hide; whether the limit is kept is what O asks, over all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

from tidegate.plan.gates import evidence
from tidegate.plan.gates.counts import Counts, Step, total
from tidegate.plan.gates.evidence import Evidence
from tidegate.plan.gates.verdict import Verdict
from tidegate.plan.gates.words import few, odds, percent, share

DOUBT: Final = log(5)
"""Odds of 5 to 1 for worse than stable: less, and being over the limit is trouble that both share."""
SURE: Final = 0.8416
"""Standard deviations that 80 % of a normal distribution stay under."""
SPENT_ON_WORSE: Final = 0.8
"""Of the chance of a false alarm: nearly all that is harmful is worse than stable first, and over the limit later."""
LENIENCE: Final = 3.0
"""Times the limit that a step with few requests may still hide."""
EXPECTED: Final = 100
"""Requests that the weights must have given before it is asked where they are."""


@dataclass(frozen=True)
class Terms:
    """What an objective asks for."""

    bad: str
    """What a bad request is: `errors`, `slower than 500 ms`."""
    limit: float
    """The largest share of bad requests, 0 to 1."""
    tolerance: float | None = 0.1
    """How much worse than stable it may be, as a part of stable's share or of the limit, whichever is more; None: not compared."""
    confidence: float = 0.95
    """How sure it must be, over all looks, steps and objectives of a rollout, that an identical candidate does not fail."""
    min_requests: int = 100
    """Requests of each revision in a step."""
    objectives: int = 1
    """Of the whole rollout: they share what `confidence` leaves."""

    def __post_init__(self) -> None:
        if not (0 < self.limit < 1 and 0 < self.confidence < 1 and self.min_requests > 0 and self.objectives > 0):
            raise ValueError(f"{self}: shares are between 0 and 1, numbers are over 0")

    @property
    def compared(self) -> bool:
        return self.tolerance is not None

    @property
    def worse_bar(self) -> float:
        """The natural logarithm of the odds at which W has failed."""
        return self._bar(SPENT_ON_WORSE)

    @property
    def over_bar(self) -> float:
        """The same of O."""
        return self._bar(1 - SPENT_ON_WORSE if self.compared else 1.0)

    def _bar(self, part: float) -> float:
        return log(self.objectives / (part * (1 - self.confidence)))


@dataclass(frozen=True)
class Weighed:
    """All that the table asks."""

    worse: Evidence
    over: Evidence
    all_steps: Counts
    step: Counts
    """Of the step under way."""
    allowed: float
    """Bad requests of the candidate that its upper limit in this step must not exceed."""


def judge(steps: Sequence[Step], terms: Terms) -> Verdict:
    """The verdict at this look. Steps begin with the oldest of the rollout; the last one is under way. Raises ValueError without a step."""
    if not steps:
        raise ValueError("a rollout is judged in one of its steps")
    gap = steps[-1].gap
    if gap and gap.kind == "error":
        return Verdict("error", gap.why)
    found = weigh([step.known for step in steps], terms)
    if failed := _failed(found, terms, len(steps)):
        return failed
    if gap:
        return Verdict("no data", gap.why)
    doubt = _doubt(found, terms, steps)
    return Verdict("inconclusive", doubt) if doubt else _passed(found, terms)


def _doubt(found: Weighed, terms: Terms, steps: Sequence[Step]) -> str:
    """The rows of `inconclusive`."""
    return (
        _shared(found, terms, len(steps))
        or _few(found, terms, steps[-1].traffic)
        or _suspect(found, terms, len(steps))
        or _not_below(found, terms)
    )


def weigh(steps: Sequence[Sequence[Counts]], terms: Terms) -> Weighed:
    """What the counts say, step by step."""
    step = total(steps[-1])
    bounds = evidence.excused(steps[-1], terms.limit)
    tolerated = sum(one.candidate * bound for one, bound in zip(steps[-1], bounds, strict=True))
    return Weighed(
        worse=Evidence(0.0, 0.0) if terms.tolerance is None else evidence.worse(steps, terms.limit, terms.tolerance),
        over=evidence.over(steps, terms.limit),
        all_steps=total(one for known in steps for one in known),
        step=step,
        allowed=LENIENCE * max(tolerated, step.candidate / terms.min_requests),
    )


def _failed(found: Weighed, terms: Terms, steps: int) -> Verdict | None:
    seen, worse = _seen(found.all_steps, terms, steps), found.worse
    if terms.compared and worse.beyond(terms.worse_bar):
        return Verdict("failed", f"{seen}; {odds(worse.whole)} that it is worse by more than the tolerance")
    if not found.over.beyond(terms.over_bar) or (terms.compared and worse.whole < DOUBT):
        return None
    too = f", {odds(worse.whole)} that it is worse than stable" if terms.compared else ""
    return Verdict(
        "failed", f"{seen}; {odds(found.over.whole)} that it is over the limit of {percent(terms.limit)}{too}"
    )


def _shared(found: Weighed, terms: Terms, steps: int) -> str:
    if not found.over.beyond(terms.over_bar):
        return ""
    seen = _seen(found.all_steps, terms, steps)
    return f"{seen}: over the limit of {percent(terms.limit)}, but no worse than stable: shared trouble"


def _few(found: Weighed, terms: Terms, traffic: float | None) -> str:
    step = found.step
    given = (step.stable + step.candidate) * (traffic or 0.0)
    if given >= EXPECTED and step.candidate < given / 2:
        return f"answers {few(step.candidate, given)} given to it"
    if step.candidate < terms.min_requests:
        return few(step.candidate, terms.min_requests)
    if terms.compared and step.stable < terms.min_requests:
        return f"stable has {few(step.stable, terms.min_requests)}"
    return ""


def _suspect(found: Weighed, terms: Terms, steps: int) -> str:
    """Of both tests the one that is nearer to its bar."""
    tests = (
        (found.worse.whole, terms.worse_bar, "worse than stable"),
        (found.over.whole, terms.over_bar, f"over the limit of {percent(terms.limit)}"),
    )
    against, bar, what = max(tests, key=lambda test: test[0] / test[1])
    if against <= 0:
        return ""
    but = ", but most of it in one interval" if against >= bar else f", fails at {odds(bar)}"
    return f"{_seen(found.all_steps, terms, steps)}; {odds(against)} that it is {what}{but}"


def _not_below(found: Weighed, terms: Terms) -> str:
    step, highest = found.step, upper(found.step.candidate_bad)
    if highest <= found.allowed:
        return ""
    could, less = share(highest, step.candidate), share(found.allowed, step.candidate)
    seen = f"{step.candidate_bad:,} of {step.candidate:,}"
    return f"{terms.bad}: {seen}: could still be {could}, passes when less than {less} is 80 % sure"


def _passed(found: Weighed, terms: Terms) -> Verdict:
    step = found.step
    stable = f", stable {share(step.stable_bad, step.stable)}" if terms.compared else ""
    mine = share(step.candidate_bad, step.candidate)
    limit = percent(terms.limit)
    return Verdict("passed", f"{terms.bad}: {mine} of {step.candidate:,} (max {limit}){stable}{_despite(step, terms)}")


def _despite(step: Counts, terms: Terms) -> str:
    """Why it passes over its limit."""
    if step.candidate_bad <= terms.limit * step.candidate:
        return ""
    both = step.stable_bad > terms.limit * step.stable
    return "; both are over the limit" if both else "; too few to hold against it"


def _seen(counts: Counts, terms: Terms, steps: int) -> str:
    where = f" in {steps} steps" if steps > 1 else ""
    stable = f", stable {share(counts.stable_bad, counts.stable)}" if terms.compared else ""
    return f"{terms.bad}: {share(counts.candidate_bad, counts.candidate)} of {counts.candidate:,}{where}{stable}"


def upper(bad: int) -> float:
    """The mean under which a Poisson count this small or smaller is 80 % sure."""
    k = bad + 1
    return k * (1 - 1 / (9 * k) + SURE / (3 * sqrt(k))) ** 3
