"""A stream that breaks off after its first byte ends with an error event, and as HTTP ends. That a network filter may write the
end rests on the order in which Envoy calls its filters; these tests hold it."""

from __future__ import annotations

import json
import socket
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.hostile.test_http import http2_request
from tests.envoy.hostile.wire import CHAT, HELLO, Answer, Wire, ask, request
from tests.envoy.native.conftest import offer
from tests.envoy.native.player import END, MOMENT, STREAM, Stage, Step, Then, chunk, event
from tidegate.contract.patience import Timeouts
from tidegate.contract.streams import Streams

pytestmark = pytest.mark.envoy

BROKE = "The engine broke off in the middle of its answer."
SILENT = "The engine took longer than the policy's timeouts allow."
ONE = '{"choices":[{"index":0,"delta":{"content":"one"}}]}'
API = {CHAT: "chat", "/v1/completions": "completions", "/v1/responses": "responses", "/v1/messages": "messages"}


def events(answer: Answer) -> list[tuple[str, Any]]:
    """Names and data of all whole events."""
    assert answer.body.endswith(b"\n\n"), answer.body
    found = []
    for text in answer.body.decode().removesuffix("\n\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in text.split("\n"))
        found.append((lines.get("event", ""), json.loads(lines["data"])))
    return found


def last(path: str, message: str) -> tuple[str, dict[str, Any]]:
    """The event that a client of an API reads as an error."""
    code, kind = (503, "ServiceUnavailable") if message == BROKE else (504, "Timeout")
    error = {"message": message, "type": kind, "param": None, "code": code}
    if path == "/v1/messages":
        return "error", {"type": "error", "error": {"type": "api_error", "message": message}}
    if path == "/v1/responses":
        return "error", {"type": "error", "code": "server_error", "message": message, "param": None, "error": error}
    return "", {"error": error}


@pytest.mark.parametrize("how", [Then.RESET, Then.CLOSE, Then.HANG])
@pytest.mark.parametrize("path", API)
def test_a_broken_stream_ends_with_an_event(envoy: RealEnvoy, stage: Stage, path: str, how: Then) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, how), timeouts=Timeouts(request_seconds=10, idle_seconds=0.5))
    answer = ask(envoy.port, request(path=path))
    message = SILENT if how is Then.HANG else BROKE
    assert (answer.status, events(answer)) == (200, [("", json.loads(ONE)), last(path, message)])


def test_the_time_of_a_request_is_over(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), Then.HANG), timeouts=Timeouts(request_seconds=0.5, idle_seconds=5))
    assert events(ask(envoy.port, request()))[-1] == last(CHAT, SILENT)


PIECES: dict[str, tuple[Step, ...]] = {
    "in a line": (chunk(f"data: {ONE[:9]}".encode()),),
    "behind a line": (chunk(f"data: {ONE}\n".encode()),),
    "in the second event of a piece": (chunk(f"data: {ONE}\n\ndata: {ONE[:9]}".encode()),),
    "in many pieces": tuple(chunk(bytes([c])) for c in f"data: {ONE}\n\nevent: x\ndata".encode()),
}


@pytest.mark.parametrize("where", PIECES)
def test_half_an_event_is_not_passed_on(envoy: RealEnvoy, stage: Stage, where: str) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), *PIECES[where], MOMENT, Then.RESET))
    found = events(ask(envoy.port, request()))
    assert found[0] == ("", json.loads(ONE))
    assert found[-1] == last(CHAT, BROKE)
    assert all(each == found[0] for each in found[:-1])


def test_of_an_endless_event_the_line_is_ended_first(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, chunk(b"data: " + b"x" * (300 << 10)), MOMENT, Then.RESET))
    body = ask(envoy.port, request()).body
    assert body.startswith(b"data: xxx")
    assert body.partition(b"x\n\n")[2].startswith(b'data: {"error":')


def test_events_arrive_as_they_were_however_they_are_cut(envoy: RealEnvoy, stage: Stage) -> None:
    text = f"data: {ONE}\n\n: ping\r\n\r\nevent: x\ndata: {ONE}\n\ndata: [DONE]\n\ndata: without an end".encode()
    for size in (1, 7, 64, len(text)):
        pieces = [chunk(text[at : at + size]) for at in range(0, len(text), size)]
        offer(envoy, stage.player(STREAM, *pieces, END))
        assert ask(envoy.port, request()).body == text


DATA, RST_STREAM = 0, 3
INTERNAL_ERROR = 2
"""RFC 9113 sections 6 and 7."""


