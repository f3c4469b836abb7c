"""Which store is connected: as the configuration and its Secrets say, and what is said while none is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.brain.limits.conftest import PASSWORD, Valkey
from tests.brain.limits.support import FREE, UNKNOWN, alone, answered, ask, configured, parsed, requests
from tests.brain.limits.test_store import becomes
from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.keeper import Keeper
from tidegate.brain.limits.meters import LimitMeters
from tidegate.brain.limits.where import Unusable, Where, where
from tidegate.contract.limits import Store


def secret(**data: str) -> dict[str, Any]:
    """As the API server gives it."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


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


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://h", Where("h", 6379)),
        ("redis://:p%40%2F@h:1/2\n", Where("h", 1, "", "p@/", 2)),
        ("rediss://u:p@[::1]:1/", Where("::1", 1, "u", "p", 0, tls=True)),
        ("http://h", None),
        ("redis://:secret@", None),
        ("redis://:secret@h:port", None),
        ("redis://:secret@h/x", None),
        ("secret", None),
        ("redis://:secret@h..example", None),
        ("redis://:secret@" + "h" * 64, None),
    ],
)
def test_urls(url: str, found: Where | None) -> None:
    store = Store(secret="s", key="url")
    if found:
        assert where(store, {"s": secret(url=url)}) == found
        assert found.said in ("h:6379", "h:1", "[::1]:1")
        assert "password" not in repr(found)
        return
    with pytest.raises(Unusable, match="the URL in the Secret cannot be read") as error:
        where(store, {"s": secret(url=url)})
    assert "secret@" not in repr(error.value)
    assert error.value.__cause__ is None


def test_what_is_missing_and_certificates() -> None:
    store = Store(secret="s", key="url", ca_secret="c", ca_key="ca.crt")
    for known, says in (({}, "not read"), ({"s": None}, "does not exist"), ({"s": secret(x="y")}, "no key 'url'")):
        with pytest.raises(Unusable, match=says):
            where(store, {"c": secret(**{"ca.crt": "PEM"}), **known})
    with pytest.raises(Unusable, match="the certificate authority cannot be read"):
        where(store, {"s": secret(url="rediss://h"), "c": secret(**{"ca.crt": "PEM"})}).context()
    assert Where("h", 1).context() is None
    assert Where("h", 1, tls=True).context()


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
