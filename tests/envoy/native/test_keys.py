"""Who may ask: clients by their keys, over the wire and through a real Envoy."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.hostile.wire import CHAT, HELLO, Answer, Wire, ask, request
from tests.envoy.native.player import STREAM, Stage, event
from tests.envoy.waiting import until
from tidegate.contract.browsers import Cors
from tidegate.contract.clients import ApiKeys
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import observe
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.types import extension

pytestmark = pytest.mark.envoy

KEY, OTHER = "sk-acme-0123456789", "sk-globex-0123456789"
MODELS, MESSAGES, HEALTH = "/v1/models", "/v1/messages", "/healthz"
WANTED = config({"chat": {"a": 1}}, api_keys=ApiKeys(secrets=("keys",)))


def knowing(**keys: str) -> Clients:
    """Clients by their keys."""
    return Clients({hashlib.sha256(key.encode()).hexdigest(): name.rstrip("_") for name, key in keys.items()})


BOTH = knowing(acme=KEY, globex=OTHER)


@pytest.fixture
def engine(envoy: RealEnvoy, engines: Engines) -> Engine:
    """Behind a door with two clients."""
    made = engines.start()
    envoy.offer(WANTED, {"a": [made]}, BOTH)
    return made


def get(port: int, path: str, *headers: bytes) -> Answer:
    """Without a body."""
    return ask(port, request(b"", *headers, method="GET", path=path, length=False))


ROWS: list[tuple[str, tuple[bytes, ...], int]] = [
    ("OpenAI's way", (b"Authorization: Bearer %b",), 200),
    ("in other letters", (b"AUTHORIZATION: bearer  %b",), 200),
    ("Anthropic's way", (b"X-Api-Key: %b",), 200),
    ("both ways", (b"X-Api-Key: %b", b"Authorization: Bearer %b"), 200),
    ("a client's own metadata", (b"X-Api-Key: %b", b"x-tidegate-in-client: globex", b"client: globex"), 200),
    ("nothing", (), 401),
    ("nothing but a name", (b"x-tidegate-in-client: acme", b"client: acme", b"x-tidegate-client: acme"), 401),
    ("the key without its kind", (b"Authorization: %b",), 401),
    ("another kind", (b"Authorization: Basic %b",), 401),
    ("another header", (b"Api-Key: %b",), 401),
    ("a cookie", (b"Cookie: key=%b",), 401),
    ("half of it", (b"X-Api-Key: sk-acme",), 401),
    ("more of it", (b"X-Api-Key: %b0",), 401),
    ("a comma", (b"X-Api-Key: %b,%b",), 401),
    ("two in one header", (b"X-Api-Key: %b", b"X-Api-Key: other"), 401),
    ("the digest", (b"X-Api-Key: " + hashlib.sha256(KEY.encode()).hexdigest().encode(),), 401),
    ("two clients", (b"X-Api-Key: %b", b"Authorization: Bearer " + OTHER.encode()), 401),
]


@pytest.mark.parametrize("path", [CHAT, MESSAGES, MODELS])
def test_each_way_to_show_a_key(envoy: RealEnvoy, engine: Engine, path: str) -> None:
    for what, headers, status in ROWS:
        shown = [header.replace(b"%b", KEY.encode()) for header in headers]
        answer = get(envoy.port, path, *shown) if path == MODELS else ask(envoy.port, request(HELLO, *shown, path=path))
        assert answer.status == status, what
        if status == 401:
            refused(answer, path)
    assert not [name for seen in engine.headers for name in seen if name in ("authorization", "x-api-key")]
    assert len(engine.bodies) == (0 if path == MODELS else sum(status == 200 for _, _, status in ROWS))


def refused(answer: Answer, path: str) -> None:
    """In the shape of the API, and without a word of what was shown."""
    assert answer.headers["www-authenticate"] == "Bearer"
    error = json.loads(answer.body)["error"]
    if path == MESSAGES:
        assert error.keys() == {"type", "message"}
        assert error["type"] == "authentication_error"
    else:
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "invalid_api_key", None)
    whole = answer.body + repr(answer.headers).encode()
    assert not any(word in whole for word in (KEY.encode(), OTHER.encode(), b"acme", b"globex"))


@pytest.mark.parametrize("path", [f"{CHAT}?key={KEY}", f"{CHAT}?api_key={KEY}", f"{CHAT}/{KEY}", f"/{KEY}", "/x"])
def test_a_key_in_the_address_is_none(envoy: RealEnvoy, engine: Engine, path: str) -> None:
    assert ask(envoy.port, request(path=path)).status == 401
    assert engine.bodies == []


def test_health_needs_no_key(envoy: RealEnvoy, engine: Engine) -> None:
    assert [get(envoy.port, path).status for path in (HEALTH, f"{HEALTH}/", f"{HEALTH}?x", "/x/../healthz")] == [
        200
    ] * 4
    for path in ("/healthz/v1/models", "/healthz/../v1/models", "/v1/models%2fchat", "//v1/models"):
        assert get(envoy.port, path).status == 401, path
    assert engine.bodies == []


def test_pages_ask_in_advance_without_a_key_and_read_that_they_need_one(envoy: RealEnvoy, engines: Engines) -> None:
    page, stranger = b"Origin: https://a.example", b"Origin: https://b.example"
    cors = Cors(allow_origins=("https://a.example",))
    envoy.offer(WANTED.model_copy(update={"cors": cors}), {"a": [engines.start()]}, BOTH)
    advance = b"Access-Control-Request-Method: POST"
    said = {
        origin: ask(envoy.port, request(b"", origin, advance, method="OPTIONS", length=False)).status
        for origin in (page, stranger)
    }
    assert said == {page: 200, stranger: 405}
    answer = ask(envoy.port, request(HELLO, page))
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "https://a.example")


def test_before_the_secrets_are_read_nobody_is_told_that_a_key_is_wrong(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(WANTED, {"a": [engines.start()]})
    for path in (CHAT, MESSAGES):
        answer = ask(envoy.port, request(HELLO, b"X-Api-Key: " + KEY.encode(), path=path))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        answer.error()
    assert get(envoy.port, HEALTH).status == 200


def test_those_who_are_known_go_on_while_others_are_read(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(WANTED, {"a": [engines.start()]}, replace(knowing(acme=KEY), unread=True))
    keys = [(KEY, 200), (OTHER, 503)]
    assert [ask(envoy.port, request(HELLO, f"X-Api-Key: {key}".encode())).status for key, _ in keys] == [200, 503]


def test_lua_lets_nobody_in(envoy: RealEnvoy, engines: Engines) -> None:
    made = engines.start()
    envoy.begin_with(replace(envoy.start, module=""))
    envoy.offer(WANTED, {"a": [made]}, BOTH)
    for path in (CHAT, MESSAGES):
        answer = ask(envoy.port, request(HELLO, b"X-Api-Key: " + KEY.encode(), path=path))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        answer.error()
    assert (get(envoy.port, HEALTH).status, get(envoy.port, MODELS).status, made.bodies) == (200, 503, [])


def test_keys_of_every_length(envoy: RealEnvoy, engines: Engines) -> None:
    """What the filter makes of a key is what Python's hashlib makes of it."""
    keys = [("Az09-_." * 600)[:length] for length in (*range(1, 200), 4095, 4096)]
    envoy.offer(WANTED, {"a": [engines.start()]}, knowing(**{f"c{len(key)}": key for key in keys}))
    for key in keys:
        assert get(envoy.port, MODELS, b"X-Api-Key: " + key.encode()).status == 200, len(key)
        assert get(envoy.port, MODELS, b"X-Api-Key: " + key[:-1].encode() + b"~").status == 401, len(key)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An access log that tells who asked."""
    path = tmp_path / "access.log"
    kind = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
    fields = {name: field for name, field in observe.LINE.items() if name in ("client_id", "path", "status")}
    written = extension("log", kind, path=str(path), log_format={"json_format": fields})
    monkeypatch.setattr(observe, "access_logs", lambda: [written])
    return path


def test_the_log_tells_who_asked(log: Path, envoy: RealEnvoy, engine: Engine) -> None:
    spoofed = b"x-tidegate-in-client: globex"
    ask(envoy.port, request(HELLO, b"X-Api-Key: " + KEY.encode(), spoofed))
    ask(envoy.port, request(HELLO, b"X-Api-Key: wrong", spoofed))
    until(lambda: log.exists() and log.read_text().count("\n") == 2)
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["status"], line["client_id"]) for line in lines] == [(200, "acme"), (401, None)]
    assert engine.bodies


class Asking:
    """A client that asks without a pause."""

    def __init__(self, url: str, key: str) -> None:
        self.statuses: list[int] = []
        self._stop = threading.Event()
        self._client = httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=10)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.statuses.append(self._client.post(CHAT, content=HELLO).status_code)

    def stop(self) -> list[int]:
        """Every answer that it had."""
        self._stop.set()
        self._thread.join()
        self._client.close()
        return self.statuses


@pytest.fixture
def asking(envoy: RealEnvoy, engine: Engine) -> Iterator[Asking]:
    """One who has a key all the time."""
    assert engine
    made = Asking(envoy.url, KEY)
    yield made
    made.stop()


def test_keys_change_under_load(envoy: RealEnvoy, engine: Engine, asking: Asking) -> None:
    """A new key beside the old one, then alone, and others that come and go: no request of who has a key fails."""
    for number in range(20):
        known = len(asking.statuses)
        envoy.offer(WANTED, {"a": [engine]}, knowing(acme=KEY, globex=f"key-{number}", next_=f"key-{number + 1}"))
        said = [
            ask(envoy.port, request(HELLO, f"X-Api-Key: key-{n}".encode())).status
            for n in (number - 1, number, number + 1)
        ]
        assert said == [401, 200, 200], number
        until(lambda known=known: len(asking.statuses) > known)  # type: ignore[misc]
    assert set(asking.stop()) == {200}


def test_a_change_of_keys_cuts_no_stream(envoy: RealEnvoy, stage: Stage) -> None:
    gate = stage.gate()
    player = stage.player(STREAM, event("one"), gate, event("[DONE]"), b"0\r\n\r\n")
    envoy.offer(WANTED, {"a": [player]}, BOTH)
    with httpx.stream("POST", envoy.url + CHAT, content=HELLO, headers={"x-api-key": KEY}, timeout=10) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"data: one\n\n"
        envoy.offer(WANTED, {"a": [player]}, knowing(globex=OTHER))
        assert ask(envoy.port, request(HELLO, b"X-Api-Key: " + KEY.encode())).status == 401, "he is known no more"
        gate.open()
        assert b"".join(pieces) == b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEnvoy]:
    """One for many examples."""
    made, servers = RealEnvoy(tmp_path_factory.mktemp("envoy")), Engines()
    try:
        made.offer(WANTED, {"a": [servers.start()]}, BOTH)
        yield made
    finally:
        made.stop()
        servers.stop()


VALUES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([b"Bearer ", b"Bearer", b"bearer\t", b"x" * 8000, KEY.encode()]),
    st.builds(lambda a, b: a + KEY.encode() + b, st.binary(max_size=9), st.binary(max_size=9)),
    st.builds(lambda a, b: b"Bearer " + a + KEY.encode() + b, st.binary(max_size=9), st.binary(max_size=9)),
).map(lambda value: value.translate(None, b"\r\n\0"))
NAMES = st.sampled_from(
    [b"Authorization", b"X-Api-Key", b"authorization", b"Cookie", b"Api-Key", b"x-tidegate-in-client"]
)


def knows(headers: list[tuple[bytes, bytes]]) -> bool:
    """A slow and plain reading of the same rules."""
    keys = []
    for name, value in headers:
        shown = value.strip(b" \t")
        if name.lower() == b"authorization":
            keys.append(shown[7:].lstrip(b" \t\x0b\x0c") if shown[:7].lower() == b"bearer " else b"")
        elif name.lower() == b"x-api-key":
            keys.append(shown)
    return bool(keys) and all(key == KEY.encode() for key in keys)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_hostile_values(door: RealEnvoy, headers: list[tuple[bytes, bytes]]) -> None:
    before = door.pid
    lines = [name + b": " + value for name, value in headers]
    status = get(door.port, MODELS, *lines).status
    assert status in (200, 400, 401)
    if status != 400:
        assert (status == 200) is knows(headers)
    assert door.pid == before


def test_nothing_is_known_without_clients() -> None:
    wanted: RouterConfig = WANTED
    assert wanted.api_keys
    assert NOT_READ.lines == [("keys", ""), ("unread", ""), ("open", HEALTH)]
    with pytest.raises(ValueError, match="not a digest"):
        assert Clients({KEY: "acme"}).lines
    with pytest.raises(ValueError, match="not a digest"):
        assert Clients({hashlib.sha256(b"x").hexdigest(): "acme\nopen /v1/models"}).lines


def test_a_connection_goes_on_after_a_refusal(envoy: RealEnvoy, engine: Engine) -> None:
    shown = (b"X-Api-Key: wrong", b"X-Api-Key: " + KEY.encode())
    with Wire(envoy.port) as wire:
        wire.send(b"".join(request(b"", header, method="GET", path=MODELS, length=False) for header in shown))
        assert [answer.status for answer in wire.receive(2)] == [401, 200]
    assert engine.bodies == []
