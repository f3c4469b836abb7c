"""Answers and streams with one thing of them changed: each is given again as it is kept, both ways, or not kept. Nothing else comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.brain.cache.apis import test_messages, test_responses
from tests.brain.cache.apis.support import events, message, read, response, streamed
from tests.brain.cache.support import plain
from tidegate.brain.cache import replay, usage
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.replay import Manner
from tidegate.brain.cache.whole import NotWhole, whole

CITED = {"type": "text", "text": "y", "citations": [{"cited_text": "x"}]}
ANSWERS: dict[Kind, dict[str, Any]] = {
    "messages": message("so it is", test_messages.CALL, test_messages.THOUGHT, CITED),
    "responses": response(test_responses.THOUGHT, "x", test_responses.CALL, test_responses.CUSTOM),
}
INSTEAD: list[Any] = [None, 10**30, "x", ["ab"], {"type": "text"}]
KINDS = pytest.mark.parametrize("kind", ANSWERS)
Changed = Iterator[tuple[Any, str]]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or object in it with each of its places."""
    for at in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, at
        yield from places(value[at])


def changed(value: Any) -> Changed:
    """With something else at each place, or nothing."""
    for number in range(sum(1 for _ in places(value))):
        for instead in (*INSTEAD, ...):
            made = deepcopy(value)
            inner, at = list(places(made))[number]
            if instead is ...:
                del inner[at]
            else:
                inner[at] = instead
            yield made, f"{at}: {instead}"


def disordered(stream: list[Any]) -> Changed:
    """One event twice, or two in the other's place."""
    for one in range(len(stream)):
        yield [*stream[: one + 1], *stream[one:]], f"{one} twice"
        for two in range(one):
            made = [*stream]
            made[one], made[two] = made[two], made[one]
            yield made, f"{two} for {one}"


def given_again(kind: Kind, text: str, *, streams: bool) -> None:
    try:
        answer = whole(kind, text, streamed=streams)
    except NotWhole:
        return
    kept = plain(kind=kind, answer=replay.kept(kind, answer))
    assert min(usage.tokens(kind, answer)) >= 0
    for stream in (False, True):
        _, body = replay.body(kept, Manner(stream=stream, usage=True))
        assert told(whole(kind, body.decode(), streamed=stream)) == told(json.loads(kept.answer))


def told(answer: Any) -> Any:
    """Without what says nothing: streams say null where JSON leaves something out, and the reverse."""
    if isinstance(answer, list):
        return [told(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: told(each) for name, each in answer.items() if each}


@KINDS
def test_an_answer(kind: Kind) -> None:
    for made, _ in changed(ANSWERS[kind]):
        given_again(kind, json.dumps(made), streams=False)


@KINDS
def test_a_stream(kind: Kind) -> None:
    stream = read(streamed(kind, ANSWERS[kind]))
    for made, _ in (*changed(stream), *disordered(stream)):
        given_again(kind, "".join(f"data: {json.dumps(event)}\n\n" for event in made), streams=True)


@KINDS
def test_a_stream_that_ends_anywhere(kind: Kind) -> None:
    """Each is none but the whole one."""
    text = events(*read(streamed(kind, ANSWERS[kind]))).rstrip("\n")
    for end in range(len(text) - 1):
        with pytest.raises(NotWhole, match="broken"):
            whole(kind, text[:end], streamed=True)
    assert whole(kind, text, streamed=True)
