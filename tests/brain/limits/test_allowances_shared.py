"""Allowances of which a store is asked: what happens while it has not answered yet, and after nobody waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.brain.limits.support import FREE, SHARED, UNKNOWN, ask, configured, parsed, requests
from tests.brain.limits.test_allowances import Front
from tidegate.brain.limits.allowances import GRACE, HOLDS
from tidegate.brain.limits.pace import FIRST, PART
from tidegate.brain.limits.windows import Charge, Windows
from tidegate.names import ALLOWANCE_HEADER


class Slow:
    """A store that answers when it is told to."""

    ready = True

    def __init__(self, front: Front) -> None:
        self.windows, self.front = Windows(), front
        self.waiting: list[tuple[Sequence[Charge], asyncio.Future[list[int]]]] = []

    def admit(self, charges: Sequence[Charge]) -> asyncio.Future[list[int]]:
        """It is asked."""
        later: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self.waiting.append((charges, later))
        return later

    async def settle(self, parts: Sequence[tuple[str, int, int, int]]) -> None:
        """It is told."""
        for part in parts:
            self.windows.add(*part)

    async def answer(self) -> list[int]:
        """To all that wait now; the costs of what they asked for."""
        waiting, self.waiting = self.waiting, []
        for charges, later in waiting:
            seen = self.windows.look(self.front.clock.now, charges)
            if not any(verdict.wait_ms for verdict in seen):
                for charge, verdict in zip(charges, seen, strict=True):
                    self.windows.add(charge.key, verdict.at, charge.cost, charge.slice_ms)
            later.set_result([number for verdict in seen for number in verdict])
        for _ in range(3):
            await asyncio.sleep(0)
        return [charges[0].cost for charges, _ in waiting]


LIMIT = requests(1000, per="Policy")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """One of one router, whose clients share a limit."""
    made = Front(tmp_path, LIMIT, store=SHARED, replicas=1)
    made.counting.store = Slow(made)  # type: ignore[assignment]
    yield made
    made.close()


def store(front: Front) -> Slow:
    """Its store."""
    made = front.counting.store
    assert isinstance(made, Slow)
    return made


def held(front: Front) -> int:
    """Of all limits, by whatever is given or being charged."""
    allowances = front.counting.allowances
    return (allowances._held + allowances._coming).total()


def ask_later(front: Front, client: str, **more: Any) -> asyncio.Future[bytes]:
    """A question whose answer waits for the store."""
    reply = front.counting.ask(ask(client, **more), lambda: FREE, UNKNOWN)
    assert isinstance(reply, asyncio.Future)
    return reply


async def charging(front: Front, *clients: str) -> list[asyncio.Future[bytes]]:
    """Each of them has come twice, and is being charged in advance."""
    for _ in range(2):
        asked = [ask_later(front, client) for client in clients]
        await store(front).answer()
    return asked


async def test_what_is_being_charged_is_held(front: Front) -> None:
    asked = await charging(front, *(f"client-{number}" for number in range(30)))
    costs = await store(front).answer()
    assert FIRST <= sum(costs) <= 1000 // PART
    assert all(reply.done() for reply in asked)
    front.later(HOLDS + GRACE)
    assert held(front) == 0
    assert (await charging(front, "another"))[0].done() is False
    assert await store(front).answer() == [FIRST]


async def test_what_the_store_refuses_is_not_held(front: Front) -> None:
    await charging(front, "acme")
    store(front).windows.add("tidegate:{test/front}:rps:r2000:", front.clock.now // 2000, 1000, 2000)
    assert await store(front).answer() == [FIRST]
    assert held(front) == 0


async def test_what_nobody_waits_for_is_forgotten(front: Front) -> None:
    [asked] = await charging(front, "acme")
    asked.cancel()
    await store(front).answer()
    front.later(HOLDS + GRACE)
    allowances = front.counting.allowances
    left = {name: value for name, value in vars(allowances).items() if isinstance(value, dict) and value}
    assert set(left) <= {"_lately"}, "no more is known than when it was last there"


async def test_what_is_charged_while_limits_change_is_given_back(front: Front) -> None:
    [asked] = await charging(front, "acme")
    front.counting.follow(configured(requests(500, per="Policy"), store=SHARED, replicas=1))
    await store(front).answer()
    assert ALLOWANCE_HEADER not in parsed(asked.result())[1], "it would be of limits that there are no more"
    assert held(front) == 0
    [counter] = front.counting._windows.look(front.clock.now, [Charge("tidegate:{test/front}:rps:r2000:", 9, 1, 2000)])
    assert counter.used == 2


async def test_a_clock_that_went_back_gives_no_longer_time(tmp_path: Path, front: Front) -> None:
    [asked] = await charging(front, "acme")
    asked.cancel()
    await store(front).answer()
    passed = front.clock.now
    front.counting.allowances._passed = lambda: passed + 400
    front.clock.now -= 500
    another = ask_later(front, "acme")
    await store(front).answer()
    told = parsed(another.result())[1][ALLOWANCE_HEADER]
    assert int(told.split(" ")[2]) == front.clock.now + HOLDS - 400


async def test_paths_with_queries_are_one_path(front: Front) -> None:
    for number in range(3):
        asked = ask_later(front, "acme", path=f"/v1/chat/completions?x={number}")
        await store(front).answer()
        await store(front).answer()
        if number == 1:
            assert parsed(asked.result())[1][ALLOWANCE_HEADER].split(" ")[9] == "/v1/chat/completions"
    assert len(front.counting.allowances._lately) == 1
