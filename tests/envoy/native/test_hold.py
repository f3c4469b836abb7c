"""Until the first byte of an answer an engine may break off, and the client does not notice."""

from __future__ import annotations

import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.hostile.wire import HELLO, Answer, Wire, ask, request
from tests.envoy.native.conftest import offer
from tests.envoy.native.player import END, JSON, MOMENT, STREAM, Stage, Step, Then, chunk, event
from tests.envoy.waiting import DEADLINE
from tidegate.contract.patience import Retry, Timeouts

pytestmark = pytest.mark.envoy

FIRST_TOKEN = 1.0
"""Seconds that an engine has for it."""
HURRIED = Timeouts(request_seconds=10, idle_seconds=5, first_token_seconds=FIRST_TOKEN)
STREAMED = request(b'{"model":"chat","stream":true}')
WHOLE: tuple[Step, ...] = (STREAM, MOMENT, event("one"), MOMENT, event("two"), END)
TEXT = b"data: one\n\ndata: two\n\n"


def said(answer: Answer) -> tuple[int, str]:
    """Status and type of an error."""
    return answer.status, answer.error()["type"]


@pytest.mark.parametrize("how", Then)
def test_an_engine_that_breaks_off_before_its_first_byte_is_left_for_another(
    envoy: RealEnvoy, stage: Stage, how: Then
) -> None:
    bad, good = stage.player(STREAM, MOMENT, how), stage.player(*WHOLE)
    offer(envoy, bad, good, timeouts=HURRIED)
    attempts = set()
    for _ in range(4):
        answer = ask(envoy.port, STREAMED)
        attempts.add(answer.headers["x-tidegate-attempts"])
        assert (answer.status, answer.body) == (200, TEXT)
        assert answer.headers["content-type"] == "text/event-stream"
    assert bad.asked >= 2, "it was asked"
    assert attempts <= {"1", "2", "3"}
    assert attempts != {"1"}, "each answer says how many were asked"


@pytest.mark.parametrize(("how", "error"), [(Then.RESET, (503, "ServiceUnavailable")), (Then.HANG, (504, "Timeout"))])
def test_nobody_is_left(envoy: RealEnvoy, stage: Stage, how: Then, error: tuple[int, str]) -> None:
    engines = [stage.player(STREAM, MOMENT, how) for _ in range(2)]
    offer(envoy, *engines, timeouts=HURRIED)
    assert said(ask(envoy.port, STREAMED)) == error
    assert [engine.asked for engine in engines] == [1, 1] or sum(engine.asked for engine in engines) == 3


def test_after_the_first_byte_an_engine_may_take_its_time(envoy: RealEnvoy, stage: Stage) -> None:
    slow = stage.player(STREAM, event("one"), FIRST_TOKEN * 2, event("two"), END)
    offer(envoy, slow, timeouts=HURRIED)
    assert ask(envoy.port, STREAMED).body == TEXT
    assert slow.asked == 1


def test_an_engine_hears_at_once_that_a_client_has_gone_before_the_first_byte(envoy: RealEnvoy, stage: Stage) -> None:
    silent = stage.player(STREAM, Then.HANG)
    offer(envoy, silent, timeouts=Timeouts(request_seconds=60, idle_seconds=60, first_token_seconds=60))
    with Wire(envoy.port) as wire:
        wire.send(STREAMED)
        envoy.until(lambda reading: reading.active == 1 and silent.asked == 1)
    assert silent.left.wait(DEADLINE)


@pytest.mark.parametrize("attempts", [0, 1])
def test_the_limit_counts_as_the_policys_retries_do(envoy: RealEnvoy, stage: Stage, attempts: int) -> None:
    engines = [stage.player(STREAM, MOMENT, Then.HANG) for _ in range(3)]
    retry = Retry(attempts=attempts, codes=(), reasons=("Reset",), backoff_seconds=0.005)
    offer(envoy, *engines, timeouts=HURRIED, retry=retry)
    assert said(ask(envoy.port, STREAMED)) == (504, "Timeout")
    assert sum(engine.asked for engine in engines) == 1 + attempts


def test_an_engine_that_sends_not_even_headers_is_left_too(envoy: RealEnvoy, stage: Stage) -> None:
    bad, good = stage.player(Then.HANG), stage.player(*WHOLE)
    offer(envoy, bad, good, timeouts=HURRIED)
    assert [ask(envoy.port, STREAMED).status for _ in range(2)] == [200, 200]
    assert bad.asked >= 1


@pytest.mark.parametrize("body", [HELLO, b'{"model":"chat","stream":false}'])
def test_what_is_no_stream_may_take_its_time(envoy: RealEnvoy, stage: Stage, body: bytes) -> None:
    slow = stage.player(FIRST_TOKEN * 2, JSON, chunk(b"{}"), END)
    offer(envoy, slow, timeouts=HURRIED)
    assert ask(envoy.port, request(body)).body == b"{}"
    assert slow.asked == 1


def test_engines_are_not_told_of_the_limit(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}}, timeouts=HURRIED), {"a": [engine]})
    assert ask(envoy.port, STREAMED).status == 200
    assert not [name for name in engine.headers[0] if name.startswith("x-envoy-upstream")]


@pytest.mark.parametrize(
    ("head", "first", "second"),
    [(STREAM, event("one"), event("two")), (JSON, chunk(b'{"a":'), chunk(b"1}"))],
    ids=["events", "JSON"],
)
def test_what_has_come_is_not_kept(envoy: RealEnvoy, stage: Stage, head: bytes, first: bytes, second: bytes) -> None:
    gate = stage.gate()
    offer(envoy, stage.player(head, first, gate, second, END))
    with Wire(envoy.port) as wire:
        wire.send(request(HELLO))
        got = b""
        while first not in got:
            data = wire.socket.recv(1 << 16)
            assert data
            got += data
        gate.open()
        while not got.endswith(END) and (data := wire.socket.recv(1 << 16)):
            got += data
        assert second in got


@pytest.mark.parametrize(
    "steps",
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",),
        (b"HTTP/1.1 204 No Content\r\n\r\n",),
        (STREAM, MOMENT, END),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",),
    ],
    ids=["no body", "no content", "no event", "a length"],
)
def test_answers_without_a_stream(envoy: RealEnvoy, stage: Stage, steps: tuple[Step, ...]) -> None:
    offer(envoy, stage.player(*steps))
    for _ in range(2):
        assert ask(envoy.port, request()).status in (200, 204)
