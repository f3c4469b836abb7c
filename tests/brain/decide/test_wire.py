"""What stands on the socket between Envoy and the decision server, in any pieces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.decide.test_step import asking
from tests.envoy.waiting import DEADLINE
from tidegate.brain.decide.server import Decisions
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Answer, Heard, Wire, ask_of, promised
from tidegate.envoy.clusters import Endpoint

REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: brain\r\nx-tidegate-in-model: auto\r\ncontent-length: 5\r\n\r\nhello"
)


class Transport(asyncio.Transport):
    """Remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


def talk(pieces: list[bytes]) -> tuple[list[Ask], Transport]:
    """What was asked, and what came of it."""
    asked: list[Ask] = []

    def decide(heard: Heard) -> bytes:
        asked.append(ask_of(heard))
        return Answer(200, {"x": "y"}).encoded()

    wire, transport = Wire(decide), Transport()
    wire.connection_made(transport)
    for piece in pieces:
        wire.data_received(piece)
    return asked, transport


@given(st.lists(st.integers(0, 2 * len(REQUEST)), max_size=8))
def test_any_pieces_of_two_requests_are_two_requests(cuts: list[int]) -> None:
    text, edges = REQUEST * 2, [0, *sorted(cuts), 2 * len(REQUEST)]
    asked, transport = talk([text[a:b] for a, b in pairwise(edges) if a < b])
    assert asked == [Ask("auto", b"hello")] * 2
    assert transport.written == b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 0\r\n\r\n" * 2


@given(st.binary(max_size=200))
def test_what_is_not_http_ends_the_connection_and_nothing_else(noise: bytes) -> None:
    asked, transport = talk([b"\x00" + noise])
    assert (asked, transport.written, transport.closed) == ([], b"", True)


async def test_over_a_socket(tmp_path: Path) -> None:
    decisions = Decisions()
    decisions.follow(asking("to-large", "to-chat"), {"a": (Endpoint("127.0.0.1", 1),)})
    path = tmp_path / "decide.sock"
    (await decisions.serve(path)).close()
    server = await decisions.serve(path)  # a brain that begins anew takes over the name
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(REQUEST + REQUEST.replace(b"auto", b"none"))
    assert b"x-tidegate-in-route: to-chat" in await reader.readuntil(b"\r\n\r\n")
    undecided = await reader.readuntil(b"\r\n\r\n")
    assert undecided.startswith(b"HTTP/1.1 503 ")
    writer.close()
    server.close()


OK = Answer(200).encoded()


def held(answer: Awaitable[bytes]) -> tuple[Wire, Transport]:
    """A connection on which a request waits for this answer."""
    wire, transport = Wire(lambda _: answer), Transport()
    wire.connection_made(transport)
    wire.data_received(REQUEST)
    return wire, transport


async def until_written(transport: Transport) -> None:
    """Until the connection said something, or ended."""
    async with asyncio.timeout(DEADLINE):
        while not (transport.written or transport.closed):
            await asyncio.sleep(0)


async def test_an_answer_may_come_later_and_the_connection_is_used_again() -> None:
    answers = [asyncio.get_running_loop().create_future() for _ in range(2)]
    wire, transport = Wire(lambda _: next(waiting)), Transport()
    waiting = iter(answers)
    wire.connection_made(transport)
    for answer in answers:
        transport.written = b""
        wire.data_received(REQUEST)
        await asyncio.sleep(0)
        assert transport.written == b""
        answer.set_result(OK)
        await until_written(transport)
        assert (transport.written, transport.closed) == (OK, False)


async def test_whoever_leaves_is_waited_for_no_longer() -> None:
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    wire, transport = held(answer)
    await asyncio.sleep(0)
    wire.connection_lost(None)
    await asyncio.sleep(0)
    assert answer.cancelled()
    assert transport.written == b""


async def test_an_answer_that_fails_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    _, transport = held(answer)
    with caplog.at_level(logging.CRITICAL):
        answer.set_exception(ValueError())
        await until_written(transport)
    assert (transport.written, transport.closed) == (b"", True)


async def test_a_request_that_does_not_wait_for_the_one_before_ends_the_connection() -> None:
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    wire, transport = held(answer)
    wire.data_received(REQUEST)
    assert transport.closed
    wire.connection_lost(None)
    await asyncio.sleep(0)
    assert answer.cancelled()


def test_a_promise_is_broken_when_its_connection_ends_before_another_request_comes() -> None:
    broken: list[str] = []
    wire, transport = Wire(lambda _: promised(b"x", lambda: broken.append("broken"))), Transport()
    wire.connection_made(transport)
    wire.data_received(REQUEST)
    wire.data_received(REQUEST[:10])
    wire.connection_lost(None)
    assert broken == [], "another request had begun"
    other = Wire(lambda _: promised(b"x", lambda: broken.append("broken")))
    other.connection_made(Transport())
    other.data_received(REQUEST)
    assert broken == []
    other.connection_lost(None)
    assert broken == ["broken"]


def test_a_promise_to_nobody_is_broken_at_once() -> None:
    broken: list[str] = []

    async def run() -> None:
        gate = asyncio.Event()

        async def later() -> bytes:
            with suppress(asyncio.CancelledError):
                await gate.wait()
            return promised(b"x", lambda: broken.append("broken"))

        wire = Wire(lambda _: later())
        wire.connection_made(Transport())
        wire.data_received(REQUEST)
        await asyncio.sleep(0)
        wire.connection_lost(None)
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert broken == ["broken"]


def test_a_decision_that_fails_at_once_ends_its_connection_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Heard) -> bytes:
        raise KeyError("a bug")

    wire, transport = Wire(fails), Transport()
    wire.connection_made(transport)
    wire.data_received(REQUEST)
    assert (transport.closed, transport.written) == (True, b"")
    assert "this should not happen" in caplog.text
