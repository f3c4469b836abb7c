"""Each row of what an engine's weight moves to."""

from __future__ import annotations

import pytest

from tidegate.brain.load.weights import FULL, LEAST, STEP, load, moved, told
from tidegate.engines.metrics import Page
from tidegate.envoy.clusters import Endpoint

FREE, BUSY, NEW = (Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3))


def page(running: int, waiting: int, kv: float) -> Page:
    return Page(running, waiting, kv, 0.0, 0.0)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [(page(0, 0, 0.0), 0.0), (page(8, 0, 0.5), 0.5), (page(8, 16, 1.0), 3.0), (page(0, 3, 0.0), 3.0)],
    ids=["nothing to do", "half full", "two batches wait", "nothing runs yet"],
)
def test_how_full_an_engine_is(said: Page, wanted: float) -> None:
    assert load(said) == wanted


def settled(loads: dict[Endpoint, float], *engines: Endpoint) -> dict[Endpoint, float]:
    weights: dict[Endpoint, float] = {}
    for _ in range(40):
        weights = moved(weights, engines, loads)
    return weights


def test_young_readings() -> None:
    weights = settled({FREE: 0.25, BUSY: 0.75}, FREE, BUSY)
    assert weights[FREE] == pytest.approx(FULL)
    assert weights[BUSY] == pytest.approx(FULL / 2)


def test_never_below_the_least() -> None:
    assert settled({FREE: 0.0, BUSY: 1000.0}, FREE, BUSY)[BUSY] == pytest.approx(LEAST)


def test_a_step_at_a_time() -> None:
    assert moved({FREE: 20.0, BUSY: 100.0}, (FREE, BUSY), {FREE: 0.0, BUSY: 0.25}) == {FREE: 60.0, BUSY: 75.0}


def test_who_is_silent_gets_what_the_others_get_on_average() -> None:
    weights = settled({FREE: 0.25, BUSY: 0.75}, FREE, BUSY, NEW)
    assert weights[NEW] == pytest.approx(FULL * 3 / 4)


def test_where_nobody_speaks_all_are_equal_at_once() -> None:
    assert moved({FREE: 100.0, BUSY: 10.0}, (FREE, BUSY), {}) == {FREE: FULL, BUSY: FULL}


def test_what_is_told() -> None:
    assert told({FREE: 97.0, BUSY: 94.0, NEW: 1.0}) == {FREE: 100, BUSY: 90, NEW: STEP}
