"""Requests that are wrong as HTTP, paths that lead elsewhere, and headers that would steer the router."""

from __future__ import annotations

import json
import struct

import pytest

from tests.envoy.hostile.conftest import Front
from tests.envoy.hostile.wire import CHAT, CHUNKED, HELLO, Wire, ask, chunked, exchange, request

pytestmark = pytest.mark.envoy

REFUSED: dict[str, tuple[bytes, int]] = {
    "HTTP/0.9": (b"GET /\r\n\r\n", 404),
    "no version": (b"POST /v1/chat/completions\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), 400),
    "no host": (request().replace(b"Host: router\r\n", b""), 400),
    "length and chunks": (request(chunked(HELLO), CHUNKED), 400),
    "chunks and length": (request(HELLO, CHUNKED), 400),
    "space before the colon": (request(chunked(HELLO), b"Transfer-Encoding : chunked", length=False), 400),
    "unknown transfer-encoding": (request(HELLO, b"Transfer-Encoding: xchunked", length=False), 501),
    "chunked first": (request(chunked(HELLO), b"Transfer-Encoding: chunked, identity", length=False), 501),
    "gzip, chunked": (request(chunked(HELLO), b"Transfer-Encoding: gzip, chunked", length=False), 501),
    "chunked twice": (request(chunked(HELLO), CHUNKED, CHUNKED, length=False), 501),
    "two lengths": (request(HELLO, b"Content-Length: 5"), 400),
    "the same length twice": (request(HELLO, b"Content-Length: 16"), 400),
    "a list of lengths": (request(HELLO, b"Content-Length: 16, 16", length=False), 400),
    "a signed length": (request(HELLO, b"Content-Length: +16", length=False), 400),
    "a negative length": (request(HELLO, b"Content-Length: -1", length=False), 400),
    "a hexadecimal length": (request(HELLO, b"Content-Length: 0x10", length=False), 400),
    "a huge length": (request(HELLO, b"Content-Length: 99999999999999999999", length=False), 400),
    "a chunk's length is a word": (request(b"zz\r\n" + HELLO, CHUNKED, length=False), 400),
    "a chunk's length is huge": (request(b"f" * 20 + b"\r\n" + HELLO, CHUNKED, length=False), 400),
    "a chunk's length is negative": (request(b"-10\r\n" + HELLO, CHUNKED, length=False), 400),
    "a chunk is longer than it says": (request(b'1\r\n{"}\r\n0\r\n\r\n', CHUNKED, length=False), 400),
    "chunks with bare newlines": (request(b"10\n" + HELLO + b"\n0\n\n", CHUNKED, length=False), 400),
    "a trailer without a colon": (request(chunked(HELLO, end=b"0\r\nwrong\r\n\r\n"), CHUNKED, length=False), 400),
    "NUL in a value": (request(HELLO, b"X-A: b\0c"), 400),
    "NUL in a name": (request(HELLO, b"X-\0A: b"), 400),
    "no name": (request(HELLO, b": b"), 400),
    "no colon": (request(HELLO, b"abc"), 400),
    "many headers": (request(HELLO, *(b"X-%d: b" % i for i in range(120))), 431),
    "a large header": (request(HELLO, b"X-A: " + b"a" * 70_000), 431),
    "a long URL": (request(path=CHAT + "?" + "a" * 70_000), 431),
    "a fragment": (request(path=CHAT + "#x"), 400),
    "a NUL in the path": (request(path=CHAT + "%00"), 400),
    "bytes in the path": (request(path=b"/v1/chat/\xff"), 400),
    "a space in the path": (request(path="/v1/chat /completions"), 400),
    "another scheme": (request(path="ftp://router" + CHAT), 400),
    "an address with https": (request(path="https://router" + CHAT), 400),
    "a WebSocket": (request(HELLO, b"Connection: upgrade", b"Upgrade: websocket"), 403),
    "a tunnel": (request(b"", method="CONNECT", path="router:80"), 404),
    "a star": (request(b"", method="OPTIONS", path="*"), 404),
    "an unknown method": (request(method="FOO"), 400),
    "QUERY": (request(method="QUERY"), 400),
    "QUERY, with a type": (request(HELLO, b"Content-Type: application/json", method="QUERY"), 405),
    "a method in small letters": (request(method="post"), 400),
    "GET": (request(method="GET"), 405),
    "PUT": (request(method="PUT"), 405),
    "TRACE": (request(b"", method="TRACE", path="/v1/models"), 405),
    "DELETE": (request(b"", method="DELETE", path="/v1/models/chat"), 405),
    "gzip": (request(HELLO, b"Content-Encoding: gzip"), 415),
    "gzip within identity": (request(HELLO, b"Content-Encoding: identity", b"Content-Encoding: gzip"), 415),
    "the body is shorter": (request(HELLO, b"Content-Length: 10", length=False), 400),
    "no length": (request(length=False), 400),
}


def test_wrong_http_is_refused_as_openai_would(front: Front) -> None:
    for name, (data, status) in REFUSED.items():
        answers = exchange(front.port, data)
        assert answers, name
        assert answers[0].status == status, (name, answers)
        said = answers[0].error()["message"]
        assert not any(word in said.lower() for word in ("envoy", "upstream", "lua", "codec")), (name, said)
    assert front.arrived() == []


PASSED: dict[str, bytes] = {
    "plain": request(),
    "an empty line before": b"\r\n" + request(),
    "bare newlines": request(HELLO).replace(b"\r\n", b"\n"),
    "chunks": request(chunked(HELLO[:3], HELLO[3:]), CHUNKED, length=False),
    "chunks of one byte": request(chunked(*(bytes([b]) for b in HELLO)), CHUNKED, length=False),
    "a chunk's extension": request(b"10;a=b\r\n" + HELLO + b"\r\n0\r\n\r\n", CHUNKED, length=False),
    "a folded transfer-encoding": request(chunked(HELLO), b"Transfer-Encoding:\r\n chunked", length=False),
    "trailers": request(
        chunked(
            HELLO, end=b"0\r\nx-tidegate-in-model: chat-2\r\nx-tidegate-in-splice: 1-1/1\r\ncontent-length: 1\r\n\r\n"
        ),
        CHUNKED,
        b"Trailer: x-tidegate-in-model",
        length=False,
    ),
    "a folded header": request(HELLO, b"X-A: b\r\n c"),
    "a carriage return in a header": request(HELLO, b"X-A: b\rX-Tidegate-Model: chat-2"),
    "bytes in a header": request(HELLO, b"X-A: \xff\xfe"),
    "two hosts": request(HELLO, b"Host: other"),
    "many headers": request(HELLO, *(b"X-%d: b" % i for i in range(90))),
    "a large header": request(HELLO, b"X-A: " + b"a" * 50_000),
    "a slash at the end": request(path=CHAT + "/"),
    "slashes at the end, and a query": request(path=CHAT + "///?a=b/"),
    "an escaped slash at the end": request(path=CHAT + "%2f"),
    "a query": request(path=CHAT + "?a=/../../sleep&model=chat-2"),
    "an address": request(path="http://elsewhere" + CHAT),
    "HTTP/1.0, as nginx speaks it": request(version="HTTP/1.0"),
    "a later HTTP/1": request(version="HTTP/1.2"),
    "HTTP/1.0 without a host": request(version="HTTP/1.0").replace(b"Host: router\r\n", b""),
    "TLS offered": request(HELLO, b"Connection: Upgrade", b"Upgrade: TLS/1.2"),
    "a newer TLS offered": request(HELLO, b"Connection: upgrade", b"Upgrade: TLS/1.3"),
    "headers with underscores": request(
        HELLO, b"x_tidegate_model: chat-2", b"ot-baggage-sentry-trace_id: 1", b"session_id: 1"
    ),
    "HTTP/2 offered": request(HELLO, b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"),
    "no encoding": request(HELLO, b"Content-Encoding: identity"),
    "a path with detours": request(path="/v1/../../v1//./chat///completions"),
    "escaped slashes": request(path="/v1%2fchat%2Fcompletions"),
    "escaped letters": request(path="/v1/%63hat/completions"),
    "backslashes": request(path="/v1\\chat%5ccompletions"),
}


def test_what_is_passed_on_is_one_clean_request(front: Front) -> None:
    engine = front.engine()
    for name, data in PASSED.items():
        answer = ask(front.port, data)
        assert answer.status == 200, (name, answer)
        assert [r.body for r in engine.requests] == [b'{"model":"served-a"}'], name
        arrived = engine.requests.pop()
        assert arrived.path.partition("?")[0] == CHAT, name
        assert arrived.headers["x-tidegate-in-model"] == "chat", name
        assert not any("\r" in value or "\n" in value for value in arrived.headers.values()), name
        assert not any("_" in key for key in arrived.headers), name


SECRETS = (
    "Authorization: Bearer sk-1",
    "X-Api-Key: sk-1",
    "Api-Key: sk-1",
    "Cookie: s=sk-1",
    "Proxy-Authorization: Basic sk-1",
)


def test_what_a_client_shows_at_the_door_stays_there(front: Front) -> None:
    engine = front.engine()
    for line in SECRETS:
        assert ask(front.port, request(HELLO, line.encode())).status == 200
        assert not any("sk-1" in value for value in engine.requests.pop().headers.values()), line


def test_a_request_keeps_its_name(front: Front) -> None:
    """The client's own, or one of ours; the answer and the engine say the same."""
    engine = front.engine()
    answer = ask(front.port, request(HELLO, b"X-Request-Id: order-4711"))
    assert answer.headers["x-request-id"] == engine.requests.pop().headers["x-request-id"] == "order-4711"
    answer = ask(front.port, request())
    assert answer.headers["x-request-id"] == engine.requests.pop().headers["x-request-id"] != ""
    assert (
        ask(front.port, request(b'{"model":"none"}', b"X-Request-Id: order-4712")).headers["x-request-id"]
        == "order-4712"
    )


def test_100_continue_is_ours_to_say(front: Front) -> None:
    with Wire(front.port) as wire:
        head, body = request(HELLO, b"Expect: 100-continue").split(b"\r\n\r\n")
        wire.send(head + b"\r\n\r\n")
        assert [a.status for a in wire.receive()] == [100]
        wire.send(body)
        assert [a.status for a in wire.receive(2)] == [100, 200]
    assert "expect" not in front.engine().requests[0].headers


ELSEWHERE = [
    "/", "/v1", "/v1/", "/metrics", "/health", "/ping", "/version", "/load", "/docs", "/openapi.json", "/stats", "/stats/prometheus",
    "/config_dump", "/clusters", "/quitquitquit", "/status", "/drain", "/livez", "/ready", "/started", "/sleep", "/wake_up",
    "/is_sleeping", "/load_lora_adapter", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/invocations", "/reset_prefix_cache",
    "/collective_rpc", "/server_info", "/start_profile", "/stop_profile", "/scale_elastic_ep", "/pause", "/resume",
    "/v1/audio", "/v1/realtime", "/inference/v1/generate", "/inference/v1/abort_requests", "/v1/chat/completions/render",
    "/v1/completions/derender", "/v1/responses/resp_1", "/v1/responses/resp_1/cancel", CHAT + "/x", CHAT + "/../../../sleep", CHAT + "/%2e%2e/%2e%2e/%2e%2e/sleep", CHAT + "%2f..%2f..%2f..%2fsleep", CHAT + ";x",
    CHAT + "%20", CHAT + "%zz", CHAT + "%3f", CHAT + "%252f..%252f..%252f..%252fsleep", "/V1/chat/completions", "//sleep", "/./sleep",
    "/v1/models/../../sleep", "/v1/models/%2e%2e/%2e%2e/sleep", "/healthz/../sleep", "http://router/sleep", "/sleep?/v1/models/",
    "/sleep;/v1/models/chat", "/healthz/x", "/sleep/", "/v1/models/..%2f..%2fsleep", "/v1\\..\\sleep",
]  # fmt: skip


def test_only_the_public_paths_are_there(front: Front) -> None:
    with Wire(front.port) as wire:
        for number, path in enumerate(ELSEWHERE, 1):
            wire.send(request(b"", path=path, method="GET", length=False))
            answer = wire.receive(number)[-1]
            assert (answer.status, answer.error()["type"]) == (404, "NotFoundError"), (path, answer)
    for path in ELSEWHERE:
        assert ask(front.port, request(path=path)).error()["code"] == 404, path
    assert front.arrived() == []


def test_own_paths_take_a_query_and_nothing_else(front: Front) -> None:
    def get(path: str, method: str = "GET") -> tuple[int, bytes]:
        answer = ask(front.port, request(b"", path=path, method=method, length=False))
        return answer.status, answer.body

    listed = get("/v1/models")
    assert get("/v1/models?limit=20") == get("//v1/./models?") == listed
    assert [model["id"] for model in json.loads(listed[1])["data"]] == [
        "chat", "chat-2", "nobody", "ns/big.model:8b", "served-c",
    ]  # fmt: skip
    assert json.loads(get("/v1/models/ns%2Fbig.model:8b")[1])["id"] == "ns/big.model:8b"
    assert get("/healthz?x") == get("/healthz/") == (200, b"ok\n")
    assert get("/v1/models/") == get("/v1/models//?limit=20") == listed
    assert get("/v1/models/chat/") == get("/v1/models/chat")
    for path in ("/v1/models/cha", "/v1/models/Chat", "/v1/models/chat/x", "/v1/models/%", "/v1/models/v1/models"):
        assert get(path)[0] == 404, path
    for method in ("POST", "PUT", "PATCH", "OPTIONS"):
        assert get("/v1/models", method)[0] == get("/healthz?x", method)[0] == 405


INTERNAL = ("model", "splice", "draining", "route", "whatever-comes-next")
DECISIONS = (*(f"in-{name}" for name in INTERNAL), "backend", "revision", "decision", "attempts")
SPELLINGS = ("x-tidegate-in", "X-Tidegate-In", "X-TIDEGATE-IN")
SPOOFED = [
    *(f"{spelling}-{name}: chat-2" for name in INTERNAL for spelling in SPELLINGS),
    "x-tidegate-in-splice: 1-9/16",
    "x-tidegate-in-splice: 99999999999-1/0",
    "x-envoy-retry-on: 5xx,retriable-4xx,retriable-headers",
    "X-Envoy-Retry-On: 5xx",
    "x-envoy-max-retries: 50",
    "x-envoy-retriable-status-codes: 400,500",
    "x-envoy-upstream-rq-timeout-ms: 1",
    "x-envoy-upstream-rq-per-try-timeout-ms: 1",
    "x-envoy-upstream-alt-stat-name: spoofed",
    "x-envoy-original-path: /sleep",
    "x-envoy-original-url: http://router/sleep",
    "x-envoy-decorator-operation: spoofed",
    "x-envoy-internal: true",
    "x-envoy-force-trace: 1",
    "x-envoy-hedge-on-per-try-timeout: true",
    "x-envoy-external-address: 10.0.0.1",
    "x-envoy-expected-rq-timeout-ms: 1",
    "x-envoy-downstream-service-cluster: spoofed",
    "x-forwarded-for: 10.0.0.1, 127.0.0.1",
    "x-forwarded-proto: https",
    "connection: x-tidegate-in-model, x-tidegate-in-splice, content-length, keep-alive",
    "te: trailers",
    "x-http-method-override: GET",
    "x-original-url: /sleep",
    "x-rewrite-url: /sleep",
]


def test_headers_do_not_steer_the_router(front: Front) -> None:
    engine = front.engine()
    engine.status, engine.headers = 400, ("x-envoy-ratelimited: true",)
    for line in SPOOFED:
        answer = ask(front.port, request(HELLO, line.encode(), line.encode()))
        assert answer.status == 400, line
        assert answer.headers["x-tidegate-backend"] == "a", line
        [(name, body)] = front.arrived()
        assert (name, body) == ("a", b'{"model":"served-a"}'), line
        arrived = engine.requests.pop().headers
        assert {key for key in arrived if key.startswith("x-tidegate-")} == {
            "x-tidegate-in-model",
            "x-tidegate-in-splice",
        }, line
        assert arrived["x-tidegate-in-model"] == "chat", line
        assert arrived["x-tidegate-in-splice"] == "11-14/16", line
        assert {key for key in arrived if key.startswith("x-envoy-")} <= {"x-envoy-external-address"}, line
        assert arrived.get("x-envoy-external-address") != "10.0.0.1", line
        assert arrived["x-forwarded-proto"] == "http", line
    unknown = request(b'{"model":"none"}', *(line.encode() for line in SPOOFED))
    assert ask(front.port, unknown).status == 404


def test_an_engine_does_not_speak_for_the_router(front: Front) -> None:
    spoken = (
        "server: engine/1.0",
        *(f"x-tidegate-{name}: spoofed" for name in DECISIONS if name != "in-whatever-comes-next"),
    )
    for status in (200, 400, 500):
        front.engine().status, front.engine().headers = status, spoken
        answer = ask(front.port, request(HELLO, b"x-tidegate-backend: spoofed"))
        assert answer.status == status
        ours = {key: value for key, value in answer.headers.items() if key.startswith(("x-tidegate", "server"))}
        assert ours.pop("x-tidegate-attempts").isdigit(), "one that says that it drains is asked no further"
        assert ours == {
            "x-tidegate-backend": "a",
            "x-tidegate-revision": "r1",
            "x-tidegate-decision": "to-chat",
        }


def test_an_engine_that_breaks_is_not_described(front: Front) -> None:
    for instead in (b"", b"HTTP/1.1 200", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"):
        front.engine().instead = instead
        answer = ask(front.port, request())
        assert (answer.status, answer.headers["retry-after"]) == (503, "5"), (instead, answer)
        assert answer.error()["message"] == "The engine broke off; try again.", instead


def test_offers_that_nobody_has_to_take(front: Front) -> None:
    for offer in (b"TLS/1.2", b"TLS/1.0, HTTP/2.0", b"h2c"):
        lines = (b"Connection: Upgrade", b"Upgrade: " + offer)
        for path in ("/v1/models", "/healthz", "/v1/models/chat"):
            assert ask(front.port, request(b"", *lines, path=path, method="GET", length=False)).status == 200, (
                offer,
                path,
            )
        assert ask(front.port, request(chunked(HELLO), CHUNKED, *lines, length=False)).status == 200, offer


def test_http_1_0_is_answered_in_its_own_way(front: Front) -> None:
    """As nginx asks: no chunks, and the connection is closed unless the client asks to keep it."""
    with Wire(front.port) as wire:
        wire.send(request(version="HTTP/1.0"))
        answer = wire.receive(2)
        assert [a.status for a in answer] == [200]
        assert answer[0].headers["connection"] == "close"
    with Wire(front.port) as wire:
        for number in range(1, 4):
            wire.send(request(HELLO, b"Connection: keep-alive", version="HTTP/1.0"))
            assert [a.status for a in wire.receive(number)] == [200] * number
    for path, status in (("/v1/models", 200), ("/healthz", 200), (CHAT, 405), ("/nowhere", 404)):
        plain = request(b"", path=path, method="GET", version="HTTP/1.0", length=False)
        assert ask(front.port, plain).status == status, path
    assert ask(front.port, request(b'{"model":"none"}', version="HTTP/1.0")).error()["code"] == 404


def test_many_requests_at_once_are_answered_in_order(front: Front) -> None:
    models = [*["chat", "chat-2", "served-c"] * 20, "none"]
    data = b"".join(request(json.dumps({"model": model}).encode()) for model in models)
    answers = exchange(front.port, data, len(models))
    assert [a.headers.get("x-tidegate-backend") for a in answers] == [*"abc" * 20, None]


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def http2_request(body: bytes, *headers: tuple[str, str]) -> bytes:
    """One request with prior knowledge, its headers as literals. RFC 9113, RFC 7541."""
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "router"), (":path", CHAT), *headers]
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields
    )
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0)
    return preface + _frame(1, 4, 1, block) + _frame(0, 1, 1, body)


