"""Web pages that ask from a browser: what it is told before it asks, and whether it may show the answer, whoever gives it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.hostile.wire import ask, request
from tidegate.contract.browsers import Cors

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
HERE = "https://chat.example.com"
SENT_BY_SDKS = "authorization,content-type,openai-organization,x-stainless-lang,x-stainless-retry-count"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": SENT_BY_SDKS}


def offer(envoy: RealEnvoy, engine: Engine, *origins: str) -> None:
    """A policy with these pages; without any, CORS is off."""
    wanted = config({"chat": {"a": 1}, "nobody": {}, "empty": {"b": 1}})
    pages = Cors(allow_origins=origins) if origins else None
    envoy.offer(wanted.model_copy(update={"cors": pages}), {"a": [engine], "b": []})


def shown(answer: httpx.Response) -> dict[str, str]:
    """What a browser is told of who may read."""
    prefix = "access-control-"
    return {k.removeprefix(prefix): v for k, v in answer.headers.items() if k.startswith(prefix)}


def preflight(envoy: RealEnvoy, origin: str, path: str = CHAT, **headers: str) -> httpx.Response:
    """The question before the question."""
    return envoy.client.options(path, headers={"origin": origin, **PREFLIGHT, **headers})


def test_a_preflight_is_answered(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    offer(envoy, engine, HERE)
    for path in (CHAT, "/v1/models", "/v1/audio/transcriptions", "/v1/nowhere"):
        answer = preflight(envoy, HERE, path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert shown(answer) == {
            "allow-origin": HERE,
            "allow-methods": "GET, POST",
            "allow-headers": SENT_BY_SDKS,
            "expose-headers": "*",
            "max-age": "600",
        }
    assert engine.bodies == []


PAGES = [
    ("*", "https://anywhere.example"),
    ("*", "null"),
    (HERE, HERE),
    ("http://localhost:3000", "http://localhost:3000"),
    ("https://*.example.com", "https://chat.example.com"),
    ("https://*.example.com", "https://a.b.example.com"),
    ("https://*.example.com:8443", "https://a.example.com:8443"),
    ("app://obsidian.md", "app://obsidian.md"),
]


def test_pages_that_may(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    for allowed, asking in PAGES:
        offer(envoy, engine, "https://other.example", allowed)
        assert shown(preflight(envoy, asking))["allow-origin"] == asking
        answer = envoy.client.post(CHAT, json={"model": "chat"}, headers={"origin": asking})
        assert (answer.status_code, shown(answer)) == (200, {"allow-origin": asking, "expose-headers": "*"}), allowed
        assert answer.headers["vary"] == "origin"


STRANGERS = [
    (HERE, "https://other.example"),
    (HERE, "http://chat.example.com"),
    (HERE, "https://chat.example.com:8443"),
    (HERE, "https://chat.example.com.evil.example"),
    (HERE, "null"),
    ("https://*.example.com", "https://example.com"),
    ("https://*.example.com", "https://evil-example.com"),
    ("https://*.example.com", "https://a.example.com.evil.example"),
    ("https://*.example.com", "https://evil.example/.example.com"),
    ("https://*.example.com", "https://a-example-com"),
    ("https://*.example.com", "http://a.example.com"),
    ("", HERE),
]


def test_pages_that_may_not(envoy: RealEnvoy, engines: Engines) -> None:
    """Off, or not for this page: a browser shows nothing, and a person with curl is told why."""
    engine = engines.start()
    for allowed, asking in STRANGERS:
        offer(envoy, engine, *([allowed] if allowed else []))
        refused = preflight(envoy, asking)
        assert (refused.status_code, shown(refused)) == (405, {}), (allowed, asking)
        assert "spec.router.cors" in refused.json()["error"]["message"]
        assert shown(envoy.client.post(CHAT, json={"model": "chat"}, headers={"origin": asking})) == {}
        assert shown(envoy.client.get("/v1/models", headers={"origin": asking})) == {}


ANSWERS: dict[str, tuple[int, Callable[[RealEnvoy, dict[str, str]], httpx.Response]]] = {
    "models": (200, lambda e, h: e.client.get("/v1/models", headers=h)),
    "one model": (200, lambda e, h: e.client.get("/v1/models/chat?x", headers=h)),
    "no such model": (404, lambda e, h: e.client.get("/v1/models/none", headers=h)),
    "an answer": (200, lambda e, h: e.client.post(CHAT, json={"model": "chat"}, headers=h)),
    "no JSON": (400, lambda e, h: e.client.post(CHAT, content="x", headers=h)),
    "an unknown model": (404, lambda e, h: e.client.post(CHAT, json={"model": "none"}, headers=h)),
    "no path": (404, lambda e, h: e.client.post("/nowhere", json={"model": "chat"}, headers=h)),
    "a stored response": (404, lambda e, h: e.client.get("/v1/responses/resp_1", headers=h)),
    "another method": (405, lambda e, h: e.client.put(CHAT, json={"model": "chat"}, headers=h)),
    "gRPC": (415, lambda e, h: e.client.post(CHAT, content="{}", headers={**h, "content-type": "application/grpc"})),
    "too large": (413, lambda e, h: e.client.post(CHAT, content=b'{"model":"chat","x":"' + b"x" * (17 << 20), headers=h)),
    "nobody": (503, lambda e, h: e.client.post(CHAT, json={"model": "nobody"}, headers=h)),
    "no engine": (503, lambda e, h: e.client.post(CHAT, json={"model": "empty"}, headers=h)),
}  # fmt: skip


def test_whoever_answers_a_page_may_read_it(envoy: RealEnvoy, engines: Engines) -> None:
    offer(envoy, engines.start(), HERE)
    for name, (status, get) in ANSWERS.items():
        answer = get(envoy, {"origin": HERE})
        assert (answer.status_code, shown(answer)) == (status, {"allow-origin": HERE, "expose-headers": "*"}), name
        assert shown(get(envoy, {})) == {}, name


def test_engines_do_not_say_who_may_read(envoy: RealEnvoy, engines: Engines) -> None:
    """vLLM lets every page read every answer."""
    engine = engines.start()
    engine.more = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true", "vary": "Origin"}
    for origins in ((), (HERE,)):
        offer(envoy, engine, *origins)
        for engine.status in (200, 400, 429, 500):
            answer = envoy.client.post(CHAT, json={"model": "chat"}, headers={"origin": "https://other.example"})
            assert (answer.status_code, shown(answer)) == (engine.status, {})


def test_it_is_switched_while_requests_run(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    for origins, status in (([], 405), ([HERE], 200), (["https://other.example"], 405), (["*"], 200), ([], 405)):
        offer(envoy, engine, *origins)
        assert preflight(envoy, HERE).status_code == status, origins


def test_a_question_that_is_no_preflight_is_a_request(envoy: RealEnvoy, engines: Engines) -> None:
    offer(envoy, engines.start(), "*")
    options = request(b"", b"Origin: https://a.example", method="OPTIONS", length=False)
    answer = ask(envoy.port, options)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
