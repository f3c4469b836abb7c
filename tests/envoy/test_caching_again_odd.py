"""Answers that Envoy gives again, where somebody or something is odd: other routes, other versions of HTTP, a brain that ends and comes back."""

from __future__ import annotations

import json

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.hostile.wire import CHUNKED, Wire, chunked, request
from tests.envoy.test_caching import KEPT, Model, ask, body, brain, cached, model, offered, source
from tests.envoy.test_caching_again import LOGGED, of_envoy, soon
from tests.envoy.test_decide import Brain
from tests.envoy.test_observe import lines
from tests.envoy.waiting import until
from tidegate.brain.native import built
from tidegate.contract.browsers import Cors
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.caching import AGAIN

__all__ = ["brain", "model"]
pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]


def two(first: tuple[str, ...], second: tuple[str, ...]) -> RouterConfig:
    """Two routes to two backends, with these models."""
    made = config({"chat": {"a": 1}, "other": {"b": 1}}, caches=(KEPT,), observation=LOGGED)
    routes = [
        route.model_copy(update={"cache": KEPT.name, "models": models})
        for route, models in zip(made.routes, (first, second), strict=True)
    ]
    return made.model_copy(update={"routes": tuple(routes)})


def test_a_model_that_moves_to_another_route(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    before, after = two(("chat", "x"), ("other",)), two(("x",), ("chat", "other"))
    for wanted in (before, after):
        brain.follow(wanted, "a", "b")
        envoy.offer(wanted, {"a": [model], "b": [model]})
        if wanted is before:
            ask(envoy)
            assert soon(envoy).headers["x-tidegate-backend"] == "a"
    answer = ask(envoy)
    assert (answer.headers["x-tidegate-backend"], source(answer)) == ("b", "miss")


def test_a_line_names_who_gave_it(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    """And not whom the weights would have asked now."""
    made = config({"chat": {"a": 1, "b": 1}}, caches=(KEPT,), observation=LOGGED)
    routes = tuple(route.model_copy(update={"cache": KEPT.name}) for route in made.routes)
    wanted = made.model_copy(update={"routes": routes})
    brain.follow(wanted, "a", "b")
    envoy.offer(wanted, {"a": [model], "b": [model]})
    gave = ask(envoy).headers["x-tidegate-backend"]
    soon(envoy)
    for _ in range(9):
        ask(envoy)
    until(lambda: of_envoy(envoy) > 9)
    given = [line for line in lines(envoy) if line["details"] == AGAIN]
    assert {(line["backend"], line["revision"]) for line in given} == {(gave, "r1")}


def test_http_as_it_may_come(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    """In chunks, in many pieces, with trailers, after a word of its own that it may come, over one connection."""
    offered(envoy, brain, model, cached(observation=LOGGED, cors=Cors(allow_origins=("https://a.example",))))
    ask(envoy)
    sent = json.dumps(body()).encode()
    plain = soon(envoy, headers={"origin": "https://a.example"})
    before = of_envoy(envoy)
    pieces = [sent[i : i + 7] for i in range(0, len(sent), 7)]
    asked = [
        request(sent),
        request(chunked(*pieces), CHUNKED, length=False),
        request(chunked(*pieces, end=b"0\r\nx-last: 1\r\n\r\n"), CHUNKED, length=False),
        request(sent, b"Expect: 100-continue"),
        request(sent, b"Origin: https://a.example"),
    ]
    with Wire(envoy.port) as wire:
        for number, each in enumerate(asked, 1):
            for at in range(0, len(each), 40):
                wire.send(each[at : at + 40])
            wire.receive(number if number < 4 else number + 1)
        answers = [answer for answer in wire.receive(6) if answer.status != 100]
    assert {(answer.status, answer.body) for answer in answers} == {(200, plain.content)}
    assert [answer.headers["x-tidegate-attempts"] for answer in answers].count("0") == 4, (
        "all but the first, whose bytes are new"
    )
    shown = [answer.headers.get("access-control-allow-origin") for answer in answers]
    assert shown == [None, None, None, None, "https://a.example"]
    assert model.asked == 1
    until(lambda: of_envoy(envoy) - before >= 4)
