"""Providers that speak Anthropic's API: what they are sent, and that nothing of another API ever reaches them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.envoy.conftest import Engines, RealEnvoy
from tests.envoy.providers.conftest import Provider, walk
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.contract.routes import FixedAnswer
from tidegate.envoy.providers import VERSION
from tidegate.envoy.routes import ELSEWHERE

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
HELLO = {"model": "chat", "max_tokens": 5, "messages": []}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
MINE = {"authorization": "Bearer sk-mine", "x-api-key": "sk-mine"}
Run = Callable[..., None]


@pytest.fixture
def claude(engines: Engines, authority: Authority) -> Provider:
    """One that speaks Anthropic's alone."""
    return Provider("claude", engines.start(authority.server("DNS:localhost")), anthropic=True)


@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/count_tokens", f"{MESSAGES}?beta=true"])
def test_what_it_is_sent(envoy: RealEnvoy, claude: Provider, run: Run, path: str) -> None:
    run(walk(claude), {})
    answer = envoy.client.post(path, json=HELLO, headers=MINE)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "claude")
    said = claude.server.headers[-1]
    assert (said["x-api-key"], said["anthropic-version"]) == ("sk-claude", VERSION)
    assert said["host"] == f"localhost:{claude.server.port}"
    assert "authorization" not in said
    assert claude.server.paths == [path]
    assert claude.server.bodies[-1] == b'{"model":"model-of-claude","max_tokens":5,"messages":[]}'


def test_the_clients_own_version_stays(envoy: RealEnvoy, claude: Provider, run: Run) -> None:
    run(walk(claude), {})
    envoy.client.post(MESSAGES, json=HELLO, headers={"anthropic-version": "2030-01-01", "anthropic-beta": "x"})
    said = claude.server.headers[-1]
    assert (said["anthropic-version"], said["anthropic-beta"]) == ("2030-01-01", "x")


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings", f"{CHAT}?x=/v1/messages"])
def test_another_api_is_refused_plainly(envoy: RealEnvoy, claude: Provider, run: Run, path: str) -> None:
    run(walk(claude, answer=FixedAnswer(status=503, message="busy")), {})
    answer = envoy.client.post(path, json=HELLO)
    assert answer.status_code == 400
    assert answer.json()["error"] == {"message": ELSEWHERE, "type": "BadRequestError", "param": "model", "code": 400}
    assert claude.server.bodies == []


def test_another_api_goes_on_to_who_speaks_it(
    envoy: RealEnvoy, engines: Engines, claude: Provider, authority: Authority, run: Run
) -> None:
    """Before, between and behind others."""
    small, hosted = engines.start(), Provider("hosted", engines.start(authority.server("DNS:localhost")))
    run(walk(claude, "small", hosted), {"small": [small]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.headers["x-tidegate-backend"], answer.headers["x-tidegate-attempts"]) == ("small", "1")
    small.status = 503
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.headers["x-tidegate-backend"], answer.headers["x-tidegate-attempts"]) == ("hosted", "2")
    assert claude.server.bodies == []
    answer = envoy.client.post(MESSAGES, json=HELLO)
    assert answer.headers["x-tidegate-backend"] == "claude"


def test_nobody_gets_what_was_for_another_one(
    envoy: RealEnvoy, engines: Engines, claude: Provider, authority: Authority, run: Run
) -> None:
    hosted, last = Provider("hosted", engines.start(authority.server("DNS:localhost"))), engines.start()
    claude.server.status = hosted.server.status = 503
    run(walk(claude, hosted, "last"), {"last": [last]})
    answer = envoy.client.post(MESSAGES, json=HELLO, headers=MINE)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "last")
    (asked,) = hosted.server.headers
    assert asked["authorization"] == "Bearer sk-hosted"
    for server in (hosted.server, last):
        assert not {"x-api-key", "anthropic-version"} & server.headers[-1].keys()
    assert "authorization" not in last.headers[-1]
    assert last.paths == [MESSAGES]
