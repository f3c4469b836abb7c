"""The verdict on an objective that is a query: one number, between a lowest and a highest one.

The first row that fits:

    the answer                                        verdict         words, for example
    -----------------------------------------------   -------------   ---------------------------------------------------------
    none: the question failed                         error           Prometheus did not answer
    a string, or ranges instead of an instant         error           the query gives a string: it must give one number
    no series                                         no data         the query gives nothing
    several series                                    error           the query gives 3 series: it must give one
    NaN                                               error           the query gives NaN, as 0 divided by 0 does
    infinite, or no number                            error           the query gives +Inf
    outside, with at most failureLimit before it      inconclusive    0.85 is under 0.9: failure 1, 2 are tolerated
    outside, with more                                failed          0.85 is under 0.9: failure 3, 2 are tolerated
    else                                              passed          0.93 (at least 0.9)

"Before it": failures are counted over the whole rollout, and no later success takes one back, so that a number that comes and goes
does not stay for ever. Both bounds belong to what is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal

from tidegate.plan.gates.counts import Gap
from tidegate.plan.gates.verdict import Verdict


@dataclass(frozen=True)
class Answer:
    """An instant query's, as Prometheus' HTTP API gives it."""

    kind: Literal["vector", "scalar", "matrix", "string"]
    values: Sequence[str]
    """One for each series, as they are written: `0.93`, `NaN`, `+Inf`."""


@dataclass(frozen=True)
class Bounds:
    """What is allowed. Raises ValueError without a bound, or when no number fits."""

    lowest: float | None = None
    highest: float | None = None
    failure_limit: int = 0
    """Failed looks that are tolerated in a rollout."""

    def __post_init__(self) -> None:
        given = [bound for bound in (self.lowest, self.highest) if bound is not None]
        if not given or given != sorted(given) or not all(map(isfinite, given)):
            raise ValueError(f"{self}: a lowest or a highest number, or both in this order")


def judge_query(answer: Answer | Gap, bounds: Bounds, failures: int = 0) -> tuple[Verdict, int]:
    """The verdict at this look, and how many looks of this rollout failed; `failures` are those before it."""
    number = measured(answer)
    if isinstance(number, Verdict):
        return number, failures
    wrong = _outside(number, bounds)
    if not wrong:
        return Verdict("passed", f"{number:.6g} ({_allowed(bounds)})"), failures
    failures += 1
    words = f"{number:.6g} is {wrong}"
    if bounds.failure_limit:
        words += (
            f": failure {failures}, {bounds.failure_limit} {'is' if bounds.failure_limit == 1 else 'are'} tolerated"
        )
    return Verdict("failed" if failures > bounds.failure_limit else "inconclusive", words), failures


def measured(answer: Answer | Gap) -> float | Verdict:
    """The one number of an answer, or why there is none."""
    if isinstance(answer, Gap):
        return Verdict("error" if answer.kind == "error" else "no data", answer.why)
    if answer.kind in {"string", "matrix"}:
        return Verdict("error", f"the query gives a {answer.kind}: it must give one number")
    if not answer.values:
        return Verdict("no data", "the query gives nothing")
    if len(answer.values) > 1:
        return Verdict("error", f"the query gives {len(answer.values)} series: it must give one")
    return _number(answer.values[0])


def _number(written: str) -> float | Verdict:
    try:
        number = float(written)
    except ValueError:
        return Verdict("error", f"the query gives {written!r}, which is no number")
    if isnan(number):
        return Verdict("error", "the query gives NaN, as 0 divided by 0 does")
    return number if isfinite(number) else Verdict("error", f"the query gives {written}")


def _outside(number: float, bounds: Bounds) -> str:
    if bounds.lowest is not None and number < bounds.lowest:
        return f"under {bounds.lowest:g}"
    if bounds.highest is not None and number > bounds.highest:
        return f"over {bounds.highest:g}"
    return ""


def _allowed(bounds: Bounds) -> str:
    least = [] if bounds.lowest is None else [f"at least {bounds.lowest:g}"]
    most = [] if bounds.highest is None else [f"at most {bounds.highest:g}"]
    return ", ".join(least + most)
