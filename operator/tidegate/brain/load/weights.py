"""How much each engine of a Service is to get of its requests, by what the engines say of themselves.

    load = share of KV in use + requests that wait / requests that run

of an engine without a queue at most 1, and 1 more for each batch that waits. Of one that has no room nothing is expected before what waits
has run, so its weight is what the freest one's load is to its own, in percent:

an engine's reading        its weight moves half of the way to             because
------------------------   ---------------------------------------------   -----------------------------------------------
young                      100 x (BASE + least load) / (BASE + its load),  a step at a time: every router reads the same, and
                             never below LEAST                               all of them must not run to the freest engine
old, or none yet           the mean of the others                          who is silent is neither free nor full
none of the Service's is   100                                             as good as another one

What is told is rounded to STEP, so that engines that are about as busy have one weight, and Envoy chooses among those as LeastRequest does.
Between two readings Envoy's own count of requests under way counts: a weight is divided by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.engines.metrics import Page
from tidegate.envoy.clusters import Endpoint

FULL: Final = 100.0
LEAST: Final = 10.0
"""One that is left out altogether would not show that it is free again."""
BASE: Final = 0.25
"""Of load: between 5 % and 10 % of KV in use there is no difference that is worth one."""
DAMPING: Final = 0.5
STEP: Final = 10

Weights = Mapping[Endpoint, float]


def load(page: Page) -> float:
    """How full an engine is; 0 for one with nothing to do, and without a bound."""
    return page.kv + page.waiting / max(page.running, 1)


def moved(before: Weights, engines: Sequence[Endpoint], loads: Mapping[Endpoint, float]) -> dict[Endpoint, float]:
    """The weights of a Service's engines after a round of readings; `loads` are those that are young."""
    known = [loads[engine] for engine in engines if engine in loads]
    if not known:
        return dict.fromkeys(engines, FULL)
    goals = {engine: _goal(loads[engine], min(known)) for engine in engines if engine in loads}
    mean = sum(goals.values()) / len(goals)
    return {engine: _nearer(before.get(engine, mean), goals.get(engine, mean)) for engine in engines}


def _goal(its: float, least: float) -> float:
    return max(LEAST, FULL * (BASE + least) / (BASE + its))


def _nearer(before: float, goal: float) -> float:
    return before + DAMPING * (goal - before)


def told(weights: Weights) -> dict[Endpoint, int]:
    """As Envoy gets them: whole steps, of at least one."""
    return {engine: max(STEP, round(weight / STEP) * STEP) for engine, weight in weights.items()}
