"""The brain's word on what Envoy may give again by itself."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from struct import unpack

import pytest

from tests.brain.cache.support import plain
from tests.brain.cache.test_desk import KEPT, Envoy, cached, head
from tidegate.brain.cache import asked as asking
from tidegate.brain.cache import leases as leasing
from tidegate.brain.cache.admin import Criteria
from tidegate.brain.cache.flights import Given
from tidegate.brain.cache.keeper import CacheKeeper
from tidegate.brain.cache.leases import Leases, leased
from tidegate.contract.cache import TtlRule
from tidegate.names import LEASE_HEADER


def word(path: Path) -> tuple[int, int]:
    """Epoch, and milliseconds until which it holds."""
    epoch, until = unpack(">QQ", path.read_bytes())
    return epoch, until


def test_it_is_said_at_once_anew_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "RENEWED", 0.001)
    path, now = tmp_path / "again", [100.0]
    made = Leases(lambda: now[0], 7)
    made.void()  # nobody reads it yet

    async def run() -> None:
        async with made.told(path):
            await asyncio.sleep(0)
            assert word(path) == (8, 101_000)
            file = path.stat().st_ino
            made.void()
            assert word(path) == (9, 101_000)
            now[0] = 200.0
            while word(path) != (9, 201_000):
                await asyncio.sleep(0.001)
            assert path.stat().st_ino == file, "Envoy has it open"
        assert word(path) == (9, 200_000), "it holds no more"

    asyncio.run(run())


def test_an_epoch_fits_whatever_the_first_was(tmp_path: Path) -> None:
    made = Leases(lambda: 0.0, (1 << 64) - 1)

    async def run() -> None:
        async with made.told(tmp_path / "again"):
            made.void()
        assert word(tmp_path / "again")[0] == 0

    asyncio.run(run())


def test_a_word_that_cannot_be_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leasing, "RENEWED", 0.001)
    path, made, full = tmp_path / "again", Leases(lambda: 100.0, 7), [False]
    write = os.pwrite

    def pwrite(file: int, data: bytes, at: int) -> int:
        if full[0]:
            raise OSError(errno.ENOSPC, "full")
        return write(file, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)

    async def run() -> None:
        async with made.told(path):
            assert word(path) == (7, 101_000), "at once"
            full[0] = True
            made.void()
            assert path.read_bytes() == b""
            await asyncio.sleep(0.01)
            full[0] = False
            while path.read_bytes() == b"":
                await asyncio.sleep(0.001)
            assert word(path) == (8, 101_000)

    asyncio.run(run())
    assert caplog.text.count("no answers again") == 1


def test_a_brain_lives_without_its_word(tmp_path: Path) -> None:
    made = Leases(lambda: 100.0, 7)

    async def run() -> None:
        async with made.told(tmp_path):  # a folder
            made.void()

    asyncio.run(run())
    assert made.lease(plain(b"a"), 1.0, "to-chat").startswith("8 ")


def test_there_are_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "MOST", 2)
    made = Leases(lambda: 0.0, 7)
    epochs = [made.lease(plain(key), 1.0, "to-chat").split()[0] for key in (b"a", b"b", b"a", b"c", b"a")]
    assert epochs == ["7", "7", "7", "8", "8"]
    assert made.of(b"b") is None


def test_what_a_lease_says() -> None:
    said = Leases(lambda: 0.0, 7).lease(plain(b"\x0a\xff", stored=1.5), 2.25, "to-chat")
    assert said == "7 1500 2250 +0aff to-chat"
    assert leased(said.split(" ", 3)[3]) == ("to-chat", b"\x0a\xff")
    assert leased("t.1f") is None


def lease(envoy: Envoy, text: str = "hello", **headers: str) -> str:
    """What comes with the answer to a request; empty for none."""
    return asyncio.run(asked(envoy, text, headers)).get(LEASE_HEADER, "")


async def asked(envoy: Envoy, text: str, headers: dict[str, str]) -> dict[str, str]:
    """What the brain says of a request."""
    reply = envoy.desk.ask(envoy.made(text, headers=headers))
    return head(reply if isinstance(reply, bytes) else await reply)


def kept(**changes: object) -> Envoy:
    """One that has been told an answer."""
    envoy = Envoy(cached(KEPT.model_copy(update=changes)))
    envoy.brings(envoy.asks(), "an answer")
    return envoy


def test_an_answer_that_is_kept_comes_with_one_until_its_end() -> None:
    envoy = kept()
    epoch, stored, until, ticket = lease(envoy).split(" ", 3)
    assert (stored, until) == ("1000000", "1060000")
    assert leased(ticket)
    envoy.now += 10
    assert lease(envoy) == f"{epoch} {stored} {until} {ticket}"


def test_who_asks_for_something_else_than_is_usual_gets_none() -> None:
    rule = TtlRule(headers=(("x-class", "news"),), ttl_seconds=300)
    envoy = kept(ttl_rules=(rule,))
    assert lease(envoy, **{"x-class": "news"}) == ""
    assert lease(envoy, **{"cache-control": "max-age=60"}) == ""
    assert lease(envoy) != ""
    assert lease(envoy, "another question") == ""


def forgets(envoy: Envoy) -> None:
    asyncio.run(asked(envoy, "other", {"x-tidegate-cache": "forget"}))


def replaces(envoy: Envoy) -> None:
    envoy.brings(envoy.asks(headers={"x-tidegate-cache": "no-cache"}), "a newer answer")


def replaces_where_a_rule_finds_it_old(envoy: Envoy) -> None:
    """By a request for which another time counts: nobody says that he would not have the answer."""
    envoy.now += 20
    envoy.brings(envoy.asks(headers={"x-class": "news"}), "a newer answer")


def replaces_what_was_let_go(envoy: Envoy) -> None:
    """By the same question in other words, which Envoy does not know for the same."""
    envoy.desk.tiers["kept"].memory.forget(next(envoy.desk.tiers["kept"].memory.entries()).key)
    envoy.now += 20
    envoy.brings(envoy.asks(stream=False), "a newer answer")


def purges(envoy: Envoy) -> None:
    """Before anybody has looked at what layers its tier has."""
    keeper = CacheKeeper(envoy.desk, lambda: envoy.now)
    assert asyncio.run(keeper.purge(Criteria(model="chat", really=True))).memory == 1
    assert not envoy.asks().hit


def follows(envoy: Envoy) -> None:
    envoy.desk.follow(cached(KEPT.model_copy(update={"version": "2"})), {"a", "b"})


def expects(envoy: Envoy) -> None:
    envoy.desk.expect(cached(KEPT, "chat", "more"), {"a", "b"})


@pytest.mark.parametrize(
    "happens",
    [forgets, replaces, replaces_where_a_rule_finds_it_old, replaces_what_was_let_go, purges, follows, expects],
)
def test_what_ends_all(happens: Callable[[Envoy], None]) -> None:
    envoy = kept(ttl_rules=(TtlRule(headers=(("x-class", "news"),), ttl_seconds=10),))
    before = lease(envoy).split()[0]
    happens(envoy)
    envoy.brings(envoy.asks("third"), "x")
    assert lease(envoy, "third").split()[0] != before


def test_an_answer_to_a_similar_question_is_the_brains() -> None:
    envoy = kept()
    tier = envoy.desk.tiers["kept"]
    [entry] = tier.memory.entries()
    asked = asking.read(envoy.made("hello"), envoy.desk._lines.all["to-chat"])
    assert envoy.desk._lease(tier, asked, Given(entry, "exact"))
    assert not envoy.desk._lease(tier, asked, Given(entry, "semantic"))
    tier.memory.forget(entry.key)
    assert not envoy.desk._lease(tier, asked, Given(entry, "exact")), "of the store alone"


def test_what_does_not() -> None:
    envoy = kept()
    before = lease(envoy).split()[0]
    envoy.desk.follow(cached(KEPT), {"a", "b"})
    envoy.brings(envoy.asks("more"), "x")
    assert lease(envoy).split()[0] == before


def test_what_envoy_gave_is_counted_and_used() -> None:
    envoy = kept()
    tier = envoy.desk.tiers["kept"]
    ticket = lease(envoy).split(" ", 3)[3]
    before = tier.results["hit-memory", ""]
    envoy.brings(envoy.asks("younger"), "x")
    for _ in range(3):
        envoy.again(ticket)
    assert tier.results["hit-memory", ""] == before + 3
    tier.memory.bound(1, 1 << 20, 60)
    assert lease(envoy), "the one that was used last has stayed"
    tier.memory.bound(0, 0, 60)
    envoy.again(ticket)
    assert tier.results["hit-memory", ""] == before + 4, "Envoy has it, though this router's memory has let it go"
    envoy.again("+00 to-chat")
    envoy.again("+00 to-nowhere")
    assert tier.results["hit-memory", ""] == before + 4, "nobody knows them any more"
