"""Who is asked how busy he is, how often, and what is told of it."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp

from tests.brain.support import come_true, going
from tidegate.brain.load import readings
from tidegate.brain.load.readings import Loads
from tidegate.engines.metrics import Page, Unread
from tidegate.envoy.clusters import Endpoint

FREE, BUSY, ALONE = (Endpoint(f"10.0.0.{n}", 8000) for n in (1, 2, 3))
BOTH = {"a": (FREE, BUSY)}
ROUND = 0.05


class Said:
    """What engines say; how often each was asked, and how often something was told."""

    def __init__(self) -> None:
        self.kv = {FREE: 0.0, BUSY: 1.0}
        self.asked: Counter[Endpoint] = Counter()
        self.told = 0

    async def ask(self, _: aiohttp.ClientSession, engine: Endpoint) -> Page | Unread:
        self.asked[engine] += 1
        kv = self.kv.get(engine)
        return Unread("silent") if kv is None else Page(1, 0, kv, 0.0, 0.0)

    def changed(self) -> None:
        self.told += 1


async def test_the_busy_one_gets_less_until_it_is_silent() -> None:
    said = Said()
    loads = Loads(said.changed, said.ask, ROUND)
    loads.follow(BOTH)
    async with going(loads.run()):
        await come_true(lambda: loads.weights == {FREE: 100, BUSY: 20})
        said.kv.clear()
        await come_true(lambda: loads.weights == {FREE: 100, BUSY: 100})


async def test_nobody_is_asked_who_stands_alone_or_where_nobody_wants_to_know() -> None:
    said = Said()
    loads = Loads(said.changed, said.ask, ROUND)
    loads.follow({"b": (ALONE,), **BOTH})
    async with going(loads.run()):
        await come_true(lambda: said.asked[BUSY] > 2)
        loads.follow({})
        assert (loads.weights, said.told > 0) == ({}, True)
        await asyncio.sleep(3 * ROUND)  # the round that was under way
        before = said.asked.total()
        await asyncio.sleep(3 * ROUND)
        assert said.asked.total() == before
    assert ALONE not in said.asked


async def test_many_are_asked_slowly() -> None:
    """A round of twenty takes as long as a router takes to read so many pages, however short it should be."""
    said, begun = Said(), asyncio.get_running_loop().time()
    many = tuple(Endpoint("10.0.1.1", port) for port in range(20))
    loads = Loads(said.changed, said.ask, 0.0)
    loads.follow({"a": many})
    async with going(loads.run()):
        await come_true(lambda: said.asked.total() >= 2 * len(many))
    assert asyncio.get_running_loop().time() - begun >= 0.9 * len(many) / readings.MOST
