"""JSON that is nested deeper than anybody could give it again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.brain.cache.apis.support import events, message, response
from tests.brain.cache.test_desk import Envoy, cached
from tidegate.brain.cache import key
from tidegate.brain.cache.depth import DEEPEST, may_be_deep, too_deep
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.whole import NotWhole, whole
from tidegate.brain.decide.step import Ask


def nested(deep: int) -> Any:
    return json.loads("[" * deep + "]" * deep)


@pytest.mark.parametrize(
    ("value", "deep"),
    [
        (nested(DEEPEST), False),
        (nested(DEEPEST + 1), True),
        ({"a": nested(DEEPEST - 1)}, False),
        ({"a": nested(DEEPEST)}, True),
        ([[]] * 1000, False),
        ("[" * 1000, False),
    ],
)
def test_how_deep_it_is(value: Any, deep: bool) -> None:
    assert too_deep(value) == deep
    assert may_be_deep(json.dumps(value)) or not deep


def test_a_request_of_any_depth_is_asked_of_an_engine() -> None:
    """Some can be read, and are too deep to be written into a key."""
    envoy = Envoy(cached())
    for deep in (*range(DEEPEST, 1100), 10_000):
        body = b'{"messages": [], "x": %b%b}' % (b"[" * deep, b"]" * deep)
        asked = envoy.desk.ask(Ask("chat", body, path="/v1/messages", cache="to-chat acme"))
        assert b"ticket" not in bytes(asked)  # type: ignore[arg-type]
    assert envoy.desk.tiers["kept"].results == {("bypassed", "body"): 1100 - DEEPEST + 1}
    assert key.read(json.dumps({"x": nested(DEEPEST - 1)}).encode())


@pytest.mark.parametrize("deep", [DEEPEST, 500, 900, 985, 988, 10_000])
def test_an_answer_that_is_too_deep_is_not_kept(deep: int) -> None:
    """Some can be kept, and are too deep to be given as a stream, whose events are a nest of their own."""
    x = "[" * deep + "]" * deep
    answers: dict[Kind, dict[str, Any]] = {
        "messages": message({"type": "tool_use", "id": "1", "name": "f", "input": {"x": "@"}}),
        "responses": response("x", more="@"),
        "chat": {"choices": [{"index": 0, "message": {"more": "@"}, "finish_reason": "stop"}]},
    }
    for kind, answer in answers.items():
        with pytest.raises(NotWhole, match="broken"):
            whole(kind, json.dumps(answer).replace('"@"', x), streamed=False)
    ended = events({"type": "response.completed", "response": answers["responses"]}).replace('"@"', x)
    with pytest.raises(NotWhole, match="broken"):
        whole("responses", ended, streamed=True)
