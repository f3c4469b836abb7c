"""One whose model does not answer is answered by the next."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config, sticky
from tests.envoy.waiting import until
from tests.support.ports import free_port
from tidegate.contract.breaking import CircuitBreaker
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, FixedAnswer, Target
from tidegate.envoy.clusters import Endpoint, eds_path, load_assignment
from tidegate.envoy.snapshot import ASSIGNMENT, response

pytestmark = pytest.mark.envoy
HELLO = {"model": "chat"}
BUSY = FixedAnswer(status=503, message='All "busy": try again, 100%')
EVERYTHING = (429, 500, 502, 503, 504)


def chain(targets: dict[str, int], *steps: str, answer: FixedAnswer | None = None, attempts: int = 1) -> RouterConfig:
    """The model `chat` with these targets, and then these steps."""
    made = config({"chat": targets} | {f"only-{name}": {name: 1} for name in steps})
    fallback = Fallback(steps=tuple((Target(destination=f"{name}.r1", weight=1),) for name in steps), answer=answer)
    routes = tuple(
        route.model_copy(update={"fallback": fallback}) if "chat" in route.models else route for route in made.routes
    )
    retry = made.retry.model_copy(update={"codes": EVERYTHING, "attempts": attempts})
    return made.model_copy(update={"routes": routes, "retry": retry})


@pytest.mark.parametrize("status", EVERYTHING)
def test_errors_move_on(envoy: RealEnvoy, engines: Engines, status: int) -> None:
    bad, good = engines.start(), engines.start()
    bad.status = status
    envoy.offer(chain({"a": 1}, "b"), {"a": [bad], "b": [good]})
    answer = envoy.client.post("/v1/completions", json=HELLO)
    assert answer.status_code == 200
    assert (answer.headers["x-tidegate-backend"], answer.headers["x-tidegate-revision"]) == ("b", "r1")
    assert answer.headers["x-tidegate-attempts"] == "3"
    assert [body for engine in (bad, good) for body in engine.bodies] == [
        b'{"model":"served-a"}', b'{"model":"served-a"}', b'{"model":"served-b"}'
    ]  # fmt: skip


def test_what_the_client_did_wrong_does_not(envoy: RealEnvoy, engines: Engines) -> None:
    bad, good = engines.start(), engines.start()
    bad.status = 400
    envoy.offer(chain({"a": 1}, "b", answer=BUSY), {"a": [bad], "b": [good]})
    answer = envoy.client.post("/v1/completions", json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (400, "a")
    assert (len(bad.bodies), good.bodies) == (1, [])


def test_no_engine_is_no_end(envoy: RealEnvoy, engines: Engines) -> None:
    """Envoy asks nobody else after a cluster that is empty."""
    good = engines.start()
    envoy.offer(chain({"a": 1}, "b", "c"), {"a": [], "b": [], "c": [good]})
    for _ in range(5):
        answer = envoy.client.post("/v1/completions", json=HELLO)
        assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "c")


def test_an_engine_that_comes_back_is_asked_first(envoy: RealEnvoy, engines: Engines) -> None:
    first, second = engines.start(), engines.start()
    wanted = chain({"a": 1}, "b")
    envoy.offer(wanted, {"a": [], "b": [second]})
    assert envoy.client.post("/v1/completions", json=HELLO).headers["x-tidegate-backend"] == "b"
    envoy.files.engines({"a.r1": (Endpoint("127.0.0.1", first.port),)})
    until(lambda: envoy.client.post("/v1/completions", json=HELLO).headers["x-tidegate-backend"] == "a")


def test_nobody_who_is_left_alone_is_no_end(envoy: RealEnvoy, engines: Engines) -> None:
    """Requests that went to nobody while an engine was left alone fail when it is back: now nobody is left alone. Then the engine leaves."""
    first, second = engines.start(), engines.start()
    envoy.offer(chain({"a": 1}, "b"), {"a": [first], "b": [second]})
    made = load_assignment("a.r1", [Endpoint("127.0.0.1", first.port)], envoy.start, walked=True)
    made["endpoints"][0]["lb_endpoints"][0]["health_status"] = "UNHEALTHY"
    path = Path(eds_path(envoy.start, "a.r1"))
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(response(ASSIGNMENT, "unwell", [made])))
    fresh.replace(path)

    def alone() -> bool:
        assert envoy.client.post("/v1/completions", json=HELLO).status_code == 200
        return envoy.stat("cluster.a.r1.outlier_detection.ejections_active") == 1

    until(alone)
    envoy.files.engines({"a.r1": ()})
    until(lambda: envoy.stat("cluster.a.r1.membership_total") == 1)
    answer = envoy.client.post("/v1/completions", json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "b")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/chat/completions", lambda body: (body["error"]["message"], body["error"]["code"])),
        ("/v1/messages", lambda body: (body["error"]["message"], 503 if body["type"] == "error" else None)),
    ],
)
def test_the_end(envoy: RealEnvoy, engines: Engines, path: str, said: object) -> None:
    bad = engines.start()
    bad.status = 503
    envoy.offer(chain({"a": 1}, "b", answer=BUSY), {"a": [bad], "b": []})
    answer = envoy.client.post(path, json=HELLO)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert said(answer.json()) == (BUSY.message, 503)  # type: ignore[operator]
    assert "x-tidegate-backend" not in answer.headers


def test_without_an_end_the_last_one_is_heard(envoy: RealEnvoy, engines: Engines) -> None:
    bad, worse = engines.start(), engines.start()
    bad.status, worse.status = 500, 429
    envoy.offer(chain({"a": 1}, "b"), {"a": [bad], "b": [worse]})
    answer = envoy.client.post("/v1/completions", json=HELLO)
    assert (answer.status_code, answer.json()["port"]) == (429, worse.port)


def test_a_chain_without_attempts_goes_on_at_once(envoy: RealEnvoy, engines: Engines) -> None:
    bad, good = engines.start(), engines.start()
    bad.status = 503
    envoy.offer(chain({"a": 1}, "b", attempts=0), {"a": [bad], "b": [good]})
    assert envoy.client.post("/v1/completions", json=HELLO).headers["x-tidegate-attempts"] == "2"
    assert len(bad.bodies) == 1


class TestTargets:
    """Weights, clients that stay, and another target where one has nobody."""

    def test_one_that_lost_its_engines_is_stood_in_for(self, envoy: RealEnvoy, engines: Engines) -> None:
        """A canary whose only engine is gone."""
        stable = engines.start()
        envoy.offer(config({"chat": {"a": 1, "b": 1}}), {"a": [stable], "b": []})
        answers = [envoy.client.post("/v1/completions", json=HELLO) for _ in range(40)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["x-tidegate-backend"] for answer in answers} == {"a"}
        tried = Counter(answer.headers["x-tidegate-attempts"] for answer in answers)
        assert tried["1"] > 5, tried
        assert tried["3"] > 5, "two at the one that is not there: its engines may have been tried again"

    def test_of_a_refused_connection_too(self, envoy: RealEnvoy, engines: Engines) -> None:
        class Gone:
            port = free_port()

        envoy.offer(config({"chat": {"a": 1, "b": 1}}), {"a": [engines.start()], "b": [Gone()]})
        codes = {envoy.client.post("/v1/completions", json=HELLO).status_code for _ in range(40)}
        assert codes == {200}

    def test_clients_stay_and_their_requests_go_on(self, envoy: RealEnvoy, engines: Engines) -> None:
        one, other, third = engines.start(), engines.start(), engines.start()
        envoy.offer(sticky(chain({"a": 1, "b": 1}, "c"), "authorization"), {"a": [one], "b": [other], "c": [third]})

        def asked(user: int) -> str:
            headers = {"authorization": f"Bearer {user}"}
            return envoy.client.post("/v1/completions", json=HELLO, headers=headers).headers["x-tidegate-backend"]

        first = {user: asked(user) for user in range(20)}
        assert set(first.values()) == {"a", "b"}
        assert {user: asked(user) for user in range(20)} == first
        one.status = 503
        assert {asked(user) for user in range(20)} == {"b"}
        other.status = 503
        assert {asked(user) for user in range(20)} == {"c"}


class TestBreaker:
    """Who answers with errors is left alone."""

    def test_and_asked_again(self, envoy: RealEnvoy, engines: Engines) -> None:
        bad, good = engines.start(), engines.start()
        bad.status = 500
        breaker = CircuitBreaker(consecutive_errors=3, eject_seconds=5)  # longer than twenty requests take
        wanted = chain({"a": 1}, "b", attempts=0).model_copy(update={"circuit_breaker": breaker})
        envoy.offer(wanted, {"a": [bad], "b": [good]})
        codes = {envoy.client.post("/v1/completions", json=HELLO).status_code for _ in range(20)}
        assert (codes, len(bad.bodies)) == ({200}, 3)
        bad.status = 200
        until(lambda: envoy.client.post("/v1/completions", json=HELLO).headers["x-tidegate-backend"] == "a", 30)

    def test_all_engines_may_be(self, envoy: RealEnvoy, engines: Engines) -> None:
        bad, worse, good = engines.start(), engines.start(), engines.start()
        bad.status = worse.status = 500
        breaker = CircuitBreaker(consecutive_errors=2, eject_seconds=30)
        wanted = chain({"a": 1}, "b", attempts=0).model_copy(update={"circuit_breaker": breaker})
        envoy.offer(wanted, {"a": [bad, worse], "b": [good]})
        answers = [envoy.client.post("/v1/completions", json=HELLO) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert (len(bad.bodies), len(worse.bodies)) == (2, 2)

    def test_one_of_them_answers_for_all_when_it_alone_is_well(self, envoy: RealEnvoy, engines: Engines) -> None:
        bad, well, other = engines.start(), engines.start(), engines.start()
        bad.status = 500
        breaker = CircuitBreaker(consecutive_errors=1, eject_seconds=30)
        wanted = chain({"a": 1}, "b", attempts=0).model_copy(update={"circuit_breaker": breaker})
        envoy.offer(wanted, {"a": [bad, well], "b": [other]})
        answers = [envoy.client.post("/v1/completions", json=HELLO) for _ in range(20)]
        assert Counter(answer.headers["x-tidegate-backend"] for answer in answers) == {"a": 19, "b": 1}
