"""Answers that Envoy gives again by itself, as long as the brain's word holds: a real Envoy with its native filters, and a brain."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.native.test_keys import BOTH, KEY, OTHER
from tests.envoy.test_caching import KEPT, Model, ask, brain, cached, hit, model, offered, said, source
from tests.envoy.test_decide import Brain
from tests.envoy.test_limits import limited, post, requests
from tests.envoy.test_observe import lines
from tests.envoy.waiting import until
from tidegate.brain.native import built
from tidegate.contract.cache import TtlRule
from tidegate.contract.observation import Observation
from tidegate.envoy.caching import AGAIN

__all__ = ["brain", "model"]
pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="the native filters are not built here")]


def of_envoy(answer: httpx.Response) -> bool:
    """Whether Envoy gave it by itself."""
    return bool(answer.headers["x-tidegate-attempts"] == "0")


def soon(envoy: RealEnvoy, **more: Any) -> httpx.Response:
    """The first answer that Envoy gives so."""

    def there() -> httpx.Response | None:
        answer = ask(envoy, **more)
        return answer if of_envoy(answer) else None

    return until(there)


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_the_brains_answer_to_the_byte(envoy: RealEnvoy, brain: Brain, model: Model, stream: bool) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy, stream=stream)
    of_brain = hit(envoy, stream=stream)
    again = soon(envoy, stream=stream)
    assert model.asked == 1
    assert again.content == of_brain.content
    differ = {"date", "age", "x-request-id", "x-tidegate-attempts"}
    assert {k: v for k, v in again.headers.items() if k not in differ} == {
        k: v for k, v in of_brain.headers.items() if k not in differ
    }
    assert int(again.headers["age"]) >= int(of_brain.headers["age"])


def test_another_question_is_the_brains(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    soon(envoy)
    assert source(ask(envoy, "another")) == "miss"
    assert said(ask(envoy, "another", seed=1)).startswith("answer 3")
    assert source(envoy.client.post("/v1/completions", json={"model": "chat", "prompt": "hello"})) == "miss"
    for more in ({"stream": True}, {"headers": {"cache-control": "max-age=100"}}):
        of_brain = ask(envoy, **more)
        assert (source(of_brain), of_envoy(of_brain)) == ("hit-memory", False)


def test_a_newer_answer_is_given_at_once(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    for _ in range(3):
        soon(envoy)
        assert source(ask(envoy, headers={"x-tidegate-cache": "no-cache"})) == "miss"
        until(lambda: said(ask(envoy)).startswith(f"answer {model.asked} "))
    soon(envoy)
    assert source(ask(envoy, headers={"x-tidegate-cache": "forget"})) == "miss"
    assert said(ask(envoy)).startswith(f"answer {model.asked} ")


def test_another_version_ends_it_at_once(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    soon(envoy)
    brain.follow(cached(KEPT.model_copy(update={"version": "2"})), "a")
    assert source(ask(envoy)) == "miss"


def test_a_brain_that_says_nothing_ends_it(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached())
    ask(envoy)
    soon(envoy)
    brain.die()
    until(lambda: source(ask(envoy)) == "")
    assert model.asked > 1


def test_the_time_of_an_answer_ends_it(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    memory = KEPT.memory.model_copy(update={"ttl_seconds": 2.0}) if KEPT.memory else None
    offered(envoy, brain, model, cached(KEPT.model_copy(update={"memory": memory})))
    ask(envoy)
    soon(envoy)
    until(lambda: source(ask(envoy)) == "miss")
    assert model.asked >= 2


def test_headers_that_change_how_long_are_the_brains(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    rule = TtlRule(headers=(("x-content-class", "news"),), ttl_seconds=300)
    offered(envoy, brain, model, cached(KEPT.model_copy(update={"ttl_rules": (rule,)})))
    ask(envoy)
    soon(envoy)
    of_brain = ask(envoy, headers={"x-content-class": "news"})
    assert (source(of_brain), of_envoy(of_brain)) == ("hit-memory", False)


def test_limits_count_it_and_each_client_has_his_own(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    wanted = limited(requests(50, window=3600), caches=(KEPT.model_copy(update={"sharing": "Client"}),))
    route = wanted.routes[0].model_copy(update={"cache": KEPT.name})
    wanted = wanted.model_copy(update={"routes": (route,)})
    brain.follow(wanted, "a")
    envoy.offer(wanted, {"a": [model]}, BOTH)
    told = [post(envoy, KEY) for _ in range(51)]
    assert [answer.status_code for answer in told] == [200] * 50 + [429]
    assert sum(of_envoy(answer) for answer in told[:50]) > 10
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in told[-3:]] == ["1", "0", "0"]
    assert post(envoy, OTHER).headers["x-tidegate-cache"] == "miss"


def test_the_access_log_tells_of_it(envoy: RealEnvoy, brain: Brain, model: Model) -> None:
    offered(envoy, brain, model, cached(observation=Observation(log_lines=100)))
    ask(envoy)
    soon(envoy)
    line = until(lambda: next((line for line in lines(envoy) if line["details"] == AGAIN), None))
    assert (line["status"], line["cache"], line["engine"]) == (200, "hit-memory", None)
