"""Routers that share answers through a real Valkey and a real Redis."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from tests.brain.cache.stored.support import SCOPE, SOON, sharing, stored
from tests.brain.cache.support import entry, key, tier
from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tidegate.brain.cache.match import Match, question_digest
from tidegate.brain.cache.stored.meters import StoredMeters, TierMeters
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.news import Forgotten, News, Purge, Vector

pytestmark = pytest.mark.redis
NAMES = Names(SCOPE, "answers")


async def test_one_stores_and_the_other_gives(either: Valkey) -> None:
    async with sharing(either.where) as one, sharing(either.where) as two:
        small, large = entry("small"), entry("large", answer=b"".join(b"%d," % n for n in range(100_000)))
        await stored(one, small, large)
        assert await two.get([key("small"), key("none"), key("large")]) == [small, None, large]
        assert await two.get([]) == []
        assert await two.get([key("none")]) == [None]
        assert (two.meters.hits, two.meters.misses, two.meters.away) == (1, 1, 0)
        assert one.meters.entries == 2
        assert int(either.ask("PTTL", NAMES.answer(key("small"))).strip(":\r\n")) > 3_590_000


async def test_another_policy_or_tier_in_the_same_store_has_others(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one, sharing(valkey.where, tier(name="other")) as two:
        await stored(one, entry())
        assert await two.get([key("a")]) == [None]
        assert await two.count(Match()) == 0


async def test_what_has_run_out_is_not_given(either: Valkey) -> None:
    async with sharing(either.where) as one:
        soon = entry("soon", expires=time.time() + 0.3)
        await stored(one, soon, entry("later"))
        one.put(entry("late", expires=time.time() - 1))
        assert await one.get([key("soon"), key("late")]) == [soon, None]
        await becomes(lambda: either.ask("EXISTS", NAMES.answer(key("soon"))) == ":0\r\n")
        assert await one.get([key("soon")]) == [None]
        await stored(one, entry("next"))
        assert one.meters.entries == 2, "and leaves the index with the next put"


async def test_a_new_answer_takes_the_place_of_an_old_one(either: Valkey) -> None:
    async with sharing(either.where) as one:
        await stored(one, entry("a", answer=b"1" * 400))
        first = one.meters.bytes
        await stored(one, entry("a", answer=b"2" * 400))
        assert one.meters.entries == 1
        assert abs(one.meters.bytes - first) < 20


async def test_a_tier_without_exact_answers_stores_none(valkey: Valkey) -> None:
    async with sharing(valkey.where, tier(exact=None)) as one:
        one.put(entry())
        assert await one.get([key("a")]) == [None]
        heard: list[News] = []
        async with sharing(valkey.where, tier(exact=None)) as two:
            two.watch(heard.append)
            one.announce(VECTOR)
            await becomes(lambda: heard == [VECTOR])


VECTOR = Vector(b"n" * 16, key("a"), b"\1\2" * 384, b"features", time.time() + 3600)


async def test_vectors_go_to_all_others_and_to_who_begins_later(either: Valkey) -> None:
    heard: list[list[News]] = [[], [], []]
    async with sharing(either.where) as one, sharing(either.where) as two:
        one.watch(heard[0].append)
        two.watch(heard[1].append)
        many = [replace(VECTOR, key=key(n)) for n in range(500)]
        for each in many:
            one.announce(each)
        await becomes(lambda: heard[1] == many)
        assert heard[0] == [], "what it said itself it knows"
        async with sharing(either.where, ready=False) as three:
            three.watch(heard[2].append)
            await becomes(lambda: heard[2] == many)


@pytest.mark.parametrize(
    "match",
    [
        Match(tenant="other"), Match(model="other"), Match(backend="other"), Match(revision="r2"), Match(kind="embedding"),
        Match(question=question_digest("Else?")),
    ],
)  # fmt: skip
async def test_a_purge_takes_what_it_means_everywhere_within_a_second(valkey: Valkey, match: Match) -> None:
    other = entry(
        "b", tenant="other", model="other", backend="other", revision="r2", kind="embedding", question="Else?"
    )
    async with sharing(valkey.where) as one, sharing(valkey.where) as two:
        heard: list[tuple[float, News]] = []
        two.watch(lambda news: heard.append((time.monotonic(), news)))
        await stored(one, entry("a"), other)
        assert await two.count(match) == 1
        assert await two.get([key("b")]) == [other], "that was a dry run"
        begin = time.monotonic()
        assert await one.purge(match) == 1
        assert await two.get([key("a"), key("b")]) == [entry("a", stored=pytest.approx(time.time(), abs=9), expires=pytest.approx(time.time() + 3600, abs=9)), None]  # fmt: skip
        await becomes(lambda: heard)
        assert heard[0][0] - begin < SOON
        assert isinstance(heard[0][1], Purge)
        assert heard[0][1].match == match
        assert await one.count(Match()) == 1


async def test_a_purge_of_thousands_leaves_nothing_behind(either: Valkey) -> None:
    async with sharing(either.where, tier(64_000_000)) as one:
        for begin in range(0, 5000, 500):
            await stored(one, *(entry(n, tenant=f"t{n % 2}") for n in range(begin, begin + 500)))
        assert await one.purge(Match(tenant="t1")) == 2500
        assert await one.purge(Match()) == 2500
        left = either.ask("KEYS", "*")
        assert ":answer:" not in left
        assert NAMES.index not in left
        assert either.ask("HGET", NAMES.sizes, "total") == "$1\r\n0\r\n"


async def test_what_was_purged_stays_away_though_a_slower_router_stores_it_later(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one, sharing(valkey.where) as two:
        early = entry("early")
        heard: list[News] = []
        two.watch(heard.append)
        await one.purge(Match(tenant="acme"))
        await becomes(lambda: heard)
        two.put(early)
        await stored(two, entry("new", stored=time.time() + 1))
        assert [bool(each) for each in await two.get([key("early"), key("new")])] == [False, True]
        async with sharing(valkey.where, ready=False) as late:
            await becomes(lambda: late.ready)
            late._writing.add(early)  # as one that has not heard of it yet
            await becomes(lambda: late.meters.puts == 1)
        assert await one.get([key("early")]) == [None]


async def test_what_a_client_complains_of_is_forgotten_everywhere(either: Valkey) -> None:
    async with sharing(either.where) as one, sharing(either.where) as two:
        heard: list[News] = []
        two.watch(heard.append)
        await stored(one, entry("a"), entry("b"))
        one.forget([key("a")])
        assert await one.get([key("a")]) == [None], "at once"
        await becomes(lambda: heard)
        assert isinstance(heard[0], Forgotten)
        assert heard[0].keys == (key("a"),)
        assert await two.count(Match()) == 1


async def test_series(valkey: Valkey) -> None:
    async with sharing(valkey.where) as one:
        await stored(one, entry())
        await one.get([key("a")])
        other = TierMeters("shop/front", "other")
        lines = [
            line
            for line in generate_latest(StoredMeters(lambda: [one.meters, other])).decode().splitlines()
            if not line.startswith("#")
        ]
        who = '{cache="answers",namespace="shop",policy="front"}'
        assert f"tidegate_cache_store_hits_total{who} 1.0" in lines
        assert f"tidegate_cache_store_puts_total{who} 1.0" in lines
        assert f"tidegate_cache_store_shared{who} 1.0" in lines
        assert f"tidegate_cache_store_entries{who} 1.0" in lines
        assert len(lines) == 2 * (7 + 3)
        valkey.die()
        await becomes(lambda: one.meters.shared == 0)
        valkey.start()
