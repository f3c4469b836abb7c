"""A fleet counts what it should."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.autoscaling.engine import USUAL, Requests
from benchmarks.autoscaling.fleet import Ended, Look, simulate
from benchmarks.autoscaling.traces import draw, lengths


class Script:
    """Does as it is told."""

    def __init__(self, wanted: Callable[[float], int]) -> None:
        self.wanted, self.looks = wanted, list[Look]()

    def decide(self, look: Look) -> int:
        self.looks.append(look)
        return self.wanted(look.now)


def steady(rate: float, seconds: float) -> Requests:
    count = int(rate * seconds)
    prompt, out = lengths(np.random.default_rng(1), count, 400.0, 1.0)
    return Requests(np.linspace(0, seconds, count), prompt, out)


def run(script: Script, rate: float = 0.5, seconds: float = 3600.0, startup: float = 60.0, begin: int = 2) -> Ended:
    return simulate(steady(rate, seconds), seconds, script, USUAL, startup, begin, 0)


def test_nothing_changes() -> None:
    script = Script(lambda _: 2)
    ended = run(script)
    assert ended.gpu_hours == pytest.approx(2.0)
    assert (ended.misses, ended.flips, ended.line) == (0.0, 0, [(0.0, 2)])
    assert sum(look.arrived for look in script.looks) == 1799  # the last comes at the end
    assert {look.replicas for look in script.looks} == {2}


def test_an_engine_costs_from_its_creation_and_serves_after_its_start() -> None:
    script = Script(lambda now: 3 if now >= 1800 else 2)
    ended = run(script)
    assert ended.gpu_hours == pytest.approx(2.5)
    assert ended.line == [(0.0, 2), (1800.0, 3)]
    ready = next(look.now for look in script.looks if len(look.ready) == 3)
    assert 1855 <= ready <= 1870


def test_an_engine_that_leaves_ends_its_streams() -> None:
    script = Script(lambda now: 1 if now >= 1800 else 2)
    ended = run(script, rate=1.0)
    assert 1.5 < ended.gpu_hours < 1.53
    assert ended.misses < 0.02


def test_flips() -> None:
    ended = run(Script(lambda now: 3 if now // 600 % 2 else 2))
    assert ended.flips == 5


def test_the_bounds_hold() -> None:
    assert run(Script(lambda _: 0), seconds=300.0, begin=1).line == [(0.0, 1)]
    assert run(Script(lambda _: 99), seconds=300.0).line[-1][1] == 12


def test_overload_is_missed() -> None:
    assert run(Script(lambda _: 1), rate=6.0, seconds=600.0, begin=1).misses > 0.9


@pytest.mark.parametrize("name", ["step", "spikes", "hourly", "drift"])
def test_traces_are_what_they_say(name: str) -> None:
    trace = draw(name, USUAL, 3)
    again, other = draw(name, USUAL, 3), draw(name, USUAL, 4)
    assert np.array_equal(trace.arrival, again.arrival)
    assert len(other.arrival) != len(trace.arrival)
    assert len(trace.arrival) == pytest.approx(trace.rate.sum() * USUAL.full, rel=0.02)
    assert (len(trace.peaks) > 0) is (name == "hourly")
    assert trace.prompt.mean() == pytest.approx(590, rel=0.05)


def test_arrivals_of_the_bursty_trace_scatter() -> None:
    trace = draw("bursty", USUAL, 3)
    counts = np.histogram(trace.arrival, np.arange(0, trace.horizon + 5, 5))[0]
    assert 4 < counts.var() / counts.mean() < 25
