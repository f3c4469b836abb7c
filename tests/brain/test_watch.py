"""Following a collection: what a real API server does, done by a small one that answers as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.brain.support import api_server, going
from tidegate.brain import watch
from tidegate.brain.watch import Objects, follow

DEADLINE = 30.0
PATH = "/api/v1/namespaces/test/configmaps"
SELECTOR = {"fieldSelector": "metadata.name=a"}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
CUT, STAYS = "cut", "stays"


def _item(name: str, version: str = "1", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": version}, "data": data}


def _event(kind: str, item: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": item}, ensure_ascii=False).encode() + b"\n"


def _bookmark(version: str) -> bytes:
    return _event("BOOKMARK", {"metadata": {"resourceVersion": version}})


EXPIRED = _event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version: 7 (9)"})


def listing(version: str, *items: dict[str, Any]) -> Answer:
    """A complete list."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"resourceVersion": version}, "items": list(items)})

    return answer


def refusal(status: int) -> Answer:
    """An error of the API server."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": status, "message": "no"}, status=status)

    return answer


def watching(*pieces: bytes, then: str = "") -> Answer:
    """A watch that sends these pieces as they are, and then ends, is CUT or STAYS open."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await _leave(request, then)
        return response

    return answer


def dead(then: str) -> Answer:
    """A connection on which no answer comes: it is CUT or STAYS open."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await _leave(request, then)
        return web.Response()

    return answer


async def _leave(request: web.Request, then: str) -> None:
    if then == CUT and request.transport:
        request.transport.close()
    if then == STAYS:
        await asyncio.Event().wait()


@dataclass
class Script:
    """The API server's answers in order (when they are used up, it is silent), what it was asked, what the follower said."""

    answers: Iterator[Answer]
    asked: list[dict[str, str]] = field(default_factory=list)
    when: list[float] = field(default_factory=list)
    said: list[dict[str, dict[str, str]]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        assert request.path == PATH
        self.asked.append(dict(request.query))
        self.when.append(time.monotonic())
        self._news.set()
        return await next(self.answers, dead(STAYS))(request)

    def changed(self, objects: Objects) -> None:
        """What `follow` calls: the data by name."""
        self.said.append({name: dict(item["data"]) for name, item in objects.items()})
        self._news.set()

    @property
    def versions(self) -> list[str]:
        """From where each request wanted to watch; `list` for lists."""
        return [query.get("resourceVersion", "list") for query in self.asked]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits; fails after DEADLINE with what was asked and said."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"asked {self.versions}, said {self.said}")

    def gaps(self) -> list[float]:
        """Seconds between requests."""
        return [after - before for before, after in zip(self.when, self.when[1:], strict=False)]


@asynccontextmanager
async def followed(*answers: Answer) -> AsyncIterator[Script]:
    """A follower of a server with these answers."""
    script = Script(iter(answers))
    async with api_server(script.handle) as api, going(follow(api, PATH, SELECTOR, script.changed)):
        yield script


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest pauses that still are pauses."""
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.01)


async def test_a_list_then_its_changes() -> None:
    events = [
        _event("ADDED", _item("b", "6", x="1")),
        _event("MODIFIED", _item("a", "7", x="2")),
        _event("DELETED", _item("b", "8", x="1")),
    ]
    async with followed(listing("5", _item("a", x="1")), watching(*events, then=STAYS)) as script:
        await script.until(lambda: len(script.said) == 4)
    assert script.said == [
        {"a": {"x": "1"}},
        {"a": {"x": "1"}, "b": {"x": "1"}},
        {"a": {"x": "2"}, "b": {"x": "1"}},
        {"a": {"x": "2"}},
    ]
    assert script.asked[0] == SELECTOR
    assert script.asked[1] == SELECTOR | {
        "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "5", "timeoutSeconds": str(watch.WATCH_SECONDS),
    }  # fmt: skip


async def test_an_empty_list_is_an_answer() -> None:
    async with followed(listing("5")) as script:
        await script.until(lambda: script.said == [{}])


async def test_a_watch_that_ends_goes_on_from_its_last_version() -> None:
    ends = [watching(_event("MODIFIED", _item("a", "8", x="2"))), watching(_bookmark("20")), watching(then=STAYS)]
    async with followed(listing("5", _item("a", x="1")), *ends) as script:
        await script.until(lambda: len(script.asked) == 4)
    assert script.versions == ["list", "5", "8", "20"]
    assert script.said == [{"a": {"x": "1"}}, {"a": {"x": "2"}}], "a bookmark is no change"


@pytest.mark.parametrize("expired", [watching(EXPIRED), refusal(410)], ids=["event", "status"])
async def test_what_was_deleted_unseen_disappears(expired: Answer) -> None:
    first, second = listing("5", _item("a", x="1"), _item("b", x="1")), listing("50", _item("a", x="2"))
    async with followed(first, expired, second) as script:
        await script.until(lambda: len(script.asked) == 4)
    assert script.said == [{"a": {"x": "1"}, "b": {"x": "1"}}, {"a": {"x": "2"}}]
    assert script.versions == ["list", "5", "list", "50"]


async def test_a_list_that_is_refused_with_410_is_asked_for_again() -> None:
    async with followed(refusal(410), listing("5", _item("a"))) as script:
        await script.until(lambda: script.said == [{"a": {}}])


@pytest.mark.parametrize("size", [1_000, 65_536, 1_000_000])
async def test_lines_may_be_long_and_arrive_in_any_pieces(size: int) -> None:
    long = "ü" * 300_000
    text = _event("ADDED", _item("b", "6", x=long)) + _event("ADDED", _item("c", "7")) + _bookmark("8")
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    async with followed(listing("5"), watching(*pieces)) as script:
        await script.until(lambda: len(script.asked) == 3)
    assert script.said == [{}, {"b": {"x": long}}, {"b": {"x": long}, "c": {}}]
    assert script.versions == ["list", "5", "8"]


async def test_half_a_line_is_not_taken() -> None:
    whole, half = _event("ADDED", _item("b", "6")), _event("ADDED", _item("c", "7"))[:-20]
    async with followed(listing("5"), watching(whole, half)) as script:
        await script.until(lambda: len(script.asked) == 3)
    assert script.said == [{}, {"b": {}}]
    assert script.versions == ["list", "5", "6"]


BROKEN = {
    "a refused watch": [refusal(500)],
    "a watch that is cut": [watching(_event("ADDED", _item("b", "6"))[:20], then=CUT)],
    "a connection that is cut": [dead(CUT), dead(CUT)],  # aiohttp itself tries a used connection's request once more
    "a line that is no JSON": [watching(b"oops\n")],
    "an API server that is away": [dead(CUT), refusal(503), refusal(429), dead(CUT)],
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_the_last_known_objects_stay_until_the_next_list(broken: str) -> None:
    first, again = listing("5", _item("a", x="1")), listing("9", _item("a", x="2"))
    async with followed(first, *BROKEN[broken], again) as script:
        await script.until(lambda: len(script.said) == 2)
    assert script.said == [{"a": {"x": "1"}}, {"a": {"x": "2"}}]


@pytest.mark.parametrize("silent", [dead(STAYS), watching(then=STAYS)], ids=["before the headers", "in the body"])
async def test_silence_is_a_broken_watch(silent: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SILENCE", 0.2)
    first, again = listing("5", _item("a", x="1")), listing("9", _item("a", x="2"))
    async with followed(first, silent, again) as script:
        await script.until(lambda: len(script.said) == 2)
    assert script.said == [{"a": {"x": "1"}}, {"a": {"x": "2"}}]
    assert script.gaps()[1] >= 0.2


@pytest.mark.parametrize(
    "round_",
    [[refusal(500)], [listing("5"), refusal(500)], [listing("5"), watching()], [listing("5"), watching(EXPIRED)]],
    ids=["lists fail", "watches fail", "watches end at once", "watches expire at once"],
)
async def test_what_keeps_failing_is_asked_for_more_and_more_rarely(round_: list[Answer]) -> None:
    rounds = 6
    async with followed(*round_ * rounds) as script:
        await script.until(lambda: len(script.asked) > rounds * len(round_))
    pauses = script.gaps()[len(round_) - 1 :: len(round_)]
    assert len(pauses) == rounds
    assert all(pause >= watch.FIRST_PAUSE * 2**i * 0.5 for i, pause in enumerate(pauses)), pauses


async def test_pauses_have_a_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LAST_PAUSE", 0.02)
    async with followed(*[refusal(500)] * 20) as script:  # 0.01 s doubled 20 times would be hours
        await script.until(lambda: len(script.asked) == 20)


async def test_what_worked_for_long_starts_with_the_shortest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEALTHY_AFTER", 0.0)
    monkeypatch.setattr(watch, "LAST_PAUSE", 10_000.0)
    async with followed(*[listing("5"), refusal(500)] * 20) as script:
        await script.until(lambda: len(script.asked) == 40)
