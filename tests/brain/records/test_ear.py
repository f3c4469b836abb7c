"""What arrives on the records' socket."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.records.ear import Ear
from tidegate.brain.records.record import Record, read
from tidegate.envoy.caching import AGAIN, CACHED

SAID: dict[str, Any] = {
    "client": "acme", "route": "main", "destination": "a.r1", "status": 200, "flags": "UC,URX", "details": "via_upstream",
    "content_type": "text/event-stream; charset=utf-8", "duration_ms": 1500, "first_token_ms": 86.5, "broken": None,
    "prompt_tokens": 10.0, "cached_tokens": None, "completion_tokens": 5.0,
}  # fmt: skip
READ = Record("main", "a.r1", 200, frozenset({"UC", "URX"}), True, False, True, 1.5, 0.0865, 10, None, 5, "acme")


class Closed(asyncio.Transport):
    """Remembers that it was."""

    closed = False

    def close(self) -> None:
        self.closed = True


def hear(pieces: list[bytes]) -> tuple[list[Record], bool]:
    """What was heard, and whether the connection was ended."""
    found: list[Record] = []
    ear, transport = Ear(found.append, read), Closed()
    ear.connection_made(transport)
    for piece in pieces:
        ear.data_received(piece)
    return found, transport.closed


def test_a_record() -> None:
    assert read(SAID) == READ
    assert read(SAID | {"route": None, "destination": None, "flags": None, "content_type": None}).destination == ""


def test_an_answer_that_envoy_gave_again_is_one_of_the_cache() -> None:
    said = read(SAID | {"destination": None, "details": AGAIN, "flags": None})
    assert (said.destination, said.of_engine, said.moved, said.waited) == (CACHED, True, False, False)


@given(st.lists(st.integers(0, 2000), max_size=6))
def test_any_pieces(cuts: list[int]) -> None:
    text = msgpack.packb(["tidegate", [[1, SAID], [2, SAID]]]) * 2
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert hear([text[a:b] for a, b in pairwise(edges) if a < b]) == ([READ] * 4, False)


@given(st.binary(min_size=1, max_size=200))
def test_noise_ends_the_connection_at_most(noise: bytes) -> None:
    found, _ = hear([noise])
    assert found == []


def test_a_record_that_lacks_a_field_ends_the_connection() -> None:
    assert hear([msgpack.packb(["tidegate", [[1, {"status": 200}]]])]) == ([], True)
