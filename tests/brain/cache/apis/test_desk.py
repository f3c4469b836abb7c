"""The desk with Messages and Responses: asked, brought and given, to the same question and to a similar one, and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.brain.cache.apis.support import message, response
from tests.brain.cache.test_desk import Told
from tests.brain.cache.test_doubts import Routed
from tidegate.brain.cache.key import PATHS
from tidegate.brain.cache.turns import TURNS
from tidegate.brain.decide.step import Ask

BOTH = pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])


class Speaks(Routed):
    """Of one API."""

    def __init__(self, path: str, **quality: Any) -> None:
        super().__init__(**quality)
        self.kind, self.path = PATHS[path], path

    def made(self, text: str, client: str = "acme", model: str = "chat", **more: Any) -> Ask:
        """A request."""
        body = {TURNS[self.kind]: [{"role": "user", "content": text}], **more}
        return Ask(model, json.dumps(body).encode(), path=self.path, cache=f"to-{model} {client}")

    @staticmethod
    def text(answer: dict[str, Any]) -> str:
        """What a whole answer says."""
        content = answer["content"] if answer.get("type") == "message" else answer["output"][0]["content"]
        return str(content[0]["text"])

    def brings(self, told: Told, text: str, who: str = "a.r1", **changes: Any) -> None:
        """An engine's answer."""
        answer = message(text) if self.kind == "messages" else response(text)
        super().brings(told, text, who, answer=json.dumps(answer), **changes)


@BOTH
def test_the_same_question_and_a_similar_one(path: str) -> None:
    envoy = Speaks(path, sample=0.0)
    assert not envoy.turn("How do I cancel my order?", "In the shop.").hit
    again = envoy.turn("How do I cancel my order?", "")
    assert (again.text, again.headers["x-tidegate-cache"]) == ("In the shop.", "hit-memory")
    similar = envoy.turn("How do I cancel my orders?", "")
    assert (similar.text, similar.headers["x-tidegate-cache"]) == ("In the shop.", "hit-semantic")
    assert not envoy.turn("How do I not cancel my order?", "Not at all.").hit
    tier = envoy.desk.tiers["kept"]
    assert tier.saved == {"prompt": 14, "completion": 10}


@BOTH
def test_similar_questions_of_another_api_are_others(path: str) -> None:
    envoy = Speaks(path, sample=0.0)
    envoy.turn("How do I cancel my order?", "In the shop.")
    envoy.kind, envoy.path = next(
        (kind, name) for name, kind in PATHS.items() if kind in ("messages", "responses") and name != path
    )
    assert not envoy.turn("How do I cancel my orders?", "In the shop.").hit


@BOTH
def test_a_hit_that_is_looked_at_is_compared(path: str) -> None:
    envoy = Speaks(path)
    envoy.turn("How do I cancel my order?", "In the shop.")
    assert not envoy.turn("How do I cancel my orders?", "In the shop.").hit
    assert envoy.doubts.verdicts == {"right": 1}
