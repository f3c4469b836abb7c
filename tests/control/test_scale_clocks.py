"""Models are looked at at their own pace, whatever clocks and passes do. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.virtual_time import now, run
from tidegate.control.scale import TOLD, Scaler
from tidegate.engines.metrics import Page, Unread
from tidegate.plan.plan import ObjectKey, Replica, Scale
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.state import State

KEY = ObjectKey("tidegate.dev/v1alpha1", "ModelDeployment", "shop", "llama")
BEGIN = 1_800_000_000.0


class World:
    """Engines, and a clock that is off by `skew` seconds, or is set back while an engine is read."""

    def __init__(self) -> None:
        self.skew, self.set_back = 0.0, False
        self.reads: list[float] = []
        self.scaler = Scaler(self._read, lambda _: {}, lambda _: None, self.clock)

    def clock(self) -> float:
        return BEGIN + now() + self.skew

    async def _read(self, _: str) -> Page | Unread:
        self.reads.append(now())
        await asyncio.sleep(0.01)
        self.skew = -3600.0 if self.set_back else self.skew
        return Page(40, 0, 0.4, 10.0 * now(), 100.0 * now())

    def wants(self, replicas: int) -> None:
        engines = tuple(Replica(f"u{n}", f"a{n}", BEGIN - 900, BEGIN - 600, False) for n in range(replicas))
        self.scaler.want(KEY, Scale(Settings(), replicas, engines, {}, {}))


def scaling(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = World()
        await story(world)
        world.scaler.want(KEY, None)

    run(main())


def test_a_clock_that_is_set_back() -> None:
    """Engines are read and decided on as before."""

    async def story(world: World) -> None:
        world.wants(2)
        await asyncio.sleep(60)
        read, looked = len(world.reads), len(world.scaler.looks(KEY))
        world.skew = -3600.0
        await asyncio.sleep(60)
        assert len(world.reads) - read >= 50
        assert len(world.scaler.looks(KEY)) - looked >= 9

    scaling(story)


def test_a_clock_that_is_set_back_while_engines_are_read() -> None:
    async def story(world: World) -> None:
        world.wants(2)
        await asyncio.sleep(60)
        world.set_back = True
        await asyncio.sleep(5)
        read = len(world.reads)
        await asyncio.sleep(60)
        assert len(world.reads) - read >= 50

    scaling(story)


def test_what_is_kept_for_people() -> None:
    """The last decisions, without all that was known at each of them; the newest one has it."""

    async def story(world: World) -> None:
        world.wants(2)
        await asyncio.sleep(TOLD * 7)
        told, newest = world.scaler.looks(KEY), world.scaler.decision(KEY)
        assert len(told) == TOLD
        assert {one.decision.state for one in told} == {State()}
        assert newest
        assert len(newest.state.ticks.all) > 10

    scaling(story)