def http2(port: int) -> list[tuple[int, bytes]]:
    """Types and payloads of the frames that answer a request with prior knowledge."""
    with Wire(port) as wire:
        wire.send(http2_request(HELLO))
        wire.socket.settimeout(10)
        stream, found = wire.socket.makefile("rb"), []
        while head := stream.read(9):
            found.append((head[3], stream.read(int.from_bytes(head[:3], "big"))))
            if head[3] == RST_STREAM:
                break
    return found


def client(envoy: RealEnvoy) -> openai.OpenAI:
    """The library that most clients use."""
    return openai.OpenAI(base_url=f"{envoy.url}/v1", api_key="none", max_retries=0)


def test_the_openai_library_raises_its_own_error(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), chunk(b"data: {"), MOMENT, Then.RESET))
    with client(envoy) as library:
        chat = library.chat.completions.create(model="chat", messages=[], stream=True)
        assert next(chat).choices[0].delta.content == "one"
        with pytest.raises(openai.APIError, match=BROKE):
            next(chat)
        with pytest.raises(openai.APIError, match=BROKE):
            list(library.responses.create(model="chat", input="", stream=True))


def test_the_connection_ends_with_the_answer(envoy: RealEnvoy, stage: Stage) -> None:
    """What a client says next on it would be lost."""
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, Then.RESET))
    with Wire(envoy.port) as wire:
        wire.send(request())
        assert len(wire.receive()) == 1
        assert wire.socket.recv(1) == b""


REUSED = 2000
"""Broken streams, each followed at once by the next request."""


def closed(wire: Wire) -> bool:
    """Whether the other side has, as clients look before they send on a connection that was idle."""
    wire.socket.setblocking(False)
    try:
        return wire.socket.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def keep_asking(port: int, times: int) -> Counter[str]:
    """Requests on one connection as long as it is open; what became of them."""
    found: Counter[str] = Counter()
    wire = Wire(port)
    for _ in range(times):
        if closed(wire):
            found["closed"] += 1
            wire.socket.close()
            wire = Wire(port)
        answers = wire.receive() if wire.send(request()) else []
        found["whole" if answers else "reset"] += 1
    wire.socket.close()
    return found


def test_a_client_that_goes_on_at_once_loses_nothing(envoy: RealEnvoy, stage: Stage) -> None:
    """The end of the connection arrives with that of the answer: nothing is said on it that nobody would read."""
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, Then.RESET))
    with ThreadPoolExecutor(8) as pool:
        found = sum(pool.map(lambda _: keep_asking(envoy.port, REUSED // 8), range(8)), Counter())
    assert found == {"whole": REUSED, "closed": REUSED - 8}


def test_a_crowd_of_broken_streams(envoy: RealEnvoy, stage: Stage) -> None:
    bad, good = stage.player(STREAM, event(ONE), MOMENT, Then.RESET), stage.player(STREAM, event(ONE), END)
    offer(envoy, bad, good)
    before = envoy.pid
    with ThreadPoolExecutor(32) as pool:
        ends = Counter(len(events(answer)) for answer in pool.map(lambda _: ask(envoy.port, request()), range(400)))
    assert ends.keys() == {1, 2}
    assert ends.total() == 400
    assert envoy.pid == before


def test_an_answer_of_a_length_is_cut_as_before(envoy: RealEnvoy, stage: Stage) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100\r\n\r\n"
    offer(envoy, stage.player(head, b"data: 1\n\n", MOMENT, Then.RESET))
    with Wire(envoy.port) as wire:
        wire.send(request())
        assert wire.receive() == []


def test_a_client_of_http_1_0_reads_the_event(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, Then.RESET))
    with Wire(envoy.port) as wire:
        wire.send(request(version="HTTP/1.0"))
        got = b"".join(iter(lambda: wire.socket.recv(1 << 16), b""))
    assert got.endswith(f'{{"error":{json.dumps(last(CHAT, BROKE)[1]["error"], separators=(",", ":"))}}}\n\n'.encode())


def test_a_client_of_http_2_reads_the_event_and_is_reset(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, Then.RESET))
    found = http2(envoy.port)
    body = b"".join(payload for kind, payload in found if kind == DATA)
    assert events(Answer(body=body)) == [("", json.loads(ONE)), last(CHAT, BROKE)]
    assert found[-1] == (RST_STREAM, struct.pack(">I", INTERNAL_ERROR))


def test_it_may_be_switched_off(envoy: RealEnvoy, stage: Stage) -> None:
    offer(envoy, stage.player(STREAM, event(ONE), MOMENT, Then.RESET), streams=Streams(end_broken=False))
    with Wire(envoy.port) as wire:
        wire.send(request())
        assert wire.receive() == []
