"""Limits through a real Envoy and a decision server: who is refused, in which words, and what happens without the brain."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.native.test_keys import BOTH, KEY, OTHER
from tests.envoy.test_decide import Brain, brain
from tidegate.contract.clients import ApiKeys
from tidegate.contract.limits import Limit, Limits
from tidegate.contract.router_config import RouterConfig

__all__ = ["brain"]
pytestmark = pytest.mark.envoy
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def requests(amount: int, per: str = "Client", window: float = 60, **more: Any) -> Limit:
    return Limit(name="rps", per=per, of="requests", amount=amount, window_seconds=window, **more)


def tokens(amount: int, per: str = "Client", window: float = 60, **more: Any) -> Limit:
    return Limit(name="tokens", per=per, of="tokens", amount=amount, window_seconds=window, **more)


def limited(*each: Limit, open_: bool = True, **more: Any) -> RouterConfig:
    """One model, clients with keys."""
    changes = {"api_keys": ApiKeys(secrets=("keys",)), "limits": Limits(each=each, open=open_, replicas=2)}
    return config({"chat": {"a": 1}}, **(changes | more))


def post(envoy: RealEnvoy, key: str = KEY, path: str = CHAT, **more: Any) -> httpx.Response:
    body = {"model": "chat", "max_tokens": 16} | more.pop("body", {})
    return envoy.client.post(path, json=body, headers={"x-api-key": key, **more.pop("headers", {})}, **more)


def test_a_client_over_its_limit_is_refused_and_no_other(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    wanted = limited(requests(2))
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    told = [post(envoy) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in told] == ["1", "0", "0"]
    assert told[0].headers["x-ratelimit-limit-requests"] == "2"
    assert 1 <= int(told[2].headers["retry-after"]) <= 62
    assert told[2].json()["error"]["code"] == "rate_limit_exceeded"
    assert post(envoy, OTHER).status_code == 200
    print(told[2].headers, told[2].text)
