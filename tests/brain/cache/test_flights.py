"""Who waits for whom: each row of the table, and that nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.support import plain
from tidegate.brain.cache import flights as module
from tidegate.brain.cache.flights import PROMOTIONS, Flight, Flights, Given, Outcome, Yourself

GIVEN = Given(plain(), "memory")


async def waiting(flights: Flights, flight: Flight, count: int) -> list[asyncio.Task[Outcome]]:
    tasks = [asyncio.create_task(flights.wait(flight)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def told(end: Callable[[Flights, Flight], None], count: int = 3) -> list[Outcome | None]:
    """What those who wait are told at once; None who waits on."""

    async def run() -> list[Outcome | None]:
        flights = Flights()
        flight = flights.begin(b"q", {}, 0.0)
        tasks = await waiting(flights, flight, count)
        end(flights, flight)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        found = [task.result() if task.done() else None for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    return asyncio.run(run())


def test_an_answer_is_given_to_all() -> None:
    assert told(lambda flights, flight: flights.answered(flight, GIVEN)) == [GIVEN] * 3


def test_who_comes_when_it_is_over_is_told_how_it_ended() -> None:
    async def run() -> None:
        for end, wanted in (
            (lambda flights, flight: flights.answered(flight, GIVEN), GIVEN),
            (Flights.given_up, Yourself(leads=False)),
            (Flights.failed, Yourself(leads=False)),
        ):
            flights = Flights()
            flight = flights.begin(b"q", {}, 0.0)
            end(flights, flight)
            async with asyncio.timeout(10):
                assert await flights.wait(flight) == wanted

    asyncio.run(run())


def test_one_asks_in_the_place_of_who_failed() -> None:
    assert told(Flights.failed) == [Yourself(leads=True), None, None]


def test_who_is_to_ask_just_when_his_patience_ends_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)

    async def run() -> Outcome:
        flights = Flights()
        flight = flights.begin(b"q", {}, 0.0)
        (waits,) = await waiting(flights, flight, 1)
        flights.failed(flight)
        return await waits

    assert asyncio.run(run()) == Yourself(leads=True)


def test_after_some_failures_all_ask() -> None:
    def fail(flights: Flights, flight: Flight) -> None:
        for _ in range(PROMOTIONS + 1):
            flights.failed(flight)

    assert told(fail, PROMOTIONS + 2) == [Yourself(leads=True)] * PROMOTIONS + [Yourself(leads=False)] * 2


def test_an_answer_for_nobody_else_makes_all_ask() -> None:
    assert told(Flights.given_up) == [Yourself(leads=False)] * 3


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Outcome:
        flights = Flights()
        return await flights.wait(flights.begin(b"q", {}, 0.0))

    monkeypatch.setattr(module, "PATIENCE", 0.01)
    assert asyncio.run(run()) == Yourself(leads=False)


def test_who_leaves_as_he_is_told_to_ask_leaves_it_to_another() -> None:
    async def run() -> None:
        flights = Flights()
        flight = flights.begin(b"q", {}, 0.0)
        first, second = await waiting(flights, flight, 2)
        flights.failed(flight)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await second == Yourself(leads=True)

    asyncio.run(run())


def test_who_is_waited_for_and_how_long() -> None:
    async def run() -> None:
        flights = Flights()
        flight = flights.begin(b"q", {}, 0.0)
        assert flights.of(b"q", {}, module.PATIENCE - 1) is flight
        assert flights.of(b"q", {}, module.PATIENCE) is None
        assert flights.of(b"other", {}, 0.0) is None
        newer = flights.begin(b"q", {}, 100.0)
        flights.answered(flight, GIVEN)
        assert flights.of(b"q", {}, 100.0) is newer, "the end of an older one is not its"
        flights.answered(newer, GIVEN)
        assert (flights.of(b"q", {}, 100.0), len(flights)) == (None, 0)

    asyncio.run(run())


@given(st.lists(st.sampled_from(["wait", "fail", "leave"]), max_size=30), st.booleans())
def test_nobody_is_forgotten(steps: list[str], answered: bool) -> None:
    """In the end everybody has been told something, or has left."""

    async def run() -> None:
        flights = Flights()
        flight = flights.begin(b"q", {}, 0.0)
        tasks: list[asyncio.Task[Outcome]] = []
        for step in steps:
            if step == "wait" and flights.of(b"q", {}, 0.0):
                tasks += await waiting(flights, flight, 1)
            elif step == "fail":
                flights.failed(flight)
            elif step == "leave" and tasks:
                tasks[len(tasks) // 2].cancel()
            await asyncio.sleep(0)
        flights.answered(flight, GIVEN) if answered else flights.given_up(flight)
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert not flight.waiting

    asyncio.run(run())
