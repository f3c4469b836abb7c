"""All cases under all rules, on all cores."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from benchmarks.gates.cases import Case
from benchmarks.gates.ours import Ours
from benchmarks.gates.results import KAYENTA, OURS, RULES, Outcome, Results, outcome
from benchmarks.gates.rivals import Kayenta, Threshold
from benchmarks.gates.traffic import Traffic
from benchmarks.gates.walk import HOLD, Rule, walk


def run(cases: Sequence[Case], rollouts: int, seed: int) -> Results:
    """Each case with random numbers of its own, so that leaving one out changes no other."""
    begin, outcomes = time.monotonic(), []
    jobs = [(case, rule, rollouts, (seed, *_stream(case, rule))) for case in cases for rule in RULES]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        for found in pool.map(_one, jobs):
            outcomes.append(found)
            if found.rule == RULES[-1]:
                _say(begin, f"{found.case.rate} req/s, {found.case.kind}, {found.case.what}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Results(rollouts, seed, time.monotonic() - begin, used.ru_utime + used.ru_stime, outcomes)


def one(case: Case, rule: str, rollouts: int, seed: Sequence[int]) -> Outcome:
    """One case under one rule."""
    rng = np.random.default_rng(seed)
    traffic = Traffic(rng, rollouts, case.rate, case.kind)
    return outcome(case, rule, walk(_rule(rule, case, rollouts, rng), traffic, case.objectives, rollouts))


def _one(job: tuple[Case, str, int, Sequence[int]]) -> Outcome:
    return one(*job)


def _rule(name: str, case: Case, rollouts: int, rng: np.random.Generator) -> Rule:
    if name == OURS:
        return Ours(case.objectives, rollouts)
    if name == KAYENTA:
        return Kayenta(case.objectives, rollouts, HOLD, rng)
    return Threshold(case.objectives, rollouts)


def _stream(case: Case, rule: str) -> list[int]:
    """Numbers from a case's names."""
    return list(f"{case.rate} {case.kind} {case.what} {rule}".encode())


def _say(begin: float, text: str) -> None:
    print(f"[{time.monotonic() - begin:6.1f} s] {text}", file=sys.stderr, flush=True)
