"""What a tier takes of its store is bounded, whatever is written to it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

import pytest

from tests.brain.cache.stored.support import SCOPE, sharing, stored
from tests.brain.cache.support import entry, key, tier
from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.news import Vector
from tidegate.brain.cache.stored.together import Shared
from tidegate.brain.store.resp import parse

pytestmark = pytest.mark.redis
NAMES = Names(SCOPE, "answers")
BOUND = 2_000_000


def used(store: Valkey) -> int:
    """Bytes of its memory."""
    return int(store.ask("INFO", "memory").partition("used_memory:")[2].split()[0])


async def written(shared: Shared) -> None:
    """Until nothing waits."""
    await becomes(lambda: not shared._writing._waiting, 20)


@pytest.mark.parametrize("size", [2000, 100_000])
async def test_ten_times_its_size(either: Valkey, size: int) -> None:
    """Answers that cannot be compressed, and vectors besides."""
    either.ask("SET", "counter", "1")
    async with sharing(either.where, tier(BOUND)) as one, sharing(either.where, tier(BOUND)) as two:
        before, cost = used(either), size + size // 8 + 700
        count = 10 * BOUND // cost
        for number in range(count):
            one.put(entry(number, answer=random.randbytes(size)))
            if number % 4 == 0:
                one.announce(Vector(b"n" * 16, key(number), random.randbytes(768), b"", time.time() + 60))
            if len(one._writing._waiting) > 500 or one._writing._bytes > 2 * BOUND:
                await written(one)
        await written(one)
        await becomes(lambda: one.meters.puts == count)
        assert used(either) - before < BOUND + 1_000_000, "of which connections have some"
        assert one.meters.bytes <= BOUND * 7 / 8
        assert one.meters.bytes > BOUND * 7 / 8 - 2 * cost, "and it is used"
        assert (one.meters.dropped, one.meters.evicted) == (0, count - one.meters.entries)
        assert await two.count(Match()) == one.meters.entries
        assert (await two.get([key(count - 1)]))[0]
        assert either.ask("GET", "counter") == "$1\r\n1\r\n"


async def test_what_runs_out_next_leaves_first(valkey: Valkey) -> None:
    async with sharing(valkey.where, tier(100_000)) as one:
        now = time.time()
        await stored(one, entry("long", expires=now + 5000, answer=random.randbytes(20_000)))
        await stored(one, entry("short", expires=now + 50, answer=random.randbytes(20_000)))
        await stored(one, entry("middle", expires=now + 500, answer=random.randbytes(20_000)))
        await stored(one, entry("new", expires=now + 100, answer=random.randbytes(20_000)))
        assert [bool(each) for each in await one.get([key(n) for n in ("long", "short", "middle", "new")])] == [
            True, False, True, True,
        ]  # fmt: skip


async def test_one_that_is_larger_than_all_is_not_stored_and_takes_nobodys_place(valkey: Valkey) -> None:
    async with sharing(valkey.where, tier(100_000)) as one:
        await stored(one, entry("a"))
        one.put(entry("b", answer=random.randbytes(200_000)))
        await becomes(lambda: one.meters.dropped == 1)
        assert (await one.get([key("a")]))[0]


async def test_a_bound_that_becomes_smaller(valkey: Valkey) -> None:
    """A store that throws out a hundred thousand answers answers nobody else meanwhile: it goes step by step."""
    async with sharing(valkey.where, tier(64_000_000)) as one:
        for begin in range(0, 3000, 500):
            await stored(one, *(entry(n) for n in range(begin, begin + 500)))
        one.follow(tier(100_000))
        before = one.meters.puts
        tries = 0
        while one.meters.bytes > 100_000:
            one.put(entry(f"new {tries}"))
            await written(one)
            await asyncio.sleep(0.01)
            tries += 1
        assert tries > 3
        await becomes(lambda: one.meters.puts > before)
        await stored(one, entry("last"))
        assert await one.count(Match()) == one.meters.entries


async def test_a_store_that_throws_out_what_it_likes(valkey: Valkey) -> None:
    """An existing one may: the tier counts anew what is left."""
    async with sharing(valkey.where, tier(1_000_000)) as one:
        for name in (NAMES.index, NAMES.sizes, NAMES.answer(key(1))):
            await stored(one, *(entry(n) for n in range(200)))
            valkey.ask("DEL", name)
            await stored(one, *(entry(n) for n in range(100, 400)))
            assert 0 < one.meters.bytes <= 875_000
        valkey.ask("DEL", NAMES.index)
        await stored(one, *(entry(n, answer=random.randbytes(5000)) for n in range(300)))
        assert 0 < one.meters.bytes <= 875_000
        assert (await one.get([key(299)]))[0]


def bookkept(store: Valkey) -> tuple[dict[bytes, int], int, set[bytes], set[bytes]]:
    """Sizes by key, their total, keys in the index, keys of answers."""
    told = parse(store.ask_bytes("HGETALL", NAMES.sizes))[0]
    sizes = dict(zip(told[::2], told[1::2], strict=True))
    total = int(sizes.pop(b"total", b"0"))
    answers = parse(store.ask_bytes("KEYS", NAMES.answers.replace(b"{", b"\\{") + b"*"))[0]
    return (
        {name: int(text.split()[0]) for name, text in sizes.items()},
        total,
        set(parse(store.ask_bytes("ZRANGE", NAMES.index, "0", "-1"))[0]),
        {name.removeprefix(NAMES.answers) for name in answers},
    )


@pytest.mark.parametrize("seed", range(5))
async def test_the_books_are_right_whatever_happens(either: Valkey, seed: int) -> None:
    draw = random.Random(seed)
    async with sharing(either.where, tier(60_000)) as one, sharing(either.where, tier(60_000)) as two:
        for _ in range(40):
            for _ in range(draw.randint(1, 12)):
                router, name = draw.choice((one, two)), draw.randint(0, 30)
                made = entry(name, answer=draw.randbytes(draw.randint(0, 9000)), tenant=f"t{name % 3}")
                made = replace(made, expires=time.time() + draw.choice((0.002, 1, 60, 600)))
                match draw.randint(0, 9):
                    case 0:
                        router.forget([key(draw.randint(0, 30)) for _ in range(3)])
                    case 1:
                        await router.purge(Match(tenant=f"t{draw.randint(0, 2)}"))
                    case _:
                        router.put(made)
            await written(one)
            await written(two)
            await asyncio.sleep(0.01)
            sizes, total, index, answers = bookkept(either)
            assert total == sum(sizes.values()) <= 52_500
            assert sizes.keys() == index
            assert answers <= index, "what has run out is in the index until the next put"
