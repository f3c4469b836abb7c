"""Engines are read, looks are made, and a key is queued when a decision is news. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import key_of, model
from tests.support.virtual_time import now, run
from tidegate.control.scale import Scaler, reading
from tidegate.plan.plan import ObjectKey, Query, Question, Replica, Scale
from tidegate.plan.samples import Measurement, Sample, Samples, Series
from tidegate.plan.scaling.engine_metrics import Page, Unread
from tidegate.plan.scaling.seen import Reading
from tidegate.plan.scaling.settings import Settings, Signal

KEY = key_of(model())
QUEUE = Settings(least=1, most=8, signals=(Signal("queue", "queueDepth", 5),))


def page(running: int = 1, waiting: int = 0, finished: float = 0) -> Page:
    return Page(
        running=running, waiting=waiting, kv=0.1, prompt=0, generated=0, finished=finished, token_seconds=0, tokens=0
    )


class World:
    """Engines by address."""

    def __init__(self) -> None:
        self.pages: dict[str, Page | Unread] = {}
        self.read: list[str] = []
        self.woken: list[ObjectKey] = []
        self.samples: Samples = {}
        self.scaler = Scaler(
            self._page,
            lambda _: self.samples,
            self.woken.append,
            lambda: 1000 + now(),
        )

    async def _page(self, address: str) -> Page | Unread:
        self.read.append(address)
        return self.pages.get(address, Unread("vllm:num_requests_running"))

    def order(self, *addresses: str, replicas: int = 1) -> Scale:
        engines = tuple(Replica(f"uid-{a}", a, 0.0, 500.0, False) for a in addresses)
        return Scale(QUEUE, replicas, engines, {}, {})

    async def until(self, looks: int) -> None:
        while len(self.scaler.decisions(KEY)) < looks:
            await asyncio.sleep(1)


def scaling(story: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test of this story, in a world of its own."""

    async def main() -> None:
        world = World()
        await story(world)
        world.scaler.want(KEY, None)

    return lambda: run(main())


@scaling
async def test_a_queue_makes_more(world: World) -> None:
    world.pages["a"] = page(running=8, waiting=20)
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    decision = world.scaler.decision(KEY)
    assert decision
    assert decision.replicas > 1
    assert world.woken[0] == KEY


@scaling
async def test_nothing_new_wakes_nobody(world: World) -> None:
    world.pages["a"] = page()
    world.scaler.want(KEY, world.order("a"))
    await world.until(2)
    before = len(world.woken)
    await world.until(6)
    decision = world.scaler.decision(KEY)
    assert decision
    assert (decision.replicas, len(world.woken) - before) == (1, 0)
    assert len(world.read) >= 6


@scaling
async def test_an_engine_that_says_nothing_holds(world: World) -> None:
    world.pages["a"] = page()
    world.scaler.want(KEY, world.order("a", "b", replicas=2))
    await world.until(3)
    decision = world.scaler.decision(KEY)
    assert decision
    assert decision.replicas == 2
    assert "engines say nothing" in decision.words or decision.limit in ("Window", "NoMetrics", "Steady")


@scaling
async def test_a_newer_plan_is_followed(world: World) -> None:
    world.pages["a"] = world.pages["b"] = page()
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    world.scaler.want(KEY, world.order("b"))
    world.read.clear()
    await world.until(4)
    assert set(world.read[1:]) == {"b"}


@scaling
async def test_nobody_looks_any_more(world: World) -> None:
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    world.scaler.want(KEY, None)
    assert (len(world.scaler), world.scaler.decision(KEY), world.scaler.decisions(KEY)) == (0, None, [])


def test_what_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    @scaling
    async def story(world: World) -> None:
        world.scaler.want(KEY, replace(world.order("a"), settings=None))  # type: ignore[arg-type]
        while "this should not happen" not in caplog.text:
            await asyncio.sleep(1)
        world.scaler.want(KEY, world.order("a"))
        await world.until(1)

    story()


ONE = Question(KEY, query=Query("x", 0.0))


@pytest.mark.parametrize(
    ("sample", "wanted"),
    [
        (None, Reading(error="it was not asked yet")),
        (Sample(None, 0.0, "gone"), Reading(error="gone")),
        (Sample(Measurement(error="no Prometheus"), 3.0), Reading(error="no Prometheus")),
        (Sample(Measurement(), 3.0), Reading(error="the query gives 0 series: it must give one")),
        (Sample(Measurement((Series({}, ((1.0, 0.4),)),)), 3.0), Reading(0.4, 3.0)),
    ],
)
def test_what_prometheus_said(sample: Sample | None, wanted: Reading) -> None:
    assert reading(sample) == wanted
