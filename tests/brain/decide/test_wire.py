"""What stands on the socket between Envoy and the decision server, in any pieces."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.brain.decide.test_step import asking
from tidegate.brain.decide.server import Decisions
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Answer, Wire
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

    def decide(ask: Ask) -> bytes:
        asked.append(ask)
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
