"""A store that was away: what was let through meanwhile is told before anybody asks it again, and nobody is refused for longer than that."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from tests.brain.limits.support import FREE, SHARED, UNKNOWN, Clock, ask, configured, parsed, record, requests, tokens
from tests.brain.store.support import becomes
from tidegate.brain.limits.counting import FLUSH, Counting
from tidegate.brain.limits.windows import SLICES, Charge, Windows, slice_of
from tidegate.brain.store.resp import Away
from tidegate.contract.limits import Limit
from tidegate.names import RESERVED_HEADER


class Leaving:
    """A store that answers at once while it is there."""

    def __init__(self, clock: Clock) -> None:
        self.windows, self.clock, self.ready = Windows(), clock, True
        self.told = 0
        self.named = b"first"

    def admit(self, charges: Sequence[Charge]) -> asyncio.Future[list[int]]:
        """It is asked."""
        later: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        seen = self.windows.look(self.clock.now, charges)
        if not any(verdict.wait_ms for verdict in seen):
            for charge, verdict in zip(charges, seen, strict=True):
                self.windows.add(charge.key, verdict.at, charge.cost, charge.slice_ms)
        later.set_result([number for verdict in seen for number in verdict])
        return later

    def settle(self, parts: Sequence[tuple[str, int, int, int]]) -> asyncio.Future[int]:
        """It is told."""
        self.told += 1
        later: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.ready:
            for part in parts:
                self.windows.add(*part)
            later.set_result(len(parts))
        else:
            later.set_exception(Away("it has gone again"))
        return later

    async def life(self, key: str) -> bytes:
        """It is asked whether it is the same."""
        assert key == "tidegate:{test/front}:life"
        return self.named


def router(limit: Limit) -> tuple[Counting, Leaving]:
    """One of two of a policy, and its store."""
    clock = Clock()
    counting, store = Counting(clock, clock), Leaving(clock)
    counting.follow(configured(limit, store=SHARED))
    counting.store = store  # type: ignore[assignment]
    return counting, store


def used(store: Leaving, limit: Limit) -> int:
    """What it has counted of a client."""
    width = slice_of(limit.window_seconds)
    key = f"tidegate:{{test/front}}:{limit.name}:{limit.of[0]}{width}:acme"
    return store.windows.look(store.clock.now, [Charge(key, 1, 1, width)])[0].used


async def statuses(counting: Counting, count: int) -> Counter[int]:
    """Of requests that come at the same moment."""
    replies = [counting.ask(ask(), lambda: FREE, UNKNOWN) for _ in range(count)]
    told = [reply if isinstance(reply, bytes) else await reply for reply in replies]
    return Counter(parsed(reply)[0] for reply in told)


async def returns(counting: Counting) -> None:
    """Its store answers again, and is told what it has to know."""
    counting.back()
    await becomes(lambda: not counting._flushing)


async def test_it_is_told_before_it_is_asked_again() -> None:
    counting, store = router(requests(40))
    assert await statuses(counting, 5) == {200: 5}
    store.ready = False
    assert await statuses(counting, 40) == {200: 15, 429: 25}, "half of 40, less the 5 before"
    store.ready = True
    counting.flush()
    assert await statuses(counting, 40) == {429: 40}, "the store thinks that there is room"
    await becomes(lambda: store.told == 1)
    assert await statuses(counting, 40) == {200: 20, 429: 20}


async def test_one_that_goes_again_before_it_is_told() -> None:
    counting, store = router(requests(40))
    store.ready = False
    assert await statuses(counting, 20) == {200: 20}
    store.ready = True
    counting.flush()
    await asyncio.sleep(0)
    store.ready = False
    await asyncio.sleep(FLUSH * 2)
    store.ready = True
    assert await statuses(counting, 40) == {429: 40}
    counting.flush()
    await becomes(lambda: store.told == 1)
    assert await statuses(counting, 40) == {200: 20, 429: 20}


async def test_one_that_is_back_when_all_has_left_the_window_is_asked_at_once() -> None:
    counting, store = router(requests(40))
    store.ready = False
    assert await statuses(counting, 40) == {200: 20, 429: 20}
    store.clock.pass_(70)
    store.ready = True
    counting.flush()
    await becomes(lambda: not counting._flushing)
    assert store.told == 0, "nothing of it counts any more"
    assert await statuses(counting, 50) == {200: 40, 429: 10}


async def test_what_a_request_used_is_told_although_limits_were_taken_away_meanwhile() -> None:
    """They may come again, and a client would have as much less as was reserved."""
    limit = tokens(1000)
    counting, store = router(limit)
    reply = counting.ask(ask(most=500), lambda: FREE, UNKNOWN)
    assert not isinstance(reply, bytes)
    reserved = parsed(await reply)[1][RESERVED_HEADER]
    counting.follow(configured().model_copy(update={"limits": None}))
    counting.store = None
    counting.settle(record(reserved, prompt_tokens=3, completion_tokens=4))
    assert used(store, limit) == 500
    counting.follow(configured(limit, store=SHARED))
    counting.store = store  # type: ignore[assignment]
    counting.flush()
    await becomes(lambda: used(store, limit) == 7)


async def test_one_that_has_lost_everything_is_told_all_of_it_once() -> None:
    limit = requests(40)
    counting, store = router(limit)
    await returns(counting)
    assert await statuses(counting, 5) == {200: 5}
    store.ready = False
    assert await statuses(counting, 2) == {200: 2}
    store.windows, store.ready, store.named = Windows(), True, b"second"
    counting.back()
    assert await statuses(counting, 3) == {200: 3}, "nobody waits"
    await becomes(lambda: not counting._flushing)
    assert (used(store, limit), store.told) == (10, 1)
    await returns(counting)
    assert (used(store, limit), store.told) == (10, 1), "it has still what it held"
    assert await statuses(counting, 40) == {200: 30, 429: 10}


async def test_another_store_is_told_all_that_this_router_let_through() -> None:
    """Also the same one with another password, which began anew."""
    limit = requests(40)
    counting, store = router(limit)
    await returns(counting)
    assert await statuses(counting, 30) == {200: 30}
    other = Leaving(store.clock)
    other.named = b"other"
    counting.store = other  # type: ignore[assignment]
    await returns(counting)
    assert used(other, limit) == 30
    assert await statuses(counting, 40) == {200: 10, 429: 30}


async def test_one_that_has_lost_everything_is_not_told_what_has_left_the_window() -> None:
    """A window of a second has a slice each 34 ms: in an hour more of them than a store is told."""
    limit = requests(40, window=1)
    counting, store = router(limit)
    await returns(counting)
    for _ in range(200):
        assert await statuses(counting, 1) == {200: 1}
        store.clock.pass_(0.034)
    store.windows, store.named = Windows(), b"second"
    told: list[int] = []
    settle = store.settle
    store.settle = lambda parts: told.append(len(parts)) or settle(parts)  # type: ignore[method-assign,func-returns-value]
    await returns(counting)
    assert told == [SLICES]
    assert used(store, limit) == SLICES
