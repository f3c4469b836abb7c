"""Providers outside the cluster, over TLS with certificates of our own: what they are sent, and what nobody else is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.waiting import until
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.contract.affinity import Affinity
from tidegate.contract.destinations import Destination, External, SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, FixedAnswer, Target
from tidegate.envoy.providers import Credentials

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
HELLO = {"model": "chat", "messages": []}
MINE = {"authorization": "Bearer sk-mine", "x-api-key": "sk-mine", "cookie": "a=sk-mine", "openai-organization": "mine"}
"""What a client shows to us, and to nobody else."""
BUSY = FixedAnswer(status=503, message="busy")
Asked = Callable[..., list[tuple[str | None, ...]]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One for all."""
    return Authority(tmp_path_factory.mktemp("ca"))


class Provider:
    """A destination, and the server behind it."""

    def __init__(
        self, name: str, server: Engine, *, key: bool = True, host: str = "localhost", path: str = "/v1"
    ) -> None:
        self.name, self.server = name, server
        self.entry = SecretEntry(secret=name, entry="token") if key else None
        ca = SecretEntry(secret="ca", entry="ca.crt")
        external = External(host=host, port=server.port, path=path, model=f"model-of-{name}", key=self.entry, ca=ca)
        self.destination = Destination(name=name, backend=name, external=external)


def walk(*steps: Provider | str, answer: FixedAnswer | None = None) -> RouterConfig:
    """The model `chat`, asked of these one after the other, each once; a name is that of an engine."""
    names = [step if isinstance(step, str) else step.name for step in steps]
    made = config({"chat": {step: 1 for step in steps if isinstance(step, str)}})
    targets = [Target(destination=f"{name}.r1" if isinstance(step, str) else name, weight=1)
               for name, step in zip(names, steps, strict=True)]  # fmt: skip
    fallback = Fallback(steps=tuple((target,) for target in targets[1:]), answer=answer)
    route = made.routes[0].model_copy(update={"targets": (targets[0],), "fallback": fallback})
    providers = tuple(step.destination for step in steps if isinstance(step, Provider))
    retry = made.retry.model_copy(update={"attempts": 0, "codes": (429, 500, 503)})
    destinations = (*made.destinations, *providers)
    return made.model_copy(update={"routes": (route,), "destinations": destinations, "retry": retry})


@pytest.fixture
def run(envoy: RealEnvoy, authority: Authority) -> Iterator[Callable[..., None]]:
    """Makes Envoy run a walk, with keys `sk-NAME`."""

    def begin(wanted: RouterConfig, engines: dict[str, list[Engine]], **changes: object) -> None:
        for destination in wanted.destinations:
            if destination.external and destination.external.key:
                envoy.files.key(destination.external.key, f"sk-{destination.name}".encode())
        file = envoy.files.certificates("ca", authority.pem)
        known = {d.name: file for d in wanted.destinations if d.external}
        credentials = Credentials(authorities=known)
        envoy.offer(wanted, engines, credentials=credentials)

    return begin  # type: ignore[return-value]


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
    assert hosted.entry
    envoy.files.key(hosted.entry, b"sk-new")
    begun = time.monotonic()

    def told() -> bool:
        envoy.client.post("/v1/chat/completions", json=HELLO)
        return seen(hosted.server)[0] == "Bearer sk-new"

    until(told)
    assert time.monotonic() - begun < 1


def test_the_end_after_a_provider_has_the_shape_that_was_asked(
    envoy: RealEnvoy, engines: Engines, authority: Authority, run: Callable[..., None]
) -> None:
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")), path="/elsewhere")
    hosted.server.status = 500
    run(walk(hosted, answer=BUSY), {})
    answer = envoy.client.post("/v1/messages", json=HELLO)
    assert (answer.status_code, answer.json()["type"], answer.json()["error"]["message"]) == (503, "error", "busy")
    assert hosted.server.paths == ["/elsewhere/messages"]


def test_one_that_cannot_be_asked_is_passed_by(envoy: RealEnvoy, engines: Engines, authority: Authority) -> None:
    hosted = Provider("hosted", engines.start(authority.server("DNS:localhost")))
    envoy.offer(walk(hosted, "a"), {"a": [engines.start()]}, credentials=Credentials(missing=frozenset({"hosted"})))
    assert envoy.client.post("/v1/chat/completions", json=HELLO).headers["x-tidegate-backend"] == "a"
    assert hosted.server.bodies == []