def _data(port: int, sent: bytes) -> bytes:
    """The DATA of stream 1 until it ends, or what came until the connection did."""
    with Wire(port) as wire:
        wire.send(sent)
        wire.socket.settimeout(10)
        stream = wire.socket.makefile("rb")
        found = b""
        while head := stream.read(9):
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = stream.read(length)
            found += payload if kind == 0 else b""
            if kind == 3 or (kind in (0, 1) and flags & 1):
                break
        return found


def test_http2_is_the_same_door(front: Front) -> None:
    spoofed = (("x-tidegate-in-model", "chat-2"), ("x-envoy-max-retries", "9"), ("x-tidegate-in-splice", "1-1/1"))
    assert b"chat.completion" in _data(front.port, http2_request(HELLO, *spoofed))
    assert front.arrived() == [("a", b'{"model":"served-a"}')]
    assert json.loads(_data(front.port, http2_request(b'{"model":"none"}')))["error"]["code"] == 404
    assert _data(front.port, http2_request(HELLO, ("content-length", "3"))) == b""
    assert _data(front.port, http2_request(HELLO, ("transfer-encoding", "chunked"))) == b""
    assert _data(front.port, http2_request(HELLO)[:40] + b"\xff" * 400) == b""
    assert len(front.arrived()) == 1
