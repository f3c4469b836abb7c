"""HTTP as a proxy in front sees it: connections, bodies, clients that go away."""

import json
import time

from tests.engine_sim.support import Client, Sim, chat_body, eventually, request_bytes, running

CHAT = "/v1/chat/completions"


def test_a_connection_serves_many_requests(sim: Sim) -> None:
    with Client(sim.port) as client:
        for _ in range(3):
            client.send("POST", CHAT, json.dumps(chat_body(max_tokens=2)).encode())
            answer = client.receive()
            assert answer.status == 200
            assert answer.header("connection") is None


def test_pipelined_requests_are_answered_in_order(sim: Sim) -> None:
    slow = request_bytes("POST", CHAT, json.dumps(chat_body(max_tokens=30, stream=True)).encode(), None)
    with Client(sim.port) as client:
        client.socket.sendall(
            slow + request_bytes("GET", "/version", None, None) + request_bytes("GET", "/nope", None, None)
        )
        assert client.receive().events()[-1] == "[DONE]"
        assert client.receive().json() == {"version": "0.32.0"}
        assert client.receive().status == 404


def test_chunked_request_bodies(sim: Sim) -> None:
    body = json.dumps(chat_body(max_tokens=2)).encode()
    with Client(sim.port) as client:
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        client.socket.sendall(head.encode())
        for part in (body[:7], body[7:]):
            client.socket.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        client.socket.sendall(b"0\r\n\r\n")
        assert client.receive().status == 200


def test_leave_to_send_a_body(sim: Sim) -> None:
    body = json.dumps(chat_body(max_tokens=2)).encode()
    raw = request_bytes("POST", CHAT, body, {"expect": "100-continue"})
    with Client(sim.port) as client:
        client.socket.sendall(raw[: -len(body)])
        assert client.head().status_line == "HTTP/1.1 100 Continue"
        client.socket.sendall(body)
        assert client.receive().status == 200


def test_garbage(sim: Sim) -> None:
    with Client(sim.port) as client:
        client.socket.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert client.head().status == 400
        assert client.stream.read() == b"Invalid HTTP request received."


def test_close_on_request(sim: Sim) -> None:
    with Client(sim.port) as client:
        client.send("GET", "/health", headers={"Connection": "close"})
        assert client.receive().headers[-1] == ("connection", "close")
        assert client.stream.read() == b""


def test_methods_and_paths(sim: Sim) -> None:
    refused = sim.get(CHAT)
    assert (refused.status, refused.header("allow"), refused.json()) == (405, "POST", {"detail": "Method Not Allowed"})
    assert sim.get("/v1/nothing").json() == {"detail": "Not Found"}
    assert sim.get("/health?verbose=1").status == 200
    assert sim.post("/ping", {}).status == 200


def test_health_has_no_body(sim: Sim) -> None:
    names = [name for name, _ in sim.get("/health").headers]
    assert names == ["date", "server", "content-length", "vary"]


def test_a_client_that_leaves_frees_its_place() -> None:
    body = chat_body(max_tokens=5000, ignore_eos=True)
    with running("--max-num-seqs", "1") as sim:
        for fields in ({"stream": True}, {"stream": False}):
            running_, waiting = sim.start(CHAT, body | fields), sim.start(CHAT, body | fields)
            sim.wait_until(running=1, waiting=1)
            waiting.close()
            sim.wait_until(running=1, waiting=0)
            running_.close()
            sim.wait_until(running=0, in_flight=0)


def test_idle_connections_are_closed_after_five_seconds(sim: Sim) -> None:
    with Client(sim.port) as client:
        client.send("GET", "/health")
        client.receive()
        start = time.monotonic()
        assert client.stream.read() == b""
        assert 4.5 < time.monotonic() - start < 30


def test_what_came_in_can_be_seen_byte_for_byte() -> None:
    import base64

    with running() as sim:
        body = '{"messages" : [ {"role":"user","content":"\\u00e4 ü"} ],\t"max_tokens":1, "x-unknown": 1.0e2}'.encode()
        sim.request("POST", f"{CHAT}?a=b%20c", body, {"X-Custom-Header": "A, b", "content-type": "application/json"})
        sim.get("/health")
        state = sim.state()
        assert base64.b64decode(state["last"]["body_base64"]) == body
        assert state["last"]["target"] == f"{CHAT}?a=b%20c"
        assert state["last"]["headers"] == [
            ["content-type", "application/json"],
            ["host", "engine"],
            ["X-Custom-Header", "A, b"],
            ["content-length", str(len(body))],
        ]
        assert state["seen"] == {CHAT: 1, "/health": 1}
        assert state["host"]


def test_many_streams_in_little_memory() -> None:
    with running(SPEED=5) as sim:
        clients = [sim.start(CHAT, chat_body(f"{n}", stream=True, max_tokens=40, ignore_eos=True)) for n in range(200)]
        for client in clients:
            answer = client.receive()
            assert len(answer.events()) == 42
            client.close()
        eventually(lambda: sim.state()["in_flight"] == 0)
        assert sim.metric("process_resident_memory_bytes") < 60e6
