"""The desk as Envoy meets it: what it asks, fetches and brings."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.envoy.conftest import config
from tidegate.brain.cache.answered import Answered
from tidegate.brain.cache.desk import LONG, Desk
from tidegate.brain.decide.known import LASTS
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Heard, Promised, Reply
from tidegate.contract.cache import Cache, Memory, Price, TtlRule
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Target
from tidegate.names import CACHED_HEADER, TICKET_HEADER

KEPT = Cache(
    name="kept",
    sharing="Client",
    max_temperature=1.0,
    max_answer_bytes=1 << 18,
    memory=Memory(max_entries=100, max_bytes=1 << 20, ttl_seconds=60),
)


def cached(cache: Cache = KEPT, *models: str, weights: dict[str, int] | None = None) -> RouterConfig:
    """Each model has a route of its own, with this cache."""
    made = config({model: weights or {"a": 1} for model in models or ("chat",)}, caches=(cache,))
    return made.model_copy(update={"routes": tuple(r.model_copy(update={"cache": cache.name}) for r in made.routes)})


@dataclass
class Told:
    """What became of a request."""

    hit: bool
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ticket: str = ""


class Envoy:
    """In its place."""

    def __init__(self, wanted: RouterConfig) -> None:
        self.now = 1000.0
        self.desk = Desk(lambda: self.now, "t")
        self.desk.follow(wanted, {"a", "b"})

    def asks(self, text: str = "hello", client: str = "acme", model: str = "chat", **more: Any) -> Told:
        """And fetches, where there is something."""
        return asyncio.run(self._asks(self.made(text, client, model, **more)))

    def made(self, text: str, client: str = "acme", model: str = "chat", **more: Any) -> Ask:
        """A request, as Envoy tells of it."""
        headers = {name.encode(): value.encode() for name, value in more.pop("headers", {}).items()}
        body = json.dumps({"messages": [{"role": "user", "content": text}], **more}).encode()
        return Ask(model, body, path="/v1/chat/completions", cache=f"to-{model} {client}", headers=headers)

    async def _asks(self, ask: Ask) -> Told:
        reply = self.desk.ask(ask)
        said = head(reply if isinstance(reply, bytes) else await reply)
        if CACHED_HEADER not in said:
            return Told(False, ticket=said.get(TICKET_HEADER, ""))
        given = self.desk.give(Heard({TICKET_HEADER.encode(): said[TICKET_HEADER].encode()}, b"", b""))
        answer = given if isinstance(given, bytes) else await given
        return Told(True, self.text(json.loads(answer.partition(b"\r\n\r\n")[2])), head(answer))

    @staticmethod
    def text(answer: dict[str, Any]) -> str:
        """What a whole answer says."""
        return str(answer["choices"][0]["message"]["content"])

    def brings(self, told: Told, text: str, who: str = "a.r1", **changes: Any) -> None:
        """An engine's answer."""
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        plain: dict[str, Any] = {
            "left": False,
            "streamed": False,
            "answer": json.dumps({"choices": [choice]}),
            "status": 200,
        }
        self.desk.answered(Answered(told.ticket, who, **plain | changes))

    def again(self, ticket: str) -> None:
        """It has given an answer by itself."""
        self.desk.answered(Answered(ticket, "", left=False, streamed=False, answer="", status=200))


def head(answer: bytes) -> dict[str, str]:
    """Its headers."""
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def test_asked_brought_and_given() -> None:
    envoy = Envoy(cached())
    first = envoy.asks()
    assert first.ticket
    assert not first.hit
    envoy.brings(first, "an answer")
    envoy.now += 7.9
    again = envoy.asks()
    assert (again.text, again.headers["age"], again.headers["x-tidegate-cache"]) == ("an answer", "7", "hit-memory")


@pytest.mark.parametrize("wish", ["forget", "no-cache"])
def test_what_was_asked_before_is_not_kept_in_place_of_what_was_asked_anew(wish: str) -> None:
    envoy = Envoy(cached())
    before = envoy.asks()
    anew = envoy.asks(headers={"x-tidegate-cache": wish})
    envoy.brings(anew, "newer")
    envoy.brings(before, "older")
    assert envoy.asks().text == "newer"
    assert envoy.desk.tiers["kept"].results["not-stored", "overtaken"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 500},
        {"status": 429},
        {"status": 400},
        {"left": True},
        {"answer": ""},
        {"answer": "{}"},
    ],
)
def test_an_answer_that_is_none_is_not_kept(changes: dict[str, Any]) -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "x", **changes)
    assert not envoy.asks().hit


