"""What is told of a request, switched while Envoy runs; and who listens is nobody's business but his own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config
from tests.envoy.hostile.wire import ask, request
from tests.envoy.waiting import DEADLINE, until
from tests.support.ports import free_port
from tidegate.brain.records.outcome import FAILED, outcome
from tidegate.brain.records.record import read
from tidegate.contract.observation import Observation
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.bootstrap import bootstrap
from tidegate.envoy.observe import RECORDS_BUFFER
from tidegate.envoy.start import collector
from tidegate.envoy.types import extension

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"
HELLO = '{"model":"chat"}'
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = f"{SAMPLED[:-1]}0"
"""Clients' own, https://www.w3.org/TR/trace-context/#traceparent-header"""


def telling(**shares: float) -> RouterConfig:
    """The one route, and what is told of its requests."""
    return config({"chat": {"a": 1}}, observation=Observation(**shares))


class Records:
    """Somebody on the brain's socket. One that is deaf takes connections and reads nothing."""

    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.found: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._taken: list[socket.socket] = []
        self._deaf = deaf
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._taken.append(connection)
            if not self._deaf:
                self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        unpacker = msgpack.Unpacker()
        while text := connection.recv(1 << 16):
            unpacker.feed(text)
            for _tag, entries in unpacker:
                self.found += [record for _time, record in entries]

    def stop(self) -> None:
        """Ends it."""
        for each in self._taken:
            each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """A brain that reads."""
    made = Records(tmp_path / "records.sock")
    yield made
    made.stop()


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Records]:
    """A brain that hangs."""
    made = Records(tmp_path / "records.sock", deaf=True)
    yield made
    made.stop()


def lines(envoy: RealEnvoy) -> list[dict[str, Any]]:
    """What stands on stdout so far."""
    written = (Path(envoy.start.run_dir) / "envoy.log").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in written if line.startswith("{") and line.endswith("\n")]


def switched(envoy: RealEnvoy, engines: list[Any], **shares: float) -> None:
    """Waits until the switches, too, are those of the configuration: they come by a file of their own."""
    before = envoy.stat("runtime.load_success")
    envoy.offer(telling(**shares), {"a": engines})
    until(lambda: envoy.stat("runtime.load_success") > before)


