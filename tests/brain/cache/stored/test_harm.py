"""A store that is away, slow, full, empty, somebody else's or broken: costs misses, and nothing else."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from dataclasses import replace
from typing import Any

import pytest
import trustme

from tests.brain.cache.stored.support import SCOPE, SOON, sharing, stored, usable
from tests.brain.cache.support import entry, key, tier
from tests.brain.store.conftest import Valkey
from tests.brain.store.proxy import between
from tests.brain.store.support import becomes
from tests.envoy.waiting import DEADLINE
from tests.support.patience import HASTE
from tidegate.brain.cache.codec import encode as encoded
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.news import Missed, News, Purge, Vector, written
from tidegate.brain.cache.stored.together import Shared
from tidegate.brain.cache.stored.writing import MOST_BYTES
from tidegate.brain.store.resp import Away

pytestmark = pytest.mark.redis
NAMES = Names(SCOPE, "answers")
VECTOR = Vector(b"n" * 16, key("a"), b"\1\2" * 384, b"features", time.time() + 3600)
LOOKS = 200
NOTHING = LOOKS * HASTE / 10
"""Seconds that so many look-ups take which wait for nothing, however busy the machine: a tenth of what they take where each waits."""


async def cost(shared: Shared, looks: int = LOOKS) -> float:
    """Seconds of so many look-ups one after the other that all find nothing."""
    begin = time.monotonic()
    for _ in range(looks):
        assert await shared.get([key("a"), key("b")]) == [None, None]
    return time.monotonic() - begin


async def given(shared: Shared, name: str) -> None:
    """Waits until it is."""
    async with asyncio.timeout(DEADLINE):
        while not (await shared.get([key(name)]))[0]:
            await asyncio.sleep(0.01)


def encode(made: Entry) -> bytes:
    """As it is stored."""
    return encoded(made, 1_000_000)


def puts(shared: Shared, made: Entry) -> bool:
    """Whether it does, at last."""
    shared.put(made)
    return usable(shared) and shared.meters.puts > 0


@pytest.mark.usefixtures("hasty")
async def test_one_that_hangs_costs_one_wait_and_then_nothing(either: Valkey) -> None:
    async with sharing(either.where) as one:
        await stored(one, entry("a"))
        either.hang()
        begin = time.monotonic()
        assert await asyncio.gather(*(one.get([key("a")]) for _ in range(200))) == [[None]] * 200
        assert time.monotonic() - begin < 200 * HASTE / 2, "all wait once, and not one after the other"
        assert await cost(one) < NOTHING
        said = f"it did not answer within {1000 * HASTE:.0f} ms; meanwhile each router gives again what it keeps itself"
        assert said in one.problems()[0]
        assert one.meters.away == 200 + LOOKS
        either.go_on()
        await becomes(lambda: usable(one))
        await given(one, "a")


@pytest.mark.usefixtures("hasty")
async def test_one_that_is_slow_is_away(valkey: Valkey) -> None:
    async with between(valkey.where.port) as proxy, sharing(replace(valkey.where, port=proxy.port)) as one:
        await stored(one, entry("x"))
        proxy.delay = 4 * HASTE
        begin = time.monotonic()
        while time.monotonic() < begin + 10 * HASTE:
            await one.get([key("a")])
            await asyncio.sleep(0.001)
        assert await cost(one) < NOTHING
        proxy.delay = 0.0
        await becomes(lambda: usable(one))


async def test_killed_and_back_with_nothing(either: Valkey) -> None:
    heard: list[News] = []
    async with sharing(either.where) as one, sharing(either.where) as two:
        two.watch(heard.append)
        await stored(one, entry("a"))
        for number in range(3):
            one.announce(replace(VECTOR, key=key(number)))
        await becomes(lambda: len(heard) == 3)
        either.die()
        await becomes(lambda: not one.ready)
        assert await cost(one) < NOTHING
        one.put(entry("b"))
        one.announce(VECTOR)
        assert one.meters.dropped == 2
        with pytest.raises(Away):
            await one.purge(Match(tenant="nobody"))
        either.start()
        await becomes(lambda: usable(one) and usable(two))
        assert await two.get([key("a")]) == [None]
        await stored(one, entry("c"))
        assert (await two.get([key("c")]))[0]
        one.announce(replace(VECTOR, key=key("new")))
        await becomes(lambda: len(heard) == 4)
        assert Missed() not in heard


async def test_emptied_by_somebody_while_it_runs(either: Valkey) -> None:
    heard: list[News] = []
    async with sharing(either.where) as one, sharing(either.where) as two:
        two.watch(heard.append)
        await stored(one, *(entry(n) for n in range(50)))
        one.announce(VECTOR)
        await becomes(lambda: heard)
        either.ask("FLUSHALL")
        assert await two.get([key(1)]) == [None]
        await stored(one, entry("b"))
        assert one.meters.entries == 1
        one.announce(replace(VECTOR, key=key("new")))
        await becomes(lambda: len(heard) == 2)
        await one.purge(Match())
        await becomes(lambda: len(heard) == 3)
        assert Missed() not in heard
        assert usable(one)


async def test_names_of_news_that_begin_again_are_seen_within_a_second(valkey: Valkey) -> None:
    """As of a store whose clock is behind that of the one before it."""
    heard: list[News] = []
    async with sharing(valkey.where) as one, sharing(valkey.where) as two:
        two.watch(heard.append)
        one.announce(VECTOR)
        await becomes(lambda: heard)
        text = written(VECTOR, b"another!")
        valkey.ask("DEL", NAMES.feed)
        for number in (1, 2):
            valkey.ask("XADD", NAMES.feed, f"{number}-0", "n", str(number), "m", text)
        begin = time.monotonic()
        await becomes(lambda: len(heard) == 3)
        assert time.monotonic() - begin < SOON


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"password": "wrong"}, "WRONGPASS"), ({"password": ""}, "NOAUTH"), ({"port": 9}, "ConnectionRefusedError")],
)
async def test_nobody_is_let_in(valkey: Valkey, changes: dict[str, Any], says: str) -> None:
    async with sharing(replace(valkey.where, **changes), ready=False) as one:
        await becomes(lambda: says in "".join(one.problems()))
        assert await cost(one) < NOTHING
        one.put(entry())
        assert one.meters.dropped == 1
        assert "sesame" not in one.problems()[0]


async def test_tls(valkey: Valkey) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with between(valkey.where.port, context) as proxy:
        where = replace(valkey.where, port=proxy.port, tls=True)
        known, unknown = (replace(where, authority=ca.cert_pem.bytes().decode()) for ca in (authority, stranger))
        async with sharing(known) as one, sharing(unknown, ready=False) as two:
            await stored(one, entry("large", answer=random.randbytes(900_000)))
            assert (await one.get([key("large")]))[0]
            await becomes(lambda: "SSLCertVerificationError" in "".join(two.problems()))
            assert await two.get([key("large")]) == [None]


@pytest.mark.parametrize(
    ("make", "stays"),
    [
        (lambda text: b"", True),
        (lambda text: text[:-1], False),
        (lambda text: text[:10], False),
        (lambda text: b"poison", False),
        (lambda text: text[:-1] + bytes([text[-1] ^ 1]), False),
        (lambda text: text[:3] + b"\2" + text[4:], True),
        (lambda text: encode(entry("b")), False),
        (lambda text: random.randbytes(300_000), False),
    ],
)
async def test_what_is_damaged_is_not_given_and_leaves(valkey: Valkey, make: Any, stays: bool) -> None:
    async with sharing(valkey.where) as one:
        await stored(one, entry("a"))
        valkey.ask("SET", NAMES.answer(key("a")), make(encode(entry("a"))))
        assert await one.get([key("a"), key("none")]) == [None, None]
        if not stays:
            await becomes(lambda: valkey.ask("EXISTS", NAMES.answer(key("a"))) == ":0\r\n")
            assert await one.count(Match()) == 0
        assert one.meters.damaged == int(not stays)
        assert usable(one)
        await stored(one, entry("a"))
        assert (await one.get([key("a")]))[0]


async def test_an_answer_of_another_type_costs_a_miss(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one:
        valkey.ask("LPUSH", NAMES.answer(key("a")), "x")
        assert await one.get([key("a"), key("b")]) == [None, None]
        assert (one.meters.misses, one.meters.away) == (1, 0)
        await stored(one, entry("a"))
        assert (await one.get([key("a")]))[0]
        valkey.ask("SET", NAMES.index, "x")
        one.put(entry("b"))
        await becomes(lambda: "takes no more answers: WRONGTYPE" in "".join(one.problems()))
        valkey.ask("DEL", NAMES.index)
        await becomes(lambda: puts(one, entry("b")))


async def test_news_that_nobody_can_read(valkey: Valkey) -> None:
    heard: list[News] = []
    async with sharing(valkey.where) as one, sharing(valkey.where) as two:
        two.watch(heard.append)

        def fails(news: News) -> None:
            if isinstance(news, Vector) and news.features == b"bad":
                raise ValueError

        two.watch(fails)
        for fields in (("x", "y"), ("n", "one", "m", "poison"), ("m", "z"), ("n", "1", "n", "2")):
            valkey.ask("XADD", NAMES.feed, "*", *fields)
        one.announce(replace(VECTOR, features=b"bad"))
        one.announce(VECTOR)
        await becomes(lambda: VECTOR in heard)
        assert two.meters.damaged == 4
        assert Missed() in heard, "any of them may have been a purge"


@pytest.mark.usefixtures("hasty")
async def test_who_was_away_for_too_long_knows_that_he_missed_something(valkey: Valkey) -> None:
    heard: list[News] = []
    async with (
        between(valkey.where.port) as proxy,
        sharing(valkey.where, tier(100_000)) as one,
        sharing(replace(valkey.where, port=proxy.port), tier(100_000)) as two,
    ):
        two.watch(heard.append)
        one.announce(VECTOR)
        await becomes(lambda: heard)
        proxy.delay = 5
        await becomes(lambda: not two._feed.line.ready)
        await one.purge(Match(tenant="acme"))
        for number in range(400):
            one.announce(replace(VECTOR, key=key(number)))
        await becomes(lambda: not one._writing._waiting)
        proxy.delay = 0
        await becomes(lambda: heard[-1] == replace(VECTOR, key=key(399)))
        assert heard[1] == Missed()
        assert not any(isinstance(news, Purge) for news in heard)
        assert len(heard) < 100, "and the feed is bounded"


async def test_a_store_that_is_full_keeps_its_counters_and_gets_room_from_the_cache(either: Valkey) -> None:
    async with sharing(either.where, tier(100_000_000)) as one, sharing(either.where) as two:
        either.ask("SET", "counter", "1")
        for begin in range(0, 4000, 500):
            await stored(one, *(entry(n, answer=random.randbytes(2000)) for n in range(begin, begin + 500)))
        used = int(either.ask("INFO", "memory").partition("used_memory:")[2].split()[0])
        either.ask("CONFIG", "SET", "maxmemory", str(used - 500_000))
        assert "OOM" in either.ask("INCR", "counter")
        one.put(entry("b"))
        await becomes(lambda: "takes no more answers: OOM" in "".join(one.problems()))
        assert (await one.get([key(3999)]))[0], "it still gives"
        assert either.ask("INCR", "counter") == ":2\r\n"
        assert 0 < await two.count(Match()) < 4000
        await becomes(lambda: puts(one, entry("d")))


async def test_a_purge_works_in_a_store_that_is_full(either: Valkey) -> None:
    heard: list[News] = []
    async with sharing(either.where) as one, sharing(either.where) as two:
        await stored(one, entry("a"), entry("b", tenant="other"))
        two.watch(heard.append)
        either.ask("CONFIG", "SET", "maxmemory", "1")
        assert await one.purge(Match(tenant="other")) == 1
        await becomes(lambda: heard)
        one.forget([key("a")])
        await becomes(lambda: len(heard) == 2)
        assert await two.get([key("a"), key("b")]) == [None, None]


@pytest.mark.usefixtures("hasty")
async def test_what_waits_is_bounded(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one:
        valkey.hang()
        large = entry(answer=b"x" * 900_000)
        for number in range(100):
            one.put(replace(large, key=key(number)))
        assert one._writing._bytes <= MOST_BYTES
        assert one.meters.dropped >= 100 - MOST_BYTES // 900_000 - 1
        for number in range(5000):
            one.forget([key(number)])
        assert len(one._writing._waiting) < 2100
        valkey.go_on()
        await becomes(lambda: not one._writing._waiting)


@pytest.mark.usefixtures("hasty")
async def test_what_was_to_be_forgotten_while_it_was_away(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one, sharing(valkey.where) as two:
        await stored(one, entry("a"))
        valkey.hang()
        await cost(one, 1)
        one.forget([key("a")])
        await becomes(lambda: not one._writing.line.ready)
        valkey.go_on()
        await becomes(lambda: usable(one) and usable(two))
        await becomes(lambda: valkey.ask("EXISTS", NAMES.answer(key("a"))) == ":0\r\n")
        assert await two.get([key("a")]) == [None]


async def test_an_answer_that_nobody_could_read_again_is_not_stored(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one:
        one.put(entry("a", prompt_tokens=10**30))
        one.put(entry("b", expires=float("nan")))
        one.put(entry("c", answer=b"x" * 1_000_001))
        await stored(one, entry("d"))
        assert one.meters.dropped == 3
        one.forget([])
        one.forget([key(n) for n in range(1200)])
        await becomes(lambda: not one._writing._waiting)
        assert usable(one)
