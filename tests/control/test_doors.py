"""Routers are asked what they hold: each row of the table in doors.py. In virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from tests.support.builders import key_of, model
from tests.support.virtual_time import run
from tidegate.control.doors import OFTEN, SELDOM, Doors
from tidegate.plan.plan import Door, ObjectKey
from tidegate.plan.scaling.seen import FRESH

LLAMA, MISTRAL = key_of(model("llama")), key_of(model("mistral"))
A, B = Door("a", leaves=False), Door("b", leaves=False)


class World:
    """Routers by address; None does not answer."""

    def __init__(self) -> None:
        self.says: dict[str, Mapping[str, int] | None] = {"a": {}, "b": {}}
        self.asked: Counter[str] = Counter()
        self.knocks: list[ObjectKey] = []
        self.doors = Doors(self._ask, self.knocks.append)

    async def _ask(self, address: str) -> Mapping[str, int] | None:
        self.asked[address] += 1
        return self.says.get(address)


def living(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def whole() -> None:
        world = World()
        await test(world)
        for key in (LLAMA, MISTRAL):
            world.doors.want(key, (), often=False)
        assert len(world.doors) == 0

    def runs() -> None:
        run(whole())

    return runs


@living
async def _sums(world: World) -> None:
    world.says = {"a": {"llama": 2, "mistral": 1}, "b": {"llama": 3}}
    world.doors.want(LLAMA, (A, B), often=False)
    world.doors.want(MISTRAL, (A,), often=False)
    assert world.doors.held(LLAMA).unheard == "router a does not say what it holds"
    await asyncio.sleep(SELDOM)
    assert (world.doors.held(LLAMA).requests, world.doors.held(MISTRAL).requests) == (5, 1)
    assert world.doors.held(LLAMA).unheard == ""
    assert world.knocks == [], "they have engines"


def test_what_routers_hold_is_summed() -> None:
    _sums()


@living
async def _pace(world: World) -> None:
    world.doors.want(LLAMA, (A,), often=False)
    world.doors.want(MISTRAL, (A,), often=False)
    await asyncio.sleep(10 * SELDOM - 0.1)
    assert world.asked["a"] == 10, "once for both"
    world.doors.want(LLAMA, (A,), often=True)
    world.asked.clear()
    await asyncio.sleep(10 * OFTEN - 0.1)
    assert world.asked["a"] == 10


def test_it_is_asked_often_where_somebody_may_wait() -> None:
    _pace()


@living
async def _knocks(world: World) -> None:
    world.doors.want(LLAMA, (A, B), often=True)
    await asyncio.sleep(1)
    world.says["b"] = {"llama": 1, "mistral": 4}
    await asyncio.sleep(OFTEN)
    assert world.knocks == [LLAMA]
    world.says["b"] = {"llama": 20}
    await asyncio.sleep(5)
    assert world.knocks == [LLAMA], "the first one is enough"


def test_the_first_request_is_told_of_once() -> None:
    _knocks()


@living
async def _silence(world: World) -> None:
    world.says = {"a": {"llama": 1}, "b": {}}
    world.doors.want(LLAMA, (A, B), often=False)
    await asyncio.sleep(1)
    world.says["a"] = None
    await asyncio.sleep(FRESH - 2)
    assert (world.doors.held(LLAMA).requests, world.doors.held(LLAMA).unheard) == (1, "")
    await asyncio.sleep(5)
    assert (world.doors.held(LLAMA).requests, world.doors.held(LLAMA).unheard) == (
        0,
        "router a does not say what it holds",
    )
    world.doors.want(LLAMA, (Door("a", leaves=True), B), often=False)
    assert world.doors.held(LLAMA).unheard == ""


def test_one_that_says_nothing() -> None:
    _silence()


@living
async def _none(world: World) -> None:
    assert "no router stands before it" in world.doors.held(LLAMA).unheard


def test_a_model_without_routers_is_never_known_to_be_idle() -> None:
    _none()


def test_a_router_is_asked_again_whatever_its_word_led_to(caplog: pytest.LogCaptureFixture) -> None:
    """Else the model would have engines for ever, or wake up no more."""

    async def whole() -> None:
        world, wrong = World(), [ValueError("a bug of ours")]

        def knocks(key: ObjectKey) -> None:
            if wrong:
                raise wrong.pop()
            world.knocks.append(key)

        world.doors = Doors(world._ask, knocks)
        world.doors.want(LLAMA, (A,), often=True)
        await asyncio.sleep(OFTEN)
        for held in ({"llama": 1}, {}, {"llama": 1}):
            world.says["a"] = held
            await asyncio.sleep(2 * OFTEN)
        assert world.knocks == [LLAMA]
        world.doors.want(LLAMA, (), often=False)

    run(whole())
    assert "this should not happen" in caplog.text
