"""A store that counts for several routers: exact while it answers, and never waited for for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.brain.limits.support import FREE, SHARED, UNKNOWN, ask, configured, parsed, requests
from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tests.support.patience import HASTE
from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.store import Store, verdicts
from tidegate.brain.limits.windows import Charge, Verdict
from tidegate.brain.store.resp import Away, Refused
from tidegate.brain.store.where import Where

ONE = [Charge("{t}:k", 50, 1, 2000)]


@asynccontextmanager
async def connected(where: Where, back: Callable[[], None] = lambda: None) -> AsyncIterator[Store]:
    """A store that is being kept connected."""
    store = Store(where, back, lambda: 0.0)
    kept = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)
        await asyncio.sleep(0)  # the socket is closed


async def admit(store: Store, charges: list[Charge]) -> list[Verdict]:
    """What each counter says."""
    return verdicts(await store.admit(charges))


async def test_two_routers_let_through_exactly_what_a_limit_says(valkey: Valkey) -> None:
    async with connected(valkey.where) as one, connected(valkey.where) as two:
        await becomes(lambda: one.ready and two.ready)
        told = await asyncio.gather(*(admit(store, ONE) for _ in range(100) for store in (one, two)))
        assert sum(not verdict.wait_ms for (verdict,) in told) == 50
        assert valkey.ask("TTL", "{t}:k") > ":60"


async def test_all_limits_or_none(valkey: Valkey) -> None:
    async with connected(valkey.where) as store:
        await becomes(lambda: store.ready)
        both = [Charge("{t}:a", 5, 1, 2000), Charge("{t}:b", 1, 1, 2000)]
        first, second = await admit(store, both), await admit(store, both)
        assert [verdict.wait_ms > 0 for verdict in (*first, *second)] == [False, False, False, True]
        assert (await admit(store, both))[0].used == 1, "what was refused by one limit is counted in none"
        await store.settle([("{t}:b", first[1].at, -1, 2000), ("{t}:a", first[0].at, 3, 2000), ("{t}:c", 1, -5, 2000)])
        assert [verdict.used for verdict in await admit(store, both)] == [4, 0]
        assert valkey.ask("EXISTS", "{t}:c") == ":0\r\n"


@pytest.mark.usefixtures("hasty")
async def test_one_that_hangs_is_waited_for_for_a_moment_and_comes_back(valkey: Valkey) -> None:
    came_back: list[float] = []
    async with connected(valkey.where, lambda: came_back.append(time.monotonic())) as store:
        await becomes(lambda: store.ready)
        valkey.hang()
        begin = time.monotonic()
        told = await asyncio.gather(*(admit(store, ONE) for _ in range(200)), return_exceptions=True)
        assert all(isinstance(each, Away) for each in told)
        assert time.monotonic() - begin < len(told) * HASTE / 2, "all wait once, and not one after the other"
        assert not store.ready
        next_one = store.admit(ONE)
        assert next_one.done(), "it does not wait"
        with pytest.raises(Away):
            await next_one
        valkey.go_on()
        await becomes(lambda: store.ready)
        assert len(came_back) == 2


async def test_one_that_is_killed_and_comes_back_without_its_scripts(valkey: Valkey) -> None:
    async with connected(valkey.where) as store:
        await becomes(lambda: store.ready)
        valkey.die()
        await becomes(lambda: not store.ready)
        valkey.start()
        await becomes(lambda: store.ready)
        assert (await admit(store, ONE))[0].used == 0
        valkey.ask("SCRIPT", "FLUSH")
        with pytest.raises(Refused, match="NOSCRIPT"):
            await admit(store, ONE)
        await becomes(lambda: store.ready)
        assert (await admit(store, ONE))[0].used == 1


async def test_one_that_is_full_is_away(valkey: Valkey) -> None:
    async with connected(valkey.where) as store:
        await becomes(lambda: store.ready)
        valkey.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Refused, match="OOM"):
            await admit(store, ONE)
        await becomes(lambda: "OOM" in store.trouble)
        valkey.ask("CONFIG", "SET", "maxmemory", "0")
        await becomes(lambda: store.ready)


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"password": "wrong"}, "WRONGPASS"),
        ({"password": ""}, "NOAUTH"),
        ({"port": 9}, "ConnectionRefusedError"),
        ({"database": 99}, "out of range"),
    ],
)
async def test_why_it_is_away(valkey: Valkey, changes: dict[str, str], trouble: str) -> None:
    async with connected(replace(valkey.where, **changes)) as store:  # type: ignore[arg-type]
        await becomes(lambda: trouble in store.trouble)
        assert not store.ready
        assert "wrong" not in store.trouble.replace("WRONGPASS", "")


async def test_a_store_that_has_lost_what_it_held_is_known_by_its_life(valkey: Valkey) -> None:
    key = "tidegate:{t}:life"
    async with connected(valkey.where) as one, connected(valkey.where) as two:
        await becomes(lambda: one.ready and two.ready)
        first = await one.life(key)
        assert [await two.life(key), await one.life(key)] == [first, first]
        assert valkey.ask("TTL", key) == ":-1\r\n"
        valkey.ask("FLUSHALL")
        second = await one.life(key)
        assert [await two.life(key), await one.life(key), second == first] == [second, second, False]


async def test_what_routers_let_through_is_told_to_one_that_began_empty(valkey: Valkey) -> None:
    limit = requests(100, window=3600)
    pair = [Counting(), Counting()]
    async with connected(valkey.where, pair[0].back) as one, connected(valkey.where, pair[1].back) as two:
        for counting, store in zip(pair, (one, two), strict=True):
            counting.follow(configured(limit, store=SHARED))
            counting.store = store
        await becomes(lambda: all(counting.is_shared for counting in pair))

        async def passed(counting: Counting) -> bool:
            reply = counting.ask(ask(), lambda: FREE, UNKNOWN)
            return parsed(reply if isinstance(reply, bytes) else await reply)[0] == 200

        assert [await passed(counting) for counting in pair * 20] == [True] * 40
        valkey.die()
        await becomes(lambda: not any(counting.is_shared for counting in pair))
        assert [await passed(pair[0]) for _ in range(3)] == [True] * 3
        valkey.start()
        await becomes(lambda: all(counting.is_shared for counting in pair))
        assert [await passed(counting) for counting in pair * 50] == [True] * 57 + [False] * 43