LONGER = "some words of a long answer, " * (LONG // 16)
EVENT = '{"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": %s}]}'
EVENTS = (EVENT % (LONGER, "null"), EVENT % ("", '"stop"'), "[DONE]")
STREAM = "".join(f"data: {event}\n\n" for event in EVENTS)


@pytest.mark.parametrize(("answer", "kept"), [(STREAM, 1), (STREAM.replace("[DONE]", ""), 0)], ids=["whole", "cut off"])
def test_a_long_answer_is_read_and_written_beside_the_loop(answer: str, kept: int) -> None:
    envoy = Envoy(cached())
    results = envoy.desk.tiers["kept"].results

    async def run() -> None:
        ticket = head(await at_last(envoy.desk.ask(envoy.made("hello"))))[TICKET_HEADER]
        waits = head(await at_last(envoy.desk.ask(envoy.made("hello", stream=True))))[TICKET_HEADER]
        waiting = asyncio.ensure_future(
            at_last(envoy.desk.give(Heard({TICKET_HEADER.encode(): waits.encode()}, b"", b"")))
        )
        await asyncio.sleep(0)
        envoy.desk.answered(Answered(ticket, "a.r1", left=False, streamed=True, answer=answer, status=200))
        assert not results["stored", ""] + results["not-stored", "broken"], "not yet"
        told = await waiting
        assert (results["stored", ""], results["not-stored", "broken"]) == (kept, 1 - kept)
        assert (len(told) > len(LONGER)) == bool(kept)
        again = head(await at_last(envoy.desk.ask(envoy.made("hello", stream=True))))
        assert (CACHED_HEADER in again) == bool(kept)
        if kept:
            given = await at_last(
                envoy.desk.give(Heard({TICKET_HEADER.encode(): again[TICKET_HEADER].encode()}, b"", b""))
            )
            assert given.endswith(b"data: [DONE]\n\n")

    asyncio.run(run())


async def at_last(reply: Reply) -> bytes:
    return reply if isinstance(reply, bytes) else await reply


def test_who_is_no_target_answers_for_nobody_else() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "of a fallback", who="b.r1")
    assert not envoy.asks().hit


def test_a_question_that_nobody_waits_for_any_more_is_no_reason_to_wait() -> None:
    envoy = Envoy(cached())

    async def run() -> None:
        reply = envoy.desk.ask(envoy.made("hello"))
        assert isinstance(reply, Promised)
        second = head(bytes(envoy.desk.ask(envoy.made("hello"))))  # type: ignore[arg-type]
        later = envoy.desk.give(Heard({TICKET_HEADER.encode(): second[TICKET_HEADER].encode()}, b"", b""))
        assert not isinstance(later, bytes)
        waits = asyncio.ensure_future(later)
        await asyncio.sleep(0)
        reply.broken()
        told = await waits
        assert isinstance(told, Promised)
        assert bytes(told).startswith(b"HTTP/1.1 503")
        envoy.brings(Told(False, ticket=second[TICKET_HEADER]), "an answer")

    asyncio.run(run())
    assert envoy.asks().text == "an answer"


def test_tickets_of_nobody() -> None:
    envoy = Envoy(cached())
    envoy.brings(Told(False, ticket="nobody's"), "x")
    assert b"503" in bytes(envoy.desk.give(Heard({}, b"", b"")))  # type: ignore[arg-type]
    assert envoy.desk.ask(Ask("chat", b"", cache="unknown acme")) == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def test_a_revision_that_has_left_answers_nobody() -> None:
    """Promotion and rollback alike: nothing has to be purged."""
    envoy = Envoy(cached(weights={"a": 9, "b": 1}))
    told = envoy.asks()
    envoy.brings(told, "of the candidate", who="b.r1")
    assert envoy.asks().text == "of the candidate"
    envoy.desk.follow(cached(weights={"a": 1}), {"a"})
    assert not envoy.asks().hit
    envoy.desk.follow(cached(weights={"b": 1}), {"b"})
    assert envoy.asks().text == "of the candidate"


def test_of_two_answers_that_of_the_one_with_more_weight_is_given() -> None:
    envoy = Envoy(cached(weights={"a": 1, "b": 9}))
    for who in ("a.r1", "b.r1"):
        envoy.brings(envoy.asks(headers={"x-tidegate-cache": "no-cache"}), f"of {who}", who=who)
    assert envoy.asks().text == "of b.r1"