def test_a_line_for_each_request_is_switched_on_and_off(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(telling(), {"a": [engine]})
    envoy.client.post(CHAT, content=HELLO)
    switched(envoy, [engine], log_lines=100)
    envoy.client.post(f"{CHAT}?key=sk-secret", content=HELLO, headers={"x-request-id": "order-4711"})
    envoy.client.post(CHAT, content='{"model":"none"}', headers={"authorization": "Bearer sk-secret"})
    served, refused = until(lambda: lines(envoy) if len(lines(envoy)) >= 2 else None)
    expected = {"method": "POST", "path": CHAT, "protocol": "HTTP/1.1", "model": "chat", "route": "to-chat", "backend": "a",
                "revision": "r1", "engine": f"127.0.0.1:{engine.port}", "status": 200, "attempts": 1, "client": "127.0.0.1",
                "request_id": "order-4711", "bytes_received": len(HELLO), "details": "via_upstream"}  # fmt: skip
    assert {key: served[key] for key in expected} == expected
    assert 0 <= served["first_byte_ms"] <= served["duration_ms"]
    assert (refused["status"], refused["model"], refused["backend"]) == (404, "none", None)
    assert "sk-secret" not in (Path(envoy.start.run_dir) / "envoy.log").read_text()
    switched(envoy, [engine], log_lines=0)
    envoy.client.post(CHAT, content=HELLO)
    switched(envoy, [engine], log_lines=100, records=1)
    envoy.client.post(CHAT, content='{"model":"last"}')
    assert [line["model"] for line in until(lambda: lines(envoy)[2:])] == ["last"]


def test_a_record_of_each_request_reaches_the_brain(envoy: RealEnvoy, engines: Engines, records: Records) -> None:
    """In the words that the brain reads."""
    envoy.offer(telling(records=100), {"a": [engines.start()]})
    for _ in range(5):
        assert envoy.client.post(CHAT, content=HELLO).status_code == 200
    assert envoy.client.post(CHAT, content='{"model":"none"}').status_code == 404
    found = until(lambda: records.found if len(records.found) >= 6 else None)
    *served, unknown = [read(said) for said in found]
    assert {(one.route, one.destination, outcome(one)) for one in served} == {("to-chat", "a.r1", "ok")}
    assert (unknown.destination, outcome(unknown)) == ("", "client_error")


def test_a_record_of_a_request_whose_engine_cannot_be_reached(envoy: RealEnvoy, records: Records) -> None:
    """What Envoy says of that has spaces, and none in a record."""
    envoy.offer(telling(records=100), {"a": [Engine(free_port())]})
    assert envoy.client.post(CHAT, content=HELLO).status_code == 503
    [said] = until(lambda: records.found)
    assert (read(said).destination, outcome(read(said))) == ("a.r1", "error")
    assert read(said).flags <= FAILED


def test_a_request_that_is_refused_with_foreign_headers_costs_no_record(
    envoy: RealEnvoy, engines: Engines, records: Records
) -> None:
    envoy.offer(telling(records=100), {"a": [engines.start()]})
    lines = [b"x-tidegate-in-first: a.r1 200 - via_upstream 1 9,9,9,9,9,9 - - - -", b"x-tidegate-in-first: \xff"]
    for header in lines:
        assert ask(envoy.port, request(HELLO.encode(), header, path="/a#b")).status == 400
    assert envoy.client.post(CHAT, content=HELLO).status_code == 200
    found = until(lambda: records.found if len(records.found) >= 3 else None)
    refused, told = (
        ("", "client_error", None),
        [(read(said).route, outcome(read(said)), read(said).prompt_tokens) for said in found],
    )
    assert told == [refused, refused, ("to-chat", "ok", None)]


def test_a_request_that_nobody_answered_names_who_should_have(envoy: RealEnvoy, records: Records) -> None:
    envoy.offer(telling(records=100, log_lines=100), {"a": []})
    assert envoy.client.post(CHAT, content=HELLO).status_code == 503
    [said] = until(lambda: records.found)
    assert (read(said).destination, outcome(read(said))) == ("a.r1", "error")
    [line] = until(lambda: lines(envoy))
    assert (line["route"], line["backend"], line["revision"], line["status"]) == ("to-chat", "a", "r1", 503)


def test_a_deaf_brain_costs_records_and_neither_requests_nor_memory(
    envoy: RealEnvoy, engines: Engines, deaf: Records
) -> None:
    wanted = telling(records=100)
    large = tuple(route.model_copy(update={"name": "r" * 8000}) for route in wanted.routes)  # and so are its records
    envoy.offer(wanted.model_copy(update={"routes": large}), {"a": [engines.start()]})

    def waiting() -> int:
        for _ in range(20):
            assert envoy.client.post(CHAT, content=HELLO).status_code == 200
        return envoy.stat("cluster.records.upstream_cx_tx_bytes_buffered")

    until(lambda: waiting() > RECORDS_BUFFER)
    until(lambda: waiting() < RECORDS_BUFFER)


def test_a_brain_that_comes_late_gets_records(envoy: RealEnvoy, engines: Engines, tmp_path: Path) -> None:
    envoy.offer(telling(records=100), {"a": [engines.start()]})
    for _ in range(20):
        assert envoy.client.post(CHAT, content=HELLO).status_code == 200
    assert (tmp_path / "envoy.log").read_text() == ""
    late = Records(tmp_path / "records.sock")

    def arrives() -> bool:
        envoy.client.post(CHAT, content=HELLO)
        return bool(late.found)

    until(arrives)
    late.stop()


@pytest.fixture
def traced(tmp_path: Path, engines: Engines) -> Iterator[tuple[RealEnvoy, Engine, Engine]]:
    """An Envoy, its engine, and the collector to which it was started to send."""
    engine, somebody = engines.start(), engines.start()
    envoy = RealEnvoy(tmp_path)
    traces = collector(f"http://127.0.0.1:{somebody.port}", "chat-router.test")
    envoy.begin_with(replace(envoy.start, collector=traces))
    envoy.offer(telling(), {"a": [engine]})
    yield envoy, engine, somebody
    envoy.stop()


Traced = tuple[RealEnvoy, Engine, Engine]


def asked(envoy: RealEnvoy, engine: Engine, **headers: str) -> str:
    """The traceparent that the engine got."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    assert envoy.client.post(f"{CHAT}?key=sk-secret", content=HELLO, headers=named).status_code == 200
    return engine.headers[-1]["traceparent"]


def test_traces_reach_a_collector_and_the_engine(traced: Traced) -> None:
    envoy, engine, somebody = traced
    asked(envoy, engine)
    switched(envoy, [engine], traces=100)
    asked(envoy, engine, traceparent=SAMPLED)
    spans = until(lambda: b"".join(somebody.bodies))
    assert spans.count(b"chat-router.test") == 1, "what was not sampled is not sent"
    assert b"sk-secret" not in spans


WISHES = [
    {},
    {"traceparent": SAMPLED},
    {"traceparent": UNSAMPLED},
    {"x_client_trace_id": "mine"},
    {"x_b3_sampled": "1"},
]
WISHES += [{"x_request_id": f"11111111-2222-{version}333-8444-555555555555"} for version in "479ab"]


def test_a_clients_wish_to_be_traced_or_not_is_not_followed_but_its_trace_and_its_id_are(traced: Traced) -> None:
    envoy, engine, _ = traced
    for share, ending in ((0, "-00"), (100, "-01")):
        switched(envoy, [engine], traces=share, log_lines=1)
        for wish in WISHES:
            got = asked(envoy, engine, **wish)
            assert got.endswith(ending), wish
            assert got.startswith(wish.get("traceparent", got)[:35]), wish
            assert engine.headers[-1]["x-request-id"] == wish.get("x_request_id", engine.headers[-1]["x-request-id"])


def test_one_percent_is_one_percent(traced: Traced, records: Records) -> None:
    """Of lines, of records, and of traces; 18 of 300 is what chance gives less than once in 10^8 times."""
    envoy, engine, _ = traced
    switched(envoy, [engine], log_lines=1, records=1, traces=1)
    drawn = sum(asked(envoy, engine).endswith("-01") for _ in range(300))
    switched(envoy, [engine], records=100)
    asked(envoy, engine)
    until(lambda: records.found)
    assert max(drawn, len(lines(envoy)), len(records.found) - 1) < 18


def test_a_router_starts_though_nobody_knows_where_its_collector_is(
    tmp_path: Path, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        names = {"socket_address": {"address": "127.0.0.1", "port_value": silent.getsockname()[1], "protocol": "UDP"}}
        kind = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
        resolver = {"typed_dns_resolver_config": extension("cares", kind, resolvers=[names])}
        monkeypatch.setattr("tidegate.brain.xds.bootstrap", lambda start: bootstrap(start) | resolver)
        envoy = RealEnvoy(tmp_path)
        envoy.begin_with(replace(envoy.start, collector=collector("http://collector.test", "chat-router.test")))
        try:
            envoy.offer(telling(traces=100), {"a": [engines.start()]})
            assert envoy.client.post(CHAT, content=HELLO).status_code == 200
        finally:
            envoy.stop()
