"""Which routes are known to those who wait, while configurations come and go."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.envoy.conftest import config
from tidegate.brain.decide.known import LASTS
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.waiting import Waiting
from tidegate.contract.destinations import Hold
from tidegate.contract.router_config import RouterConfig


def holding(models: dict[str, dict[str, int]]) -> RouterConfig:
    """Of models that may have no engine."""
    made = config(models)
    those = tuple(d.model_copy(update={"hold": Hold(seconds=60), "model": d.backend}) for d in made.destinations)
    return made.model_copy(update={"destinations": those})


ONE, BOTH = holding({"chat": {"a": 1}}), holding({"chat": {"a": 1}, "large": {"b": 1}})


async def told(waiting: Waiting, route: str) -> str:
    """What a request of this route is told: its answer's status, or that it waits."""
    reply = waiting.ask(Ask("m", b"", route, True))
    if isinstance(reply, bytes):
        return reply.decode().split()[1]
    task = asyncio.ensure_future(reply)
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return "waits"


async def test_what_is_expected_is_known_until_it_comes() -> None:
    waiting = Waiting()
    waiting.follow(ONE)
    assert await told(waiting, "to-large") == "503"
    waiting.expect(BOTH)
    for _ in range(3):
        waiting.follow(ONE)
        assert await told(waiting, "to-large") == "waits"
    waiting.follow(BOTH)
    assert await told(waiting, "to-large") == await told(waiting, "to-chat") == "waits"


async def test_who_began_before_goes_on() -> None:
    clock = [100.0]
    waiting = Waiting(lambda: clock[0])
    waiting.follow(BOTH)
    for _ in range(3):
        waiting.follow(ONE)
        assert (await told(waiting, "to-large"), await told(waiting, "to-chat")) == ("200", "waits")
    clock[0] += LASTS
    waiting.follow(ONE)
    assert (await told(waiting, "to-large"), await told(waiting, "to-chat")) == ("503", "waits")