def test_another_version_forgets() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "old")
    envoy.desk.follow(cached(KEPT.model_copy(update={"version": "2"})), {"a"})
    assert not envoy.asks().hit


def test_times_of_rules() -> None:
    rules = (TtlRule(headers=(("x-class", "news"),), ttl_seconds=10),)
    envoy = Envoy(cached(KEPT.model_copy(update={"ttl_rules": rules})))
    envoy.brings(envoy.asks("today", headers={"x-class": "news"}), "x")
    envoy.brings(envoy.asks("always"), "y")
    envoy.now += 11
    assert not envoy.asks("today").hit, "whoever asks"
    assert envoy.asks("always").hit
    told = envoy.asks("always", headers={"x-class": "news"})
    assert not told.hit, "too old for news"
    envoy.brings(told, "", status=400)
    envoy.now += 50
    assert not envoy.asks("always").hit


def test_an_answer_that_somebody_finds_wrong_is_forgotten() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "wrong")
    envoy.brings(envoy.asks("another"), "right")
    told = envoy.asks(headers={"x-tidegate-cache": "forget"})
    assert not told.hit
    envoy.brings(told, "", status=500)
    assert not envoy.asks().hit, "although no better one has come"
    assert envoy.asks("another").hit


def test_what_is_saved_in_dollars() -> None:
    wanted = cached(weights={"a": 9, "b": 1}).model_copy(update={"prices": {"a": Price(input=2.0, output=10.0)}})
    envoy = Envoy(wanted)
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    for question, who in (("dear", "a.r1"), ("nobody knows what it costs", "b.r1")):
        envoy.brings(envoy.asks(question), "", who=who, answer=json.dumps({"choices": [choice], "usage": usage}))
        assert envoy.asks(question).hit
    tier = envoy.desk.tiers["kept"]
    assert tier.dollars == pytest.approx(0.003)
    assert tier.saved == {"prompt": 2000, "completion": 200}


def test_nobody_knows_whose_it_is() -> None:
    envoy = Envoy(cached())
    assert envoy.asks(client="-") == Told(False)
    assert Envoy(cached(KEPT.model_copy(update={"sharing": "Policy"}))).asks(client="-").ticket


def test_a_cache_that_nobody_names_is_forgotten() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "x")
    for _ in range(3):
        envoy.desk.follow(config({"chat": {"a": 1}}), {"a"})
        assert envoy.asks().hit, "who began before"
    envoy.now += LASTS
    envoy.desk.follow(config({"chat": {"a": 1}}), {"a"})
    assert envoy.desk.tiers == {}
    assert envoy.asks() == Told(False)


ASKED = st.tuples(
    st.sampled_from(["acme", "other", "third"]),
    st.sampled_from(["chat", "code"]),
    st.sampled_from(["hello", "Hello", "hello ", "what is it"]),
    st.sampled_from([{}, {"temperature": 0}, {"seed": 1}, {"seed": 2}, {"max_tokens": 5}]),
)


@pytest.mark.parametrize("sharing", ["Client", "Policy"])
@settings(max_examples=60)
@given(st.lists(ASKED, min_size=20, max_size=60))
def test_nobody_is_given_another_ones_answer(sharing: str, asked: list[tuple[str, str, str, dict[str, Any]]]) -> None:
    """Thousands of requests by chance: an answer is always to the very question, of the very model, of whom may share it."""
    envoy = Envoy(cached(KEPT.model_copy(update={"sharing": sharing}), "chat", "code"))
    for client, model, text, more in asked:
        whose = client if sharing == "Client" else "all"
        right = json.dumps([whose, model, text, more], sort_keys=True)
        told = envoy.asks(text, client, model, **more)
        if told.hit:
            assert told.text == right
        else:
            envoy.brings(told, right)


def test_a_moment_in_which_two_configurations_are_known() -> None:
    envoy = Envoy(cached())
    envoy.brings(envoy.asks(), "x")
    newer = cached(KEPT, "chat", "code")
    envoy.desk.expect(newer, {"a"})
    assert envoy.asks().hit
    assert envoy.asks(model="code").ticket
    extra = newer.routes[0].model_copy(update={"targets": (Target(destination="a.r1", weight=3),)})
    envoy.desk.follow(newer.model_copy(update={"routes": (extra,)}), {"a"})
    assert envoy.asks().hit
