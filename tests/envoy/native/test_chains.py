"""What holds and ends streams does so across backends, and at a provider as well."""

from __future__ import annotations

import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.hostile.wire import ask, request
from tests.envoy.native.player import END, JSON, MOMENT, STREAM, Player, Stage, Step, Then, chunk, event
from tests.envoy.test_fallback import BUSY, chain
from tidegate.contract.destinations import Destination, External
from tidegate.contract.patience import Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, Target

pytestmark = pytest.mark.envoy
FIRST_TOKEN = 1.0
"""Seconds."""
HURRIED = Timeouts(request_seconds=10, idle_seconds=5, first_token_seconds=FIRST_TOKEN)
STREAMED, PLAIN = request(b'{"model":"chat","stream":true}'), request(b'{"model":"chat"}')
WHOLE: tuple[Step, ...] = (STREAM, MOMENT, event("one"), END)


def with_provider(made: RouterConfig, player: Player) -> RouterConfig:
    """The chain with a provider, in the clear, as its last one."""
    external = External(host="127.0.0.1", port=player.port, tls=False, path="/v1", model="big")
    hosted = Destination(name="hosted", backend="hosted", external=external)
    chat = made.routes[0]
    before = chat.fallback.steps if chat.fallback else ()
    steps = (*before, (Target(destination="hosted", weight=1),))
    routes = (chat.model_copy(update={"fallback": Fallback(steps=steps)}), *made.routes[1:])
    return made.model_copy(update={"routes": routes, "destinations": (*made.destinations, hosted)})


@pytest.mark.parametrize("how", Then)
def test_before_the_first_byte_the_next_backend_is_asked(envoy: RealEnvoy, stage: Stage, how: Then) -> None:
    bad, worse, good = stage.player(STREAM, MOMENT, how), stage.player(STREAM, MOMENT, how), stage.player(*WHOLE)
    made = chain({"a": 1}, "b", attempts=0).model_copy(update={"timeouts": HURRIED})
    envoy.offer(with_provider(made, good), {"a": [bad], "b": [worse]})
    answer = ask(envoy.port, STREAMED)
    assert (answer.status, answer.body) == (200, b"data: one\n\n")
    assert (answer.headers["x-tidegate-backend"], answer.headers["x-tidegate-attempts"]) == ("hosted", "3")
    assert good.bodies == [b'{"model":"big","stream":true}']


def test_after_it_the_stream_ends_with_an_error(envoy: RealEnvoy, stage: Stage) -> None:
    bad, good = stage.player(Then.RESET), stage.player(STREAM, event("one"), MOMENT, Then.RESET)
    envoy.offer(with_provider(chain({"a": 1}, attempts=0, answer=BUSY), good), {"a": [bad]})
    answer = ask(envoy.port, STREAMED)
    assert answer.status == 200
    assert answer.body.startswith(b'data: one\n\ndata: {"error":')


def test_an_answer_that_is_no_stream_has_a_time_too(envoy: RealEnvoy, stage: Stage) -> None:
    bad, good = stage.player(Then.HANG), stage.player(JSON, chunk(b"{}"), END)
    times = Timeouts(request_seconds=10, idle_seconds=5, attempt_seconds=FIRST_TOKEN)
    envoy.offer(chain({"a": 1}, "b", attempts=0).model_copy(update={"timeouts": times}), {"a": [bad], "b": [good]})
    answer = ask(envoy.port, PLAIN)
    assert (answer.status, answer.headers["x-tidegate-backend"]) == (200, "b")


def test_that_time_is_over_with_the_first_byte(envoy: RealEnvoy, stage: Stage) -> None:
    slow = stage.player(STREAM, event("one"), FIRST_TOKEN * 2, event("two"), END)
    times = Timeouts(request_seconds=10, idle_seconds=5, attempt_seconds=FIRST_TOKEN)
    envoy.offer(chain({"a": 1}, "b", attempts=0).model_copy(update={"timeouts": times}), {"a": [slow], "b": []})
    assert ask(envoy.port, STREAMED).body == b"data: one\n\ndata: two\n\n"


def test_everybody_keeps_silent(envoy: RealEnvoy, stage: Stage) -> None:
    silent = [stage.player(Then.HANG) for _ in range(2)]
    made = chain({"a": 1}, "b", attempts=0, answer=BUSY).model_copy(update={"timeouts": HURRIED})
    envoy.offer(made, {"a": silent[:1], "b": silent[1:]})
    answer = ask(envoy.port, STREAMED)
    assert (answer.status, answer.error()["message"]) == (503, BUSY.message)
