"""Providers outside the cluster, over TLS with certificates of our own: what they are sent, and what nobody else is."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy
from tests.envoy.providers.conftest import Provider, walk
from tests.envoy.waiting import until
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.contract.affinity import Affinity
from tidegate.contract.routes import FixedAnswer
from tidegate.envoy.providers import Credentials

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
HELLO = {"model": "chat", "messages": []}
MINE = {"authorization": "Bearer sk-mine", "x-api-key": "sk-mine", "cookie": "a=sk-mine", "openai-organization": "mine"}
"""What a client shows to us, and to nobody else."""
BUSY = FixedAnswer(status=503, message="busy")
Asked = Callable[..., list[tuple[str | None, ...]]]


def seen(server: Engine) -> tuple[str | None, str, str, bytes]:
    """What a server was sent at last: its key, for whom, which path, which body."""
    headers = server.headers[-1]
    return headers.get("authorization"), headers["host"], server.paths[-1], server.bodies[-1]


def body(model: str) -> bytes:
    return b'{"model":"%b","messages":[]}' % model.encode()


def test_what_each_of_a_walk_is_sent(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None]
) -> None:
    """Engine after provider after provider after engine: nobody gets what was for another one."""
    tls = authority.server("DNS:localhost")
    first, last = engines.start(), engines.start()
    one, two, keyless = (Provider(n, engines.start(tls), key=n != "keyless", path=p)
                         for n, p in (("one", "/v1"), ("two", "/openai/v1"), ("keyless", "")))  # fmt: skip
    for server in (first, one.server, two.server, keyless.server):
        server.status = 503
    affine = Affinity(prefix=True, headers=(), address=True)
    wanted = walk("first", one, two, keyless, "last").model_copy(update={"affinity": affine})
    run(wanted, {"first": [first], "last": [last]})
    answer = envoy.client.post("/v1/chat/completions?a=b", json=HELLO, headers=MINE)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "last")
    here = f"127.0.0.1:{envoy.port}"
    assert seen(first) == (None, here, "/v1/chat/completions?a=b", body("served-first"))
    port = one.server.port
    assert seen(one.server) == ("Bearer sk-one", f"localhost:{port}", "/v1/chat/completions?a=b", body("model-of-one"))
    port = two.server.port
    assert seen(two.server) == (
        "Bearer sk-two", f"localhost:{port}", "/openai/v1/chat/completions?a=b", body("model-of-two")
    )  # fmt: skip
    port = keyless.server.port
    assert seen(keyless.server) == (None, f"localhost:{port}", "/chat/completions?a=b", body("model-of-keyless"))
    assert seen(last) == (None, here, "/v1/chat/completions?a=b", body("served-last"))
    for server in (first, one.server, two.server, keyless.server, last):
        assert "sk-mine" not in repr(server.headers)
    for provider in (one, two, keyless):
        said = provider.server.headers[-1]
        assert not [name for name in said if name.startswith(("x-tidegate", "x-envoy", "x-forwarded"))], said
        assert "openai-organization" not in said


def test_a_provider_that_answers(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None], tmp_path: Path
) -> None:
    """It is labelled without a revision, and the log speaks of what the client asked for."""
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")), path="/elsewhere")
    hosted.server.more = {"set-cookie": "a=b", "alt-svc": 'h3=":443"', "openai-organization": "ours"}
    run(walk("a", hosted), {"a": []})
    answer = envoy.client.post("/v1/chat/completions", json=HELLO, headers=MINE)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "hosted")
    assert "x-tidegate-revision" not in answer.headers
    assert not hosted.server.more.keys() & answer.headers.keys()
    assert "sk-hosted" not in "".join(p.read_text(errors="replace") for p in (tmp_path / "xds").iterdir())
    log = (tmp_path / "envoy.log").read_text()
    assert "sk-" not in log


@pytest.mark.parametrize(
    ("names", "days", "own", "host"),
    [
        (("DNS:localhost",), -1, True, "localhost"),
        (("DNS:elsewhere.example",), 1, True, "localhost"),
        (("DNS:localhost",), 1, False, "localhost"),
    ],
    ids=["expired", "of another name", "of another authority"],
)
def test_a_certificate_that_is_wrong(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None], tmp_path: Path,
    names: tuple[str, ...], days: int, own: bool, host: str,
) -> None:  # fmt: skip
    """Nothing is sent, and the next one answers."""
    signer = authority if own else Authority(tmp_path / "other", "other")
    bad = Provider("bad", engines.start(signer.server(*names, days=days)), host=host)
    last = engines.start()
    run(walk(bad, "last"), {"last": [last]})
    answer = envoy.client.post("/v1/chat/completions", json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "last")
    assert bad.server.bodies == []


def test_an_address_has_a_certificate_too(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None]
) -> None:
    hosted = Provider("hosted", engines.start(authority.server("IP:127.0.0.1")), host="127.0.0.1")
    run(walk(hosted, "a"), {"a": []})
    assert envoy.client.post("/v1/chat/completions", json=HELLO).headers["x-tidegate-backend"] == "hosted"


def test_a_name_that_nobody_has(
    envoy: RealEnvoy, engines: Engines, run: Callable[..., None], authority: Authority
) -> None:
    gone = Provider("gone", engines.start(), host="nothing.invalid")
    run(walk(gone, "a"), {"a": [engines.start()]})
    assert envoy.client.post("/v1/chat/completions", json=HELLO).headers["x-tidegate-backend"] == "a"


def test_another_key_counts_within_a_second(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None]
) -> None:
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")))
    run(walk(hosted, "a"), {"a": []})
    assert envoy.client.post("/v1/chat/completions", json=HELLO).status_code == 200

    def told(key: str) -> bool:
        envoy.client.post("/v1/chat/completions", json=HELLO)
        return seen(hosted.server)[0] == f"Bearer {key}"

    def took(key: str) -> float:
        """Seconds."""
        assert hosted.entry
        envoy.files.key(hosted.entry, key.encode())
        begun = time.monotonic()
        until(partial(told, key))
        return time.monotonic() - begun

    assert any(took(f"sk-{number}") < 1 for number in range(10)), "a busy machine may hold one up"


def test_the_end_after_a_provider_has_the_shape_that_was_asked(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None]
) -> None:
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")), path="/elsewhere")
    hosted.server.status = 500
    run(walk(hosted, answer=BUSY), {})
    answer = envoy.client.post("/v1/messages", json=HELLO)
    assert (answer.status_code, answer.json()["type"], answer.json()["error"]["message"]) == (503, "error", "busy")
    assert hosted.server.paths == ["/elsewhere/messages"]


@pytest.mark.parametrize("anthropic", [False, True])
def test_a_key_that_is_not_taken(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None], anthropic: bool
) -> None:
    """It is not the client's: the next one is asked; and where there is none, nobody says that the client's is wrong."""
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")), anthropic=anthropic)
    hosted.server.status, hosted.server.more = 401, {"www-authenticate": "Bearer"}
    path = "/v1/messages" if anthropic else "/v1/chat/completions"
    run(walk(hosted, "a"), {"a": [last := engines.start()]})
    answer = envoy.client.post(path, json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "a")
    last.status = 503
    assert envoy.client.post(path, json=HELLO).status_code == 503
    run(walk(hosted), {})
    answer = envoy.client.post(path, json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (502, "hosted")
    assert "This is not about your key." in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == ("api_error" if anthropic else "RouterError")
    assert not {"www-authenticate", "x-tidegate-in-refused"} & answer.headers.keys()
    assert len(hosted.server.bodies) == 3


def test_one_that_cannot_be_asked_is_passed_by(envoy: RealEnvoy, engines: Engines, authority: Authority) -> None:
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")))
    envoy.offer(walk(hosted, "a"), {"a": [engines.start()]}, credentials=Credentials(missing=frozenset({"hosted"})))
    assert envoy.client.post("/v1/chat/completions", json=HELLO).headers["x-tidegate-backend"] == "a"
    assert hosted.server.bodies == []
