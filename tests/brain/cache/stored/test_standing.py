"""How similar questions stand, as routers of a tier know it."""

from __future__ import annotations

import pytest

from tests.brain.cache.stored.support import SCOPE, sharing
from tests.brain.cache.support import WATCHED, tier
from tests.brain.store.conftest import Valkey
from tests.brain.store.support import becomes
from tidegate.brain.cache.sealed import seal
from tidegate.brain.cache.stored.names import Names
from tidegate.brain.cache.stored.news import News, Vector
from tidegate.brain.cache.stored.standing import NEVER, Standing, read, written
from tidegate.contract.cache import Cache

SAID = Standing(7.5, "9 of 20 were wrong")


def watched(**changes: object) -> Cache:
    """A tier whose answers to similar questions are looked at."""
    return tier().model_copy(update={"semantic": WATCHED.model_copy(update=changes)})


def test_it_is_read_as_it_was_written() -> None:
    assert read(written(SAID)) == SAID
    assert read(written(NEVER)) == NEVER


@pytest.mark.parametrize(
    "data",
    [None, b"", b"x", written(SAID)[:-1], seal(b"\x93\x01\x02\x03"), seal(b"\x92\xcb\x7f\xf0\0\0\0\0\0\0\xa0")],
    ids=["none", "empty", "not ours", "cut off", "other fields", "no time"],
)
def test_what_is_damaged_was_never_said(data: bytes | None) -> None:
    assert read(data) == NEVER


def test_with_other_settings_it_has_another_name() -> None:
    names = Names(SCOPE, "answers")
    others = [WATCHED.model_copy(update={"threshold": 0.95}), WATCHED.model_copy(update={"ttl_seconds": 1})]
    assert len({names.standing(each) for each in (WATCHED, *others)}) == 3


@pytest.mark.redis
async def test_who_begins_hears_it_before_any_question(either: Valkey) -> None:
    async with sharing(either.where, watched()) as one:
        one.stand(SAID)
        await becomes(lambda: either.ask("EXISTS", Names(SCOPE, "answers").standing(WATCHED)) == ":1\r\n")
        one.announce(Vector(b"n" * 16, b"k" * 32, b"\0\0", b"f", 1e12))
        heard: list[News] = []
        async with sharing(either.where, watched(), ready=False) as two:
            two.watch(heard.append)
            await becomes(lambda: any(isinstance(each, Vector) for each in heard))
            assert heard[0] == SAID


@pytest.mark.redis
async def test_nobody_asks_for_it_where_nothing_is_looked_at(valkey: Valkey) -> None:
    heard: list[News] = []
    async with sharing(valkey.where, watched(quality=None)) as one, sharing(valkey.where) as two:
        one.watch(heard.append)
        two.announce(Vector(b"n" * 16, b"k" * 32, b"\0\0", b"f", 1e12))
        await becomes(lambda: heard)
        assert not any(isinstance(each, Standing) for each in heard)
