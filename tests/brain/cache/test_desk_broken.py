"""The desk when requests break off, when answers are of no shape, and when configurations change meanwhile: nobody waits for nothing, and
nothing is kept for nobody."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.brain.cache.test_desk import KEPT, Envoy, Told, cached, head
from tidegate.brain.cache.asked import Asked
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.tickets import MOST, Tickets
from tidegate.brain.decide.server import Decisions
from tidegate.brain.decide.wire import Heard, Reply
from tidegate.contract.cache import Exact, TtlRule
from tidegate.names import CACHED_HEADER, TICKET_HEADER


class Endless:
    """Similar questions that are looked for for ever, or not at all."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def questions(self, _: Asked) -> Mapping[str, Any]:
        return {}

    async def find(self, _: Asked, __: float) -> tuple[bytes, float] | None:
        if self._error:
            raise self._error
        await asyncio.get_running_loop().create_future()
        return None

    def learn(self, asked: Asked, entry: Entry) -> None:
        """Nothing."""

    def forget(self, key: bytes) -> None:
        """Nothing."""


class Store:
    """What it has, it has."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}

    async def get(self, keys: Sequence[bytes]) -> list[Entry | None]:
        return [self.entries.get(key) for key in keys]

    def put(self, entry: Entry) -> None:
        self.entries[entry.key] = entry

    def forget(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.entries.pop(key, None)


def later(reply: Reply) -> Awaitable[bytes]:
    assert not isinstance(reply, bytes)
    return reply


def ticket(said: Reply) -> dict[bytes, bytes]:
    assert isinstance(said, bytes)
    return {TICKET_HEADER.encode(): head(said)[TICKET_HEADER].encode()}


@pytest.mark.parametrize("wish", ["forget", ""])
def test_whoever_leaves_while_it_is_looked_leaves_nobody_waiting(wish: str) -> None:
    envoy = Envoy(cached())
    tier = envoy.desk.tiers["kept"]
    tier.similar = Endless()

    async def run() -> None:
        asks = asyncio.ensure_future(later(envoy.desk.ask(envoy.made("hello", headers={"x-tidegate-cache": wish}))))
        await asyncio.sleep(0)
        assert len(tier.flights) == 1
        asks.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asks
        assert len(tier.flights) == 0

    asyncio.run(run())


@pytest.mark.parametrize("wish", ["forget", ""])
def test_a_layer_that_breaks_leaves_nobody_waiting(wish: str) -> None:
    envoy = Envoy(cached())
    tier = envoy.desk.tiers["kept"]
    tier.similar = Endless(KeyError("a bug"))

    async def run() -> None:
        with pytest.raises(KeyError):
            await later(envoy.desk.ask(envoy.made("hello", headers={"x-tidegate-cache": wish})))
        assert len(tier.flights) == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer", ['{"choices": [{"message": 1, "finish_reason": "stop"}]}', '{"choices": {"a": 1}}', "[1]"]
)
@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_of_no_shape_leaves_nobody_waiting(answer: str, streamed: bool) -> None:
    envoy = Envoy(cached())
    text = f"data: {answer}\n\ndata: [DONE]\n\n" if streamed else answer

    async def run() -> None:
        first, second = (ticket(envoy.desk.ask(envoy.made("hello"))) for _ in range(2))
        waits = asyncio.ensure_future(later(envoy.desk.give(Heard(second, b"", b""))))
        await asyncio.sleep(0)
        envoy.brings(Told(False, ticket=first[TICKET_HEADER.encode()].decode()), "", answer=text, streamed=streamed)
        assert (await waits).startswith(b"HTTP/1.1 503")
        assert len(envoy.desk.tiers["kept"].flights) == 0

    asyncio.run(run())


def test_nobody_waits_for_a_revision_that_has_left() -> None:
    """A rollback: what the bad candidate is just saying is given to nobody who asks from now on."""
    envoy = Envoy(cached(weights={"b": 1}))

    async def run() -> None:
        before = head(bytes(envoy.desk.ask(envoy.made("hello"))))  # type: ignore[arg-type]
        envoy.desk.follow(cached(weights={"a": 1}), {"a", "b"})
        after = head(bytes(envoy.desk.ask(envoy.made("hello"))))  # type: ignore[arg-type]
        assert CACHED_HEADER not in after
        envoy.brings(Told(False, ticket=before[TICKET_HEADER]), "of the candidate", who="b.r1")
        envoy.brings(Told(False, ticket=after[TICKET_HEADER]), "", status=500)

    asyncio.run(run())
    assert not envoy.asks().hit


def test_another_path_with_the_same_body() -> None:
    """A provider is asked with the query: api-version, beta and the like."""
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "x")
    for path in (
        "/v1/chat/completions?api-version=2",
        "/v1/chat/completions?",
        "/v1/completions",
        "/v2/chat/completions",
    ):
        ask = envoy.made("hello")._replace(path=path)
        assert not asyncio.run(envoy._asks(ask)).hit, path


def test_each_layer_has_its_time() -> None:
    """The store has an answer as long as any layer wants it; the exact layer gives it for its own time alone."""
    wanted = KEPT.model_copy(update={"exact": Exact(ttl_seconds=20, max_bytes=1 << 20)})
    envoy = Envoy(cached(wanted))
    envoy.desk.tiers["kept"].shared = Store()
    envoy.brings(envoy.asks(), "x")
    envoy.desk.tiers["kept"].memory.purge(lambda _: True)
    envoy.now += 19
    assert envoy.asks().headers["x-tidegate-cache"] == "hit-exact"
    envoy.desk.tiers["kept"].memory.purge(lambda _: True)
    envoy.now += 2
    assert not envoy.asks().hit


def test_a_rule_gives_more_time_in_every_layer() -> None:
    rules = (TtlRule(headers=(("x-class", "slow"),), ttl_seconds=3600),)
    envoy = Envoy(cached(KEPT.model_copy(update={"ttl_rules": rules})))
    slow: Any = {"headers": {"x-class": "slow"}}
    envoy.brings(envoy.asks(**slow), "x")
    envoy.now += 3599
    assert envoy.asks(**slow).hit
    envoy.now += 2
    assert not envoy.asks(**slow).hit


def test_long_bodies_are_not_kept_while_answers_are_on_their_way() -> None:
    envoy = Envoy(cached())
    asks = [envoy.made(f"{number} " + "x" * 200_000) for number in range(50)]

    async def run() -> int:
        tracemalloc.start()
        try:
            for ask in asks:
                envoy.desk.ask(ask)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert asyncio.run(run()) < 50 * 10_000


def test_who_never_comes_for_an_answer_leaves_no_ticket() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "x")

    async def run() -> None:
        told = ticket(envoy.desk.ask(envoy.made("hello")))
        envoy.brings(Told(True, ticket=told[TICKET_HEADER.encode()].decode()), "", left=True, status=0)
        assert b"503" in bytes(envoy.desk.give(Heard(told, b"", b"")))  # type: ignore[arg-type]

    asyncio.run(run())


def test_tickets_are_few_and_end() -> None:
    over: list[int] = []
    tickets: Tickets[int] = Tickets(10.0, over.append)
    for number in range(3):
        tickets.keep(str(number), number, float(number))
    assert tickets.take("1") == 1
    assert tickets.take("1") is None
    tickets.keep("3", 3, 10.0)
    assert (over, len(tickets)) == ([0], 2)
    for number in range(MOST + 10):
        tickets.keep(f"more {number}", number, 11.0)
    assert len(tickets) == MOST


def test_a_lead_of_which_nothing_is_heard_is_nobodys_to_wait_for() -> None:
    envoy = Envoy(cached())
    tier = envoy.desk.tiers["kept"]
    moment = 0.0
    envoy.desk._moment = lambda: moment  # type: ignore[method-assign]

    async def run() -> None:
        nonlocal moment
        envoy.desk.ask(envoy.made("hello"))
        assert len(tier.flights) == 1
        moment = 4000.0
        envoy.desk.ask(envoy.made("another"))
        assert len(tier.flights) == 1, "that of the other one"

    asyncio.run(run())


@pytest.mark.parametrize("who", ["cache", "decisions"])
def test_many_may_connect_while_the_brain_is_busy(who: str, tmp_path: Path) -> None:
    """Of 300 requests at once, a hundred and more found no brain, and asked an engine."""
    decisions = Decisions()

    async def run() -> None:
        serve = decisions.cache.serve if who == "cache" else decisions.serve
        server = await serve(tmp_path / "s")
        with ExitStack() as stack:
            for _ in range(1000):
                made = stack.enter_context(socket.socket(socket.AF_UNIX))
                made.setblocking(False)
                made.connect(str(tmp_path / "s"))
        server.close()

    asyncio.run(run())
