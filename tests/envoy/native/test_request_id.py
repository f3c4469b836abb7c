"""Libraries of Anthropic's API find a request's name in the header `request-id`, of every answer."""

from __future__ import annotations

import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.hostile.wire import CHAT, ask, request
from tests.envoy.native.conftest import offer
from tests.envoy.native.player import END, JSON, MOMENT, STREAM, Stage, Step, Then, chunk, event

pytestmark = pytest.mark.envoy

MESSAGES = "/v1/messages"
ANSWERS: dict[str, tuple[int, bytes, tuple[Step, ...]]] = {
    "an engine's": (200, b'{"model":"chat"}', (JSON, chunk(b"{}"), END)),
    "a stream": (200, b'{"model":"chat"}', (STREAM, event("one"), END)),
    "a filter's": (400, b"[]", ()),
    "a route's": (404, b'{"model":"nobody"}', ()),
    "Envoy's": (503, b'{"model":"chat"}', (STREAM, MOMENT, Then.CLOSE)),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_kind_of_answer(envoy: RealEnvoy, stage: Stage, answer: str) -> None:
    status, body, steps = ANSWERS[answer]
    offer(envoy, stage.player(*steps))
    found = ask(envoy.port, request(body, b"x-request-id: order-4711", path=MESSAGES))
    assert (found.status, found.headers["request-id"]) == (status, "order-4711")


def test_a_request_without_a_name_gets_one(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(JSON, chunk(b"{}"), END))
    headers = ask(envoy.port, request(path=MESSAGES)).headers
    assert headers["request-id"] == headers["x-request-id"]


def test_other_apis_have_no_such_header(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(JSON, chunk(b"{}"), END))
    assert "request-id" not in ask(envoy.port, request(path=CHAT)).headers
