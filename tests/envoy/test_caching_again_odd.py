"""Answers that Envoy gives again, where somebody or something is odd: other routes, other versions of HTTP, a brain that ends and comes back."""

from __future__ import annotations

import json

import pytest

from tests.envoy.conftest import RealEnvoy, config
from tests.envoy.hostile.wire import CHUNKED, Answer, Wire, chunked, request
from tests.envoy.test_caching import KEPT, Model, ask, body, brain, cached, model, offered, source
from tests.envoy.test_caching_again import soon
from tests.envoy.test_decide import Brain
from tests.envoy.test_observe import lines
from tests.envoy.waiting import until
from tidegate.brain.native import built
from tidegate.contract.browsers import Cors
from tidegate.contract.observation import Observation
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.caching import AGAIN

__all__ = ["brain", "model"]
pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]


def two(first: tuple[str, ...], second: tuple[str, ...]) -> RouterConfig:
    """Two routes to two backends, with these models."""
    made = config({"chat": {"a": 1}, "other": {"b": 1}}, caches=(KEPT,))
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
    made = config({"chat": {"a": 1, "b": 1}}, caches=(KEPT,), observation=Observation(log_lines=100))
    routes = tuple(route.model_copy(update={"cache": KEPT.name}) for route in made.routes)
    wanted = made.model_copy(update={"routes": routes})
    brain.follow(wanted, "a", "b")
    envoy.offer(wanted, {"a": [model], "b": [model]})
    gave = ask(envoy).headers["x-tidegate-backend"]
    soon(envoy)
    for _ in range(9):
        soon(envoy)
    given = until(lambda: found if len(found := [x for x in lines(envoy) if x["details"] == AGAIN]) > 9 else None)
    assert {(line["backend"], line["revision"]) for line in given} == {(gave, "r1")}


def in_pieces(envoy: RealEnvoy, asked: bytes) -> Answer | None:
    """The answer to a request that comes bit by bit, if it is Envoy's."""
    with Wire(envoy.port) as wire:
        for at in range(0, len(asked), 40):
            wire.send(asked[at : at + 40])
        answers = wire.receive()
        answer = answers[-1] if answers[-1].status != 100 else wire.receive(2)[-1]
    return answer if answer.headers["x-tidegate-attempts"] == "0" else None


def test_http_as_it_may_come(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    """In many pieces, in chunks, with trailers, after a word that it may come, for a page."""
    page = "https://a.example"
    offered(envoy, brain, model, cached(cors=Cors(allow_origins=(page,))))
    ask(envoy)
    sent = json.dumps(body()).encode()
    plain = soon(envoy, headers={"origin": page})
    pieces = [sent[i : i + 7] for i in range(0, len(sent), 7)]
    for asked, shown in (
        (request(sent), None),
        (request(chunked(*pieces), CHUNKED, length=False), None),
        (request(chunked(*pieces, end=b"0\r\nx-last: 1\r\n\r\n"), CHUNKED, length=False), None),
        (request(sent, b"Expect: 100-continue"), None),
        (request(sent, b"Origin: " + page.encode()), page),
    ):
        answer = until(lambda asked=asked: in_pieces(envoy, asked))  # type: ignore[misc]
        assert (answer.status, answer.body) == (200, plain.content)
        assert answer.headers.get("access-control-allow-origin") == shown
    assert model.asked == 1
