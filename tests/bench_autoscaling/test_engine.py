"""Engines do what their arithmetic says."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from benchmarks.autoscaling.engine import BY_SEQUENCES, PATIENCE, SMALL, USUAL, Engine, Model, Requests
from benchmarks.autoscaling.traces import MEAN, lengths


def requests(*shapes: tuple[float, float, float]) -> Requests:
    """Arrival, tokens of the prompt, tokens of the answer."""
    return Requests(*(np.array(column, float) for column in zip(*shapes, strict=True)))


def through(engine: Engine, until: float = inf) -> float:
    """To its last event; when that was."""
    t = 0.0
    while engine.next < until:
        t = engine.next
        engine.event(t)
    return t


def test_one_request() -> None:
    """A prompt of 840 tokens takes 0.1 s, and each of 100 tokens a step of 24 ms and a little."""
    r = requests((0.0, 840.0, 100.0))
    engine = Engine(USUAL, r, 0.0, 0.0)
    engine.add(0.0, 0)
    end = through(engine)
    assert r.first[0] == pytest.approx(0.1, abs=0.001)
    assert end - r.first[0] == pytest.approx(100 * (0.024 + 0.00008 + 890 * 1.1e-7), rel=0.01)
    assert (engine.n, engine.kv, engine.load) == (0, 0.0, 0)


def test_a_long_prompt_takes_several_steps() -> None:
    r = requests((0.0, 3500.0, 2.0))
    engine = Engine(USUAL, r, 0.0, 0.0)
    engine.add(0.0, 0)
    through(engine)
    assert r.first[0] == pytest.approx(3500 / 8400, abs=0.01)


def test_what_does_not_fit_waits() -> None:
    r = requests(*[(0.0, 3000.0, 500.0)] * 12)
    engine = Engine(USUAL, r, 0.0, 0.0)
    for i in range(12):
        engine.add(0.0, i)
    through(engine, 5.0)
    assert (engine.n, len(engine.waiting)) == (9, 3)
    through(engine)
    assert min(r.first) > 0


def test_a_full_cache_preempts_and_loses_nobody() -> None:
    r = requests(*[(0.0, 1000.0, 2000.0)] * 20)
    engine = Engine(USUAL, r, 0.0, 0.0)
    for i in range(20):
        engine.add(0.0, i)
    through(engine, 30.0)
    assert 0 < engine.n < 20
    assert engine.kv <= USUAL.kv + 20
    through(engine, 59.0)
    assert min(r.first) > 0


def test_who_has_given_up_costs_nothing() -> None:
    r = requests((0.0, 3000.0, 2000.0), (0.0, 29_000.0, 2000.0), (PATIENCE + 20.0, 100.0, 10.0))
    slow = Model("slow", full=1.0, step=0.5, kv=30_000)
    engine = Engine(slow, r, 0.0, 0.0)
    engine.add(0.0, 0)
    engine.add(0.0, 1)
    through(engine, PATIENCE + 20.0)
    engine.add(PATIENCE + 20.0, 2)
    through(engine)
    assert r.first[1] == -1.0
    assert r.first[2] > 0


@pytest.mark.parametrize("model", [USUAL, BY_SEQUENCES, SMALL], ids=lambda model: model.name)
def test_what_fills_it(model: Model) -> None:
    """`full` is what it answers when it always has more."""
    count = 20_000
    prompt, out = lengths(np.random.default_rng(5), count, MEAN, 1.0)
    r = Requests(np.full(count, 1e9), prompt, out)
    engine = Engine(model, r, 0.0, 0.0)
    engine.waiting.extend(range(1, count))
    engine.add(0.0, 0)
    through(engine, 300.0)
    answered = sum(first >= 0 for first in r.first) - engine.n
    assert answered / 300 == pytest.approx(model.full, rel=0.12)
