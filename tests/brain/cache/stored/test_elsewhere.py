"""Answers of a store that moves: to its copy, or to another node of its cluster."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.brain.cache.stored.support import sharing, stored, usable
from tests.brain.cache.support import entry, key, tier
from tests.brain.limits.test_store import connected
from tests.brain.store.conftest import PASSWORD, Valkey, watched
from tests.brain.store.proxy import between
from tests.brain.store.support import becomes, secret
from tests.support.ports import free_port
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.stored.news import News, Purge
from tidegate.brain.limits.windows import Charge
from tidegate.brain.store.resp import command
from tidegate.brain.store.where import where as found
from tidegate.contract.limits import Store

ROOT = Path(__file__).resolve().parents[4]
pytestmark = pytest.mark.redis


def pair(folder: Path, *more: str) -> Iterator[tuple[Valkey, Valkey]]:
    """Two stores."""
    made = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        made.append(Valkey(folder / name, more=[line.format(port=free_port()) for line in more]))
    yield made[0], made[1]
    for each in made:
        each.die()


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[tuple[Valkey, Valkey]]:
    """The second one has what the first has."""
    for one, two in pair(tmp_path, f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0"):
        two.ask("REPLICAOF", one.where.host, str(one.where.port))
        yield one, two


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Valkey, Valkey]]:
    """A cluster; the second one has all keys."""
    for one, two in pair(tmp_path, "cluster-enabled yes", "cluster-port {port}"):
        bus = two.ask("CONFIG", "GET", "cluster-port").split()[-1]
        one.ask("CLUSTER", "MEET", two.where.host, str(two.where.port), bus)
        two.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        yield one, two


async def test_its_copy_takes_over(copies: tuple[Valkey, Valkey]) -> None:
    """Behind one name, as stores of clouds have it: its address changes, and the old one lives on as a copy."""
    old, new = copies
    await becomes(lambda: "master_link_status:up" in new.ask("INFO", "replication"), 20)
    heard: list[News] = []
    async with between(old.where.port) as proxy:
        where = replace(old.where, port=proxy.port)
        async with sharing(where) as one, sharing(where) as two:
            two.watch(heard.append)
            await stored(one, entry("a"))
            await becomes(lambda: new.ask("EXISTS", "{tg:shop/front/answers}:index") == ":1\r\n")
            proxy.target = new.where.port
            new.ask("REPLICAOF", "NO", "ONE")
            old.ask("REPLICAOF", new.where.host, str(new.where.port))
            await becomes(lambda: one.put(entry("b")) is None and one.meters.puts >= 2)  # type: ignore[func-returns-value]
            await becomes(lambda: usable(one) and usable(two))
            old.die()
            assert all(await two.get([key("a"), key("b")]))
            assert await one.purge(Match()) == 2
            await becomes(lambda: heard)
            assert isinstance(heard[-1], Purge)


async def test_the_node_that_has_the_keys(nodes: tuple[Valkey, Valkey]) -> None:
    asked, has = nodes
    for node in nodes:
        await becomes(lambda node=node: "cluster_state:ok" in node.ask("CLUSTER", "INFO"), 20)  # type: ignore[misc]
    async with sharing(asked.where) as one, sharing(has.where) as two:
        heard: list[News] = []
        two.watch(heard.append)
        await stored(one, *(entry(n) for n in range(20)))
        assert all(await two.get([key(n) for n in range(20)]))
        one.forget([key(1)])
        await becomes(lambda: heard)
        assert await one.purge(Match()) == 19
        assert asked.ask("DBSIZE") == ":0\r\n"


def replicated(store: Valkey) -> bool:
    """Whether it is a copy that has everything."""
    return "master_link_status:up" in store.ask("INFO", "replication")


def leads(store: Valkey) -> bool:
    """Whether it has taken over; who lets it cuts the connections to it."""
    with suppress(OSError):
        return "role:master" in store.ask("INFO", "replication")
    return False


@pytest.mark.parametrize("more", [(), (f"requirepass {PASSWORD}",)])
async def test_sentinels_say_where_it_is(tmp_path: Path, more: tuple[str, ...]) -> None:
    """With a password of their own, too."""
    with watched(tmp_path, *more) as (old, new, port):
        await becomes(lambda: replicated(new), 20)
        url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:9,127.0.0.1:{port}/shop"
        where = found(Store(secret="s", key="url"), {"s": secret(url=url)})
        async with sharing(where) as one, sharing(where) as two:
            await stored(one, entry("a"))
            assert (await two.get([key("a")]))[0]
            await becomes(lambda: new.ask("EXISTS", "{tg:shop/front/answers}:index") == ":1\r\n")
            await becomes(lambda: f"port={new.where.port}" in old.ask("INFO", "replication"))
            await asyncio.to_thread(knows_both, port, more)
            old.die()
            await becomes(lambda: leads(new), 30)
            await becomes(lambda: usable(one) and usable(two), 20)
            assert (await two.get([key("a")]))[0]
            await stored(two, entry("b"))
            assert (await one.get([key("b")]))[0]
        lost = replace(where, sentinels=replace(where.sentinels, group="other"))  # type: ignore[type-var]
        async with sharing(lost, ready=False) as three:
            await becomes(lambda: "no Sentinel says where other is" in "".join(three.problems()))
            assert f"other of 127.0.0.1:9, 127.0.0.1:{port}" in three.problems()[0]


def knows_both(port: int, more: tuple[str, ...]) -> None:
    """Until the Sentinel has found the copy, too: it asks every ten seconds."""
    deadline = time.monotonic() + 20
    login = [("AUTH", PASSWORD)] if more else []
    while True:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            for words in (*login, ("SENTINEL", "REPLICAS", "shop")):
                line.sendall(command(*words))
                said = line.recv(1 << 16)
        if b"slave-priority" in said:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_a_user_with_the_rights_that_the_page_names(either: Valkey) -> None:
    page = (ROOT / "docs" / "cache.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("ACL SETUSER"))
    assert either.ask(*line.split()) == "+OK\r\n"
    url = f"redis://tidegate:password@127.0.0.1:{either.where.port}"
    known = Store(secret="s", key="url")
    where = found(known, {"s": secret(url=url)})
    heard: list[News] = []
    async with sharing(where) as one, sharing(where, tier(20_000)) as two, connected(where) as limits:
        two.watch(heard.append)
        await stored(one, *(entry(n) for n in range(50)))
        await stored(two, entry("b"))
        assert two.meters.evicted > 0
        one.forget([key(1)])
        await becomes(lambda: heard)
        assert await one.purge(Match()) > 0
        await becomes(lambda: limits.ready)
        charge = Charge("tidegate:{shop/front}:k", 50, 1, 2000)
        told = await limits.admit([charge])
        await limits.settle([(charge.key, told[1], 3, 2000)])
        for _ in range(2):
            told = await limits.admit([charge])
        assert told[0] == 5
        assert either.ask("ACL", "LOG") == "*0\r\n", "nothing was refused"


async def test_a_user_that_may_not_listen(valkey: Valkey) -> None:
    valkey.ask("ACL", "SETUSER", "deaf", "on", ">password", "~*", "+@all", "-xread")
    async with sharing(replace(valkey.where, user="deaf", password="password"), ready=False) as one:
        await becomes(lambda: "does not say what other routers tell: it refuses: NOPERM" in "".join(one.problems()))
        await stored(one, entry("a"))
        assert (await one.get([key("a")]))[0]
