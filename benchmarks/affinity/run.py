"""The order in which everything is measured: under each workload all routers at the same time, each with engines of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.affinity.engines import ENGINES, counted, differences, engines
from benchmarks.affinity.play import Played, play
from benchmarks.affinity.results import Results, round_of
from benchmarks.affinity.routers import ROUTERS, Router, running
from benchmarks.affinity.talks import WORKLOADS, Talk
from benchmarks.rivals import Missing
from benchmarks.router.run import machine

START: Final = 1.0
"""Seconds until all clients are there."""


@dataclass(frozen=True)
class Side:
    """A router that runs, and its engines."""

    port: int
    engines: Sequence[int]


@dataclass
class Ground:
    """Everything that runs, and why something does not."""

    sides: dict[str, Side] = field(default_factory=dict)
    """By the router's name."""
    left_out: dict[str, str] = field(default_factory=dict)


@contextmanager
def ground(wanted: Mapping[str, Router]) -> Iterator[Ground]:
    """All routers that can be had, with engines that nobody has asked anything. They end with the block."""
    anywhere = frozenset(os.sched_getaffinity(0))
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder, made = Path(name), Ground()
        ports = iter(stack.enter_context(engines(ENGINES * len(wanted), folder, anywhere)))
        for router in wanted.values():
            its = [next(ports) for _ in range(ENGINES)]
            own = folder / router.name
            own.mkdir()
            try:
                port = stack.enter_context(running(router, its, own, anywhere))
                made.sides[router.name] = Side(port, its)
            except Missing as missing:
                made.left_out[router.name] = str(missing)
        yield made


def run(rounds: int, workloads: Sequence[str] = tuple(WORKLOADS), wanted: Mapping[str, Router] = ROUTERS) -> Results:
    """All rounds. In each the talks are new ones, so that nothing that an engine has from before is found."""
    before, began = machine(), time.monotonic()
    with ground(wanted) as here, ProcessPoolExecutor(len(here.sides), get_context("fork")) as clients:
        titles = {name: wanted[name].title for name in here.sides}
        results = Results(before, titles, here.left_out, {name: WORKLOADS[name].title for name in workloads})
        for n in range(rounds):
            for workload in workloads:
                print(f"[{time.monotonic() - began:6.1f} s] round {n + 1} of {rounds}, {workload}", file=sys.stderr)
                _round(results, here, clients, workload, WORKLOADS[workload].talks(Random(f"{workload}/{n}")))
    return results


def _round(results: Results, here: Ground, clients: Executor, workload: str, talks: Sequence[Talk]) -> None:
    before = {name: {port: counted(port) for port in side.engines} for name, side in here.sides.items()}
    for name, played in _played(here.sides, clients, talks).items():
        counts = differences(before[name], here.sides[name].engines)
        results.add(workload, name, done := round_of(played, counts))
        print(f"  {name}: {done} {dict(played.failures) or ''}", file=sys.stderr)


def _played(sides: Mapping[str, Side], clients: Executor, talks: Sequence[Talk]) -> dict[str, Played]:
    begin = time.monotonic() + START
    asked = {name: clients.submit(play, f"http://127.0.0.1:{side.port}", talks, begin) for name, side in sides.items()}
    return {name: one.result() for name, one in asked.items()}
