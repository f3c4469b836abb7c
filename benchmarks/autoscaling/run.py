"""All runs, in as many processes as are asked for."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import ceil
from multiprocessing import get_context

from benchmarks.autoscaling.cases import CLAIRVOYANT, DIALS, OURS, Run
from benchmarks.autoscaling.clairvoyant import FOOTPRINT, Clairvoyant
from benchmarks.autoscaling.fleet import Ended, Scaler, simulate
from benchmarks.autoscaling.ours import Ours
from benchmarks.autoscaling.results import Outcome, Results, outcome
from benchmarks.autoscaling.rivals import RIVALS
from benchmarks.autoscaling.traces import Trace, draw
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.staffing import need


def run(runs: Sequence[Run], seeds: range, workers: int) -> Results:
    """Runs that differ in their seed alone become one outcome."""
    begin, found = time.monotonic(), dict[Run, list[Ended]]()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done, (one, ended) in enumerate(zip(runs, pool.map(once, runs), strict=True), 1):
            found.setdefault(replace(one, seed=0), []).append(ended)
            _say(begin, f"{done} of {len(runs)}: {one.case.name}, {one.scaler} {one.dial}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcomes: list[Outcome] = [outcome(one, ended) for one, ended in found.items()]
    return Results(list(seeds), time.monotonic() - begin, used.ru_utime + used.ru_stime, outcomes)


def once(one: Run) -> Ended:
    """One trace under one scaler."""
    trace = draw(one.case.trace, one.case.model, one.seed)
    scaler, begin = _scaler(one, trace), _begin(trace)
    if isinstance(scaler, Clairvoyant):
        begin = max(begin, int(scaler.plan[0]))
    return simulate(trace.requests, trace.horizon, scaler, one.case.model, one.case.startup, begin, one.seed)


def _scaler(one: Run, trace: Trace) -> Scaler:
    if one.scaler == CLAIRVOYANT:
        return Clairvoyant(trace, one.case.startup)
    if one.scaler == OURS:
        return Ours(replace(DIALS[one.dial], sequences=one.case.model.sequences), trace, one.case.startup)
    return RIVALS[one.scaler]()


def _begin(trace: Trace) -> int:
    """Engines that are there when it begins: what the first minute needs."""
    return ceil(need(trace.rate[:60].mean(), FOOTPRINT, 1.0, Settings()))


def _say(begin: float, text: str) -> None:
    print(f"[{time.monotonic() - begin:6.1f} s] {text}", file=sys.stderr, flush=True)
