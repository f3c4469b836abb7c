"""What people ask of a router's caches, with a real store and two routers that share it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from tests.brain.cache.support import WATCHED, entry, key
from tests.brain.cache.test_desk import KEPT, cached
from tests.brain.store.conftest import PASSWORD, Valkey
from tidegate.brain.cache.asked import Asked, read
from tidegate.brain.cache.desk import Desk
from tidegate.brain.cache.keeper import CacheKeeper
from tidegate.brain.decide.step import Ask
from tidegate.contract.cache import Cache, Exact
from tidegate.contract.limits import Store

pytestmark = pytest.mark.redis
SECRET = {"data": {"password": base64.b64encode(PASSWORD.encode()).decode()}}


def tier(valkey: Valkey) -> Cache:
    """Memory and store."""
    store = Store(secret="s", key="password", address=valkey.where.said)
    return KEPT.model_copy(update={"exact": Exact(ttl_seconds=600, max_bytes=1 << 22), "store": store})


class Router:
    """A keeper and its desk."""

    def __init__(self, cache: Cache) -> None:
        self.desk = Desk(time.time, "t")
        self.keeper = CacheKeeper(self.desk, time.time)
        self.desk.follow(cached(cache), {"a"})
        self.keeper.secret_changed("s", SECRET)
        self.keeper.follow(cached(cache))

    @property
    def tier(self):  # type: ignore[no-untyped-def]
        """The only one."""
        return self.desk.tiers["kept"]


@asynccontextmanager
async def running(*routers: Router) -> AsyncIterator[None]:
    """Until all are connected, and as long as it is entered."""
    tasks = [asyncio.create_task(router.keeper.run()) for router in routers]
    for router in routers:
        await until(lambda router=router: router.tier.shared and not router.keeper.stats()["kept"]["trouble"])  # type: ignore[misc]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(found: Callable[[], object]) -> None:
    """It is so."""
    async with asyncio.timeout(10):
        while not found():
            await asyncio.sleep(0.02)


async def test_answers_are_shared_under_their_policys_name_whatever_is_known_first(valkey: Valkey) -> None:
    """A Secret comes while Envoy does not run the configuration yet."""
    config = cached(tier(valkey))
    desk = Desk(time.time, "t")
    keeper = CacheKeeper(desk, time.time)
    desk.expect(config, {"a"})
    keeper.secret_changed("s", SECRET)
    task = asyncio.create_task(keeper.run())
    try:
        for _ in range(10):
            await asyncio.sleep(0)
        desk.follow(config, {"a"})
        keeper.follow(config)
        await until(lambda: desk.tiers["kept"].shared and not keeper.stats()["kept"]["trouble"])
        named = f'cache="kept",namespace="{config.namespace}",policy="{config.policy}"'
        assert f"tidegate_cache_store_shared{{{named}}} 1.0" in generate_latest(keeper.meters).decode()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_forgotten_is_forgotten_by_all_without_an_exact_layer_too(valkey: Valkey) -> None:
    routers = [Router(tier(valkey).model_copy(update={"exact": None})) for _ in range(2)]
    async with running(*routers):
        for router in routers:
            router.tier.memory.put(entry(stored=time.time() - 1), time.time())
        asked = asked_of(routers[0])
        await routers[0].tier.forget(replace(asked, keys={"a.r1": key("a")}))
        await until(lambda: not any(len(router.tier.memory) for router in routers))


async def test_too_many_false_hits_count_for_a_router_that_begins_anew_too(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpy")
    from tests.brain.cache.semantic.support import Letters
    from tidegate.brain.cache.embedders import Embedders

    async def letters(*_: object) -> Letters:
        return Letters()

    monkeypatch.setattr(Embedders, "of", letters)
    watched = tier(valkey).model_copy(update={"semantic": WATCHED})
    first, beside = Router(watched), Router(watched)
    async with running(first, beside):
        judge(first, right=False, until_on=False)
        await until(lambda: not beside.tier.doubts.on)
        said = beside.keeper.stats()["kept"]["semantic"]
        assert (said["state"], said["judged"]) == ("ExactOnly", 0)
        assert "maxFalseHits" in said["says"]
    anew = Router(watched)
    other = Router(watched.model_copy(update={"semantic": WATCHED.model_copy(update={"threshold": 0.95})}))
    async with running(anew, other):
        await until(lambda: not anew.tier.doubts.on)
        assert other.tier.doubts.on, "with other settings it is to be seen anew"
        valkey.ask("FLUSHALL")
        last = Router(watched)
        async with running(last):
            await until(lambda: not last.tier.doubts.on)
            judge(last, right=True, until_on=True)
            await until(lambda: anew.tier.doubts.on)


def judge(router: Router, *, right: bool, until_on: bool) -> None:
    while router.tier.doubts.on is not until_on:
        router.tier.doubts._note(right)


def asked_of(router: Router) -> Asked:
    ask = Ask("chat", b'{"messages": []}', path="/v1/chat/completions", cache="to-chat acme")
    return read(ask, router.desk._lines.all["to-chat"])
