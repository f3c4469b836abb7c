"""Limits through a real Envoy and a decision server: who is refused, in which words, and what happens without the brain."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.brain.decide.test_step import asking
from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.hostile.wire import CHAT, ask, request
from tests.envoy.native.test_keys import BOTH, KEY, OTHER
from tests.envoy.test_decide import Brain, brain
from tests.envoy.waiting import until
from tests.support.patience import hasty, patient_waits
from tidegate.brain.native import built
from tidegate.contract.clients import ApiKeys
from tidegate.contract.limits import Limit, Limits
from tidegate.contract.observation import Observation
from tidegate.contract.router_config import RouterConfig

__all__ = ["brain", "hasty", "patient_waits"]
pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not built(), reason="clients are told apart by the native filters: make native"),
]
MESSAGES = "/v1/messages"
WORDS = ("limit", "remaining", "reset")


def requests(amount: int, per: str = "Client", window: float = 60) -> Limit:
    """Of requests."""
    return Limit.model_validate(
        {"name": "rps", "per": per, "of": "requests", "amount": amount, "windowSeconds": window}
    )


def tokens(amount: int, per: str = "Client", window: float = 60) -> Limit:
    """Of tokens."""
    return Limit.model_validate(
        {"name": "tokens", "per": per, "of": "tokens", "amount": amount, "windowSeconds": window}
    )


def limited(*each: Limit, passes: bool = True, **more: Any) -> RouterConfig:
    """One model, clients with keys."""
    changes = {"api_keys": ApiKeys(secrets=("keys",)), "limits": Limits(each=each, open=passes, replicas=2)}
    return config({"chat": {"a": 1}}, **(changes | more))


def post(envoy: RealEnvoy, key: str = KEY, path: str = CHAT, **more: Any) -> httpx.Response:
    """One request."""
    body = {"model": "chat", "max_tokens": 16} | more.pop("body", {})
    return envoy.client.post(path, json=body, headers={"x-api-key": key, **more.pop("headers", {})}, **more)


def test_a_client_over_its_limit_is_refused_and_no_other(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, wanted = engines.start(), limited(requests(2))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    told = [post(envoy) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert [answer.headers.get("x-tidegate-backend") for answer in told] == ["a", "a", None]
    assert "x-tidegate-revision" not in told[-1].headers
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in told] == ["1", "0", "0"]
    assert told[0].headers["x-ratelimit-limit-requests"] == "2"
    assert 1 <= int(told[2].headers["retry-after"]) <= 62
    assert told[2].headers["content-type"] == "application/json"
    assert told[2].json()["error"]["code"] == "rate_limit_exceeded"
    anthropic = post(envoy, path=MESSAGES)
    assert (anthropic.status_code, anthropic.json()["error"]["type"]) == (429, "rate_limit_error")
    assert anthropic.json()["request_id"] == anthropic.headers["request-id"] == anthropic.headers["x-request-id"]
    assert post(envoy, OTHER).status_code == 200
    assert not [name for seen in engine.headers for name in seen if "ask" in name or "reserved" in name]


def test_what_an_answer_says_of_other_limits_is_not_passed_on(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    """A provider speaks of the account whose key it was shown; a client would read of two limits."""
    engine, wanted = engines.start(), limited(requests(2), tokens(10_000))
    engine.more = {f"x-ratelimit-{what}-{unit}": "7" for what in WORDS for unit in ("requests", "tokens")}
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    answer = post(envoy)
    assert answer.headers.get_list("x-ratelimit-limit-requests") == ["2"]
    assert not [name for name in engine.more if "7" in answer.headers.get_list(name)]


def test_what_needs_no_engine_is_not_counted(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    wanted = limited(requests(1))
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    for _ in range(3):
        assert envoy.client.get("/v1/models", headers={"x-api-key": KEY}).status_code == 200
        assert envoy.client.get("/healthz").status_code == 200
        assert post(envoy, body={"model": "other"}).status_code == 404
        assert post(envoy, "wrong").status_code == 401
    assert [post(envoy).status_code for _ in range(2)] == [200, 429]


def test_tokens_are_reserved_by_what_is_asked_for_and_settled_by_the_answer(
    envoy: RealEnvoy, engines: Engines, brain: Brain
) -> None:
    engine, wanted = engines.start(), limited(tokens(500), observation=Observation(records=100.0))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    body = {"max_tokens": 200, "n": 2}
    first = post(envoy, body=body)
    size = len(json.dumps({"model": "chat", **body}, separators=(",", ":")))
    assert first.headers["x-ratelimit-remaining-tokens"] == str(500 - 400 - -(-size // 4))
    refused = post(envoy, body={"max_completion_tokens": 200})
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "tokens")
    too_large = post(envoy, body={"max_tokens": 600})
    assert (too_large.status_code, too_large.headers["x-should-retry"]) == (429, "false")
    # the engine of the test says nothing of tokens: what it refuses is given back
    engine.status = 500
    assert post(envoy, OTHER, body=body).status_code == 500
    engine.status = 200
    deadline = time.monotonic() + 60
    while post(envoy, OTHER, body=body).status_code != 200:
        assert time.monotonic() < deadline, "it was not given back"
        time.sleep(0.05)


def test_one_question_where_the_brain_decides_too(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    limits = Limits(each=(requests(2, "Policy"),), open=True, replicas=1)
    wanted = asking("to-chat").model_copy(update={"limits": limits})
    envoy.offer(wanted, {"a": [engines.start()], "b": []})
    brain.follow(wanted, "a")
    said = [envoy.client.post(CHAT, json={"model": "auto"}) for _ in range(3)]
    assert [answer.status_code for answer in said] == [200, 200, 429]
    assert said[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert [answer.headers.get("x-tidegate-backend") for answer in said] == ["a", "a", None]


def test_addresses_and_models(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    for per in ("Address", "Model"):
        limits = Limits(each=(requests(2, per),), open=True, replicas=1)
        wanted = config({"chat": {"a": 1}, "more": {"a": 1}}, limits=limits)
        envoy.offer(wanted, {"a": [engines.start()]})
        brain.follow(wanted, "a")
        spoofed = [{"x-forwarded-for": f"10.0.0.{n}"} for n in range(3)]
        said = [envoy.client.post(CHAT, json={"model": "chat"}, headers=h).status_code for h in spoofed]
        assert said == [200, 200, 429], per
        assert envoy.client.post(CHAT, json={"model": "more"}).status_code == (429 if per == "Address" else 200)


THREADS = 4


class Seen(Counter[int]):
    """Answers by status."""

    def __init__(self) -> None:
        super().__init__()
        self.each = [0] * THREADS
        """Answers of each thread."""


def again(seen: Seen) -> None:
    """Waits until each thread has been answered once more."""
    before = list(seen.each)
    until(lambda: all(now > then for now, then in zip(seen.each, before, strict=True)), 30)


@contextmanager
def load(envoy: RealEnvoy) -> Iterator[Seen]:
    """Requests without a pause, by status; 0 is no answer."""
    seen, stop = Seen(), threading.Event()

    def run(number: int) -> None:
        with httpx.Client(base_url=envoy.url, timeout=15) as client:
            while not stop.is_set():
                body = {"model": "chat", "max_tokens": 16}
                try:
                    seen[client.post(CHAT, json=body, headers={"x-api-key": KEY}).status_code] += 1
                except httpx.HTTPError:
                    seen[0] += 1
                seen.each[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("passes", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("end", [Brain.die, Brain.hang])
def test_without_the_brain_all_pass_or_all_are_refused(
    envoy: RealEnvoy, engines: Engines, brain: Brain, end: Callable[[Brain], None], passes: bool
) -> None:
    wanted = limited(requests(1_000_000), passes=passes)
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    with load(envoy) as seen:
        enough(seen, 50)
        end(brain)
        until(lambda: "x-ratelimit-limit-requests" not in post(envoy).headers)  # what it has given holds for a moment
        again(seen)  # none is left of those that were asked before
        before = Counter(seen)
        enough(seen, before.total() + 20)
        after = Counter(seen) - before
    assert set(after) == ({200} if passes else {503}), after
    assert set(seen) <= ({200} if passes else {200, 503}), seen
    refused = post(envoy)
    if not passes:
        assert refused.headers["retry-after"] == "5"
        assert refused.json()["error"]["message"] == "The router could not decide who answers; try again."
    else:
        assert refused.status_code == 200
        assert "x-ratelimit-limit-requests" not in refused.headers


def enough(seen: Counter[int], count: int) -> None:
    """Waits for so many answers."""
    deadline = time.monotonic() + 60
    while seen.total() < count:
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)


names = st.sampled_from(
    ["x-tidegate-in-ask", "x-tidegate-in-client", "x-tidegate-in-reserved", "x-tidegate-in-route", "x-tidegate-in-model",
     "X-Tidegate-In-Ask", "x-forwarded-for", "x-envoy-external-address", "forwarded", "x-real-ip", "x-ratelimit-limit-requests",
     "x-request-id", "x-tidegate-client", "client", "x-envoy-auth-partial-body"]
)  # fmt: skip
words = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(str.strip)
bodies = st.dictionaries(
    st.sampled_from(["max_tokens", "n", "max_completion_tokens", "stream", "user", "best_of", "max_output_tokens"]),
    st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.none() | st.booleans() | st.text(max_size=8),
    max_size=4,
)


def test_nobody_passes_a_limit_by_what_it_writes(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, wanted = engines.start(), limited(requests(1))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    assert post(envoy).status_code == 200

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(names, words), max_size=5), bodies)
    def tries(headers: list[tuple[str, str]], more: dict[str, Any]) -> None:
        lines = [f"{name}: {value}".encode() for name, value in headers]
        body = json.dumps({"model": "chat"} | more).encode()
        answer = ask(envoy.port, request(body, b"X-Api-Key: " + KEY.encode(), *lines))
        assert answer.status in (429, 400), (answer.status, headers, more)

    tries()
    assert len(engine.bodies) == 1
    assert post(envoy, OTHER).status_code == 200, "and the brain lives"
