"""A request from question to record: counted, settled, and nothing left over."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.limits.support import (
    FREE,
    SHARED,
    UNKNOWN,
    Clock,
    alone,
    answered,
    ask,
    configured,
    limits,
    parsed,
    record,
    requests,
    tokens,
)
from tests.brain.limits.test_store import admit, connected
from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tests.envoy.waiting import DEADLINE
from tidegate.brain.limits.asking import read
from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.reservation import read as reservation
from tidegate.brain.limits.rules import Rules
from tidegate.names import RESERVED_HEADER


def used(counting: Counting, limit: int = 0) -> int:
    """What a client has used of a limit."""
    assert counting._rules
    asked = read("chat", "/v1/chat/completions", "0 0 1 0 10.0.0.1 acme")
    charge = counting._rules.charges(asked, counting._rules.cost(asked))[limit]
    return counting._windows.look(counting._now(), [charge])[0].used


def test_who_is_over_is_refused_in_words_and_numbers() -> None:
    clock = Clock()
    counting = alone(requests(2), clock=clock)
    told = [answered(counting, ask()) for _ in range(3)]
    assert [status for status, _, _ in told] == [200, 200, 429]
    assert [headers["x-ratelimit-remaining-requests"] for _, headers, _ in told] == ["1", "0", "0"]
    error = json.loads(told[2][2])["error"]
    assert (error["type"], error["code"], error["param"]) == ("requests", "rate_limit_exceeded", None)
    assert error["message"].startswith("Limit rps is reached: 2 requests in 1m for each client, of which 2 are used")
    assert 60 <= int(told[2][1]["retry-after"]) <= 62
    assert answered(counting, ask("globex"))[0] == 200, "nobody else notices"
    clock.pass_(int(told[2][1]["retry-after"]))
    assert answered(counting, ask())[0] == 200
    assert counting.refused == {"rps": 1}


def test_in_anthropics_shape() -> None:
    counting = alone(requests(1))
    answered(counting, ask())
    body = json.loads(answered(counting, ask(path="/v1/messages"))[2])
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", "rate_limit_error", "r-1")


def test_what_is_larger_than_a_limit_is_told_not_to_come_again() -> None:
    counting = alone(tokens(100), requests(5))
    status, headers, body = answered(counting, ask(most=101))
    assert (status, headers["x-should-retry"]) == (429, "false")
    assert json.loads(body)["error"]["message"] == (
        "This request asks for 101 tokens, and limit tokens allows 100 in 1m for each client: ask for a smaller max_tokens, or send a "
        "shorter prompt."
    )
    assert used(counting, 1) == 0, "what one limit refuses is counted in none"


def test_tokens_are_reserved_and_settled() -> None:
    counting = alone(tokens(1000))
    _, headers, _ = answered(counting, ask(text=400, most=500))
    assert used(counting) == 600
    assert (headers["x-ratelimit-limit-tokens"], headers["x-ratelimit-remaining-tokens"]) == ("1000", "400")
    assert answered(counting, ask(text=400, most=500))[0] == 429
    counting.settle(record(headers[RESERVED_HEADER], prompt_tokens=90, completion_tokens=10))
    assert used(counting) == 100
    counting.settle(record(headers[RESERVED_HEADER] + " x", prompt_tokens=90))
    counting.settle(record())
    assert used(counting) == 100


def test_a_brain_settles_what_the_one_before_it_reserved_as_far_as_it_counts_it() -> None:
    first, second = alone(tokens(1000)), alone(tokens(1000))
    _, headers, _ = answered(first, ask(most=500))
    second.settle(record(headers[RESERVED_HEADER], status=500))
    assert used(second) == 0


def test_what_is_not_understood_is_not_let_through_as_if_it_were() -> None:
    counting = alone(requests(1))
    for words in ("", "a", "1 2 3 4", "x 2 3"):
        assert counting.ask(ask()._replace(asks=f"{words} x y z"), lambda: FREE, UNKNOWN) == UNKNOWN
    assert Counting().ask(ask(), lambda: FREE, UNKNOWN) == UNKNOWN, "nothing is known of limits yet"


def test_limits_that_are_taken_away_hold_up_nobody() -> None:
    """A request whose body still comes asks about those of the moment at which it came."""
    counting = alone(requests(1))
    counting.follow(configured(requests(1)).model_copy(update={"limits": None}))
    assert [answered(counting, ask())[0] for _ in range(3)] == [200, 200, 200]


ENDS: list[Callable[[str, random.Random], object]] = [
    lambda text, draw: record(text, prompt_tokens=10, completion_tokens=draw.randint(1, 200)),
    lambda text, draw: record(text, flags="DC", events=draw.randint(0, 100)),
    lambda text, _: record(text, status=503, flags="UF"),
    lambda text, draw: record(text, broken=True, events=draw.randint(0, 100)),
]


@given(st.integers(0, 2**32))
def test_nothing_is_leaked_after_an_hour(seed: int) -> None:
    """Two hundred streams at a time, of which some end without a record: in the end nothing is reserved, known or owed."""
    draw, clock = random.Random(seed), Clock()
    counting = alone(tokens(20_000, 60), requests(100, 10), clock=clock)
    running: list[str] = []
    for _ in range(600):
        clock.pass_(draw.choice((0, 0.01, 1, 6, 40)))
        status, headers, _ = answered(counting, ask(f"c{draw.randint(0, 3)}", text=40, most=200))
        if status == 200:
            running.append(headers[RESERVED_HEADER])
        if len(running) > 200:
            text = running.pop(draw.randrange(len(running)))
            if draw.random() > 0.1:
                counting.settle(draw.choice(ENDS)(text, draw))  # type: ignore[arg-type]
    clock.pass_(3600)
    counting._windows.sweep(clock())
    assert len(counting._windows) == 0
    assert len(counting._owed) == 0
    for text in running:
        counting.settle(record(text, prompt_tokens=1, completion_tokens=1))
    assert len(counting._windows) == 0, "records that come late bring nothing back"


@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=20))
def test_whatever_is_written_nothing_breaks_and_nobody_passes_a_limit(words: str, path: str, request: str) -> None:
    counting = alone(requests(3, per="Policy", name="all"), tokens(100))
    asked = ask()
    strange = type(asked)("chat", b"", asks=words or "x", path=path, request=request)
    statuses = [
        parsed(reply)[0] for _ in range(5) if isinstance(reply := counting.ask(strange, lambda: FREE, UNKNOWN), bytes)
    ]
    assert statuses.count(200) <= 3


@pytest.mark.usefixtures("hasty")
async def test_while_the_store_is_away_a_router_lets_through_its_part_and_tells_it_afterwards(valkey: Valkey) -> None:
    counting = Counting()
    counting.follow(configured(requests(40), store=SHARED))
    async with connected(valkey.where, counting.flush) as store:
        counting.store = store
        await becomes(lambda: store.ready)
        statuses = [parsed(await reply)[0] for reply in [counting.ask(ask(), lambda: FREE, UNKNOWN) for _ in range(5)]]  # type: ignore[misc]
        assert statuses == [200] * 5
        valkey.hang()
        first = await counting.ask(ask(), lambda: FREE, UNKNOWN)  # type: ignore[misc]
        assert parsed(first)[0] == 200
        alone_ = [answered(counting, ask())[0] for _ in range(40)]
        assert alone_.count(200) == 14, "half of 40, less the 6 before"
        valkey.go_on()
        await becomes(lambda: store.ready)
        await becomes(lambda: len(counting._owed) == 0 and not counting._flushing)
        reply = parsed(await counting.ask(ask(), lambda: FREE, UNKNOWN))  # type: ignore[misc]
        # the one that was asked when it hung may have been counted there, too
        assert reply[1]["x-ratelimit-remaining-requests"] in ("19", "18")


async def test_a_client_that_leaves_while_the_store_is_asked_gives_back(valkey: Valkey) -> None:
    counting = Counting()
    counting.follow(configured(tokens(1000), store=SHARED))
    async with connected(valkey.where, counting.flush) as store:
        counting.store = store
        await becomes(lambda: store.ready)
        asking = asyncio.ensure_future(counting.ask(ask(most=500), lambda: FREE, UNKNOWN))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        rules = Rules(limits(tokens(1000)), "test/front")
        asked = read("chat", "/v1/chat/completions", "0 0 1 0 10.0.0.1 acme")
        async with asyncio.timeout(DEADLINE):
            while (await admit(store, rules.charges(asked, rules.cost(asked))))[0].used:
                await asyncio.sleep(0.01)


async def test_tokens_of_two_hundred_streams_over_two_routers(valkey: Valkey) -> None:
    """Of what is received no more than the limit is let through, whatever ends how."""
    pair = [Counting(), Counting()]
    draw, received, limit = random.Random(7), 0, 20_000
    async with connected(valkey.where, pair[0].flush) as one, connected(valkey.where, pair[1].flush) as two:
        for counting, store in zip(pair, (one, two), strict=True):
            counting.follow(configured(tokens(limit), store=SHARED))
            counting.store = store
        await becomes(lambda: one.ready and two.ready)

        async def stream(number: int) -> None:
            nonlocal received
            counting = pair[number % 2]
            status, headers, _ = parsed(await counting.ask(ask(text=40, most=200), lambda: FREE, UNKNOWN))  # type: ignore[misc]
            if status == 200:
                await asyncio.sleep(draw.random() / 50)
                left = draw.random() < 0.3
                got = draw.randint(0, 50) if left else 200
                received += 10 + got
                how = {"flags": "DC", "events": got} if left else {"prompt_tokens": 10, "completion_tokens": got}
                counting.settle(record(headers[RESERVED_HEADER], **how))

        gate = asyncio.Semaphore(200)

        async def gated(number: int) -> None:
            async with gate:
                await stream(number)

        await asyncio.gather(*(gated(number) for number in range(600)))
        await becomes(lambda: not any(len(c._owed) or c._flushing for c in pair))
        rules = Rules(limits(tokens(limit)), "test/front")
        asked = read("chat", "/v1/chat/completions", "0 0 1 0 10.0.0.1 acme")
        verdict = (await admit(one, rules.charges(asked, rules.cost(asked))))[0]
        assert verdict.used == received <= limit * 1.01
        assert received > limit * 0.5


@pytest.mark.parametrize("text", ["7", "7 k 1 2 3"])
def test_reservations_without_a_store_are_not_owed(text: str) -> None:
    counting = alone(tokens(100))
    assert reservation(text).prompt == 7
    counting.settle(record(text, prompt_tokens=1, completion_tokens=1))
    assert len(counting._owed) == 0
