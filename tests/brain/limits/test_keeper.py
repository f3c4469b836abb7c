"""Which store is connected: as the configuration and its Secrets say, and what is said while none is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import generate_latest

from tests.brain.limits.support import FREE, UNKNOWN, alone, answered, ask, configured, parsed, requests
from tests.brain.store.conftest import PASSWORD, Valkey
from tests.brain.store.support import becomes, secret
from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.keeper import Keeper
from tidegate.brain.limits.meters import LimitMeters
from tidegate.contract.limits import Store


@asynccontextmanager
async def running() -> AsyncIterator[Keeper]:
    """One that follows what it is told."""
    keeper = Keeper(Counting(), lambda: 0.0)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)


async def test_a_store_is_connected_when_its_secret_is_read_and_let_go_when_it_is_not_named(valkey: Valkey) -> None:
    store = Store(secret="s", key="password", address=valkey.where.said)
    async with running() as keeper:
        keeper.follow(configured(requests(5), store=store))
        await becomes(lambda: "not read" in "".join(keeper.problems()))
        part = "; meanwhile each router lets through 1/2 of each limit"
        assert keeper.problems() == [f"Secret 's' was not read yet{part}"]
        keeper.secret_changed("s", secret(password="wrong"))
        await becomes(lambda: "WRONGPASS" in "".join(keeper.problems()))
        assert keeper.problems()[0].startswith(f"the store at {valkey.where.said} is away: ")
        keeper.secret_changed("s", secret(password=PASSWORD))
        await becomes(lambda: not keeper.problems())
        reply = keeper.counting.ask(ask(), lambda: FREE, UNKNOWN)
        assert not isinstance(reply, bytes)
        assert parsed(await reply)[0] == 200
        keeper.secret_changed("s", None)
        await becomes(lambda: "does not exist" in "".join(keeper.problems()))
        keeper.follow(configured(requests(5)))
        await becomes(lambda: keeper.counting.store is None)
        assert keeper.problems() == []
        assert answered(keeper.counting, ask())[1]["x-ratelimit-remaining-requests"] == "3", "it was counted here, too"


def test_as_many_series_as_limits_whoever_asks() -> None:
    counting = alone(requests(1), requests(1000, name="all", per="Policy"))
    meters = LimitMeters(counting)
    meters.follow(configured(requests(1)))
    for client in ("a", "b", "c"):
        for _ in range(3):
            counting.ask(ask(client), lambda: FREE, UNKNOWN)
    lines = [line for line in generate_latest(meters).decode().splitlines() if not line.startswith("#")]
    who = 'namespace="test",policy="front"'
    assert lines == [
        f'tidegate_limited_requests_total{{limit="rps",{who}}} 6.0',
        f'tidegate_limited_requests_total{{limit="all",{who}}} 0.0',
        f"tidegate_limits_shared{{{who}}} 0.0",
    ]
    assert list(LimitMeters(Counting()).collect()) == []
