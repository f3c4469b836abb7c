"""Two routers of a tier while everything happens to their store: nobody waits, and nobody is given a wrong answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.brain.cache.stored.support import SCOPE, sharing, usable
from tests.brain.cache.support import entry, key, tier
from tests.brain.store.conftest import Valkey
from tests.brain.store.proxy import Proxy, between
from tests.brain.store.support import becomes
from tests.envoy.waiting import DEADLINE
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.together import Shared
from tidegate.brain.store.resp import Away

pytestmark = pytest.mark.redis
NAMES = Names(SCOPE, "answers")
SECONDS = 5.0
PATIENCE = 4.0
"""Seconds for a look-up that may wait half a second, on a machine that does other things, too; one that waited for ever would wait until the end."""


class World:
    """What was stored of each key, and which answers nobody may be given any more."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.made: dict[bytes, set[bytes]] = {}
        self.purged: dict[str, float] = {}
        """Tenants, and until when what was stored is purged everywhere."""
        self.longest = 0.0
        self.given = 0

    def new(self) -> Entry:
        """One that nobody has made before."""
        number = self.draw.randint(0, 40)
        made = entry(number, tenant=f"t{number % 4}", answer=self.draw.randbytes(self.draw.choice((50, 3000, 60_000))))
        self.made.setdefault(made.key, set()).add(made.answer)
        return made

    async def look(self, router: Shared) -> None:
        """Checks what it is given."""
        keys = [key(self.draw.randint(0, 40)) for _ in range(self.draw.randint(1, 3))]
        purged, begin = dict(self.purged), time.monotonic()
        found = await router.get(keys)
        self.longest = max(self.longest, time.monotonic() - begin)
        for name, each in zip(keys, found, strict=True):
            if each:
                self.given += 1
                assert each.key == name
                assert each.answer in self.made[name]
                assert each.stored > purged.get(each.tenant, 0.0)


async def used(world: World, routers: list[Shared], end: float) -> None:
    """As requests do it."""
    while time.monotonic() < end:
        router = world.draw.choice(routers)
        match world.draw.randint(0, 30):
            case 0:
                await purged(world, router)
            case 1:
                router.forget([key(world.draw.randint(0, 40))])
            case n if n < 10:
                router.put(world.new())
            case _:
                await world.look(router)
        await asyncio.sleep(0.001)


async def purged(world: World, router: Shared) -> None:
    """Of a tenant; from when it went well on, who asked for it knows that it counts."""
    tenant, at = f"t{world.draw.randint(0, 3)}", time.time()
    try:
        await router.purge(Match(tenant=tenant))
    except Away:
        return
    await asyncio.sleep(1)  # routers that were away meanwhile hear of it when they are back, and give nothing before
    world.purged[tenant] = max(at, world.purged.get(tenant, 0.0))


async def harmed(store: Valkey, proxies: list[Proxy], draw: random.Random, end: float) -> None:
    """One thing after the other; what lasts lasts for a moment."""

    def poison() -> None:
        store.ask("SET", NAMES.answer(key(draw.randint(0, 40))), draw.randbytes(100))

    def slow() -> None:
        draw.choice(proxies).delay = draw.choice((0.01, 0.2))

    def restart() -> None:
        store.die()
        store.start()

    def relieve() -> None:
        store.go_on()
        store.ask("CONFIG", "SET", "maxmemory", "0")
        for proxy in proxies:
            proxy.delay = 0.0
        if "string" in store.ask("TYPE", NAMES.index):
            store.ask("DEL", NAMES.index)

    everything: list[Callable[[], object]] = [
        restart, slow, poison, poison, poison, store.hang, lambda: store.ask("SCRIPT", "FLUSH"), lambda: store.ask("FLUSHALL"),
        lambda: store.ask("CLIENT", "KILL", "TYPE", "normal"), lambda: store.ask("CONFIG", "SET", "maxmemory", "1"),
        lambda: store.ask("SET", NAMES.index, "x"), lambda: store.ask("XADD", NAMES.feed, "*", "n", "7", "m", "poison"),
    ]  # fmt: skip
    while time.monotonic() < end:
        draw.choice(everything)()
        await asyncio.sleep(0.2)
        relieve()
        await asyncio.sleep(draw.uniform(0, 1.5))


async def takes(router: Shared, made: Entry) -> None:
    """Until its store takes this: what is refused is dropped, and is put again."""
    before = router.meters.puts

    def taken() -> bool:
        if router.meters.puts == before:
            router.put(made)
        return router.meters.puts > before

    await becomes(taken)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", [1])
async def test_everything_at_once(either: Valkey, seed: int) -> None:
    draw = random.Random(seed)
    world, end = World(draw), time.monotonic() + SECONDS
    async with between(either.where.port) as first, between(either.where.port) as second:
        ways = [replace(either.where, port=proxy.port) for proxy in (first, second)]
        async with sharing(ways[0], tier(300_000)) as one, sharing(ways[1], tier(300_000)) as two:
            users = [used(world, [one, two], end) for _ in range(4)]
            await asyncio.gather(harmed(either, [first, second], draw, end), *users)
            assert world.longest < PATIENCE
            assert world.given > 0
            either.ask("FLUSHALL")
            for router in (one, two):
                await takes(router, entry("wakes what was refused last"))
            await becomes(lambda: usable(one) and usable(two))
            await takes(one, last := entry("last"))
            async with asyncio.timeout(DEADLINE):
                while await two.get([key("last")]) != [last]:
                    await asyncio.sleep(0.01)
