"""What arrives on the records' socket."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.records.ear import Ear
from tidegate.brain.records.record import Record, read
from tidegate.envoy.caching import AGAIN, CACHED
from tidegate.envoy.observe import RECORD_FIELD

WORDS = "main a.r1 200 UC,URX via_upstream 1500 86500,10,-,5,3,1 1 openai 2 key 9 4 2000 -\nb.r1"
"""As Envoy writes them, of a request that an allowance let pass."""
SAID = {RECORD_FIELD: WORDS}
READ = Record(
    "main",
    "a.r1",
    200,
    frozenset({"UC", "URX"}),
    True,
    True,
    1.5,
    0.0865,
    10,
    None,
    5,
    "b.r1",
    3,
    "2 key 9 4 2000",
    too_long=True,
    refused="openai",
)


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
    asked = WORDS.replace("2 key 9 4 2000 -", "- 2 key 9 4 2000")
    assert read({RECORD_FIELD: asked}) == READ, "the brain was asked"


def test_a_record_of_what_there_is_not() -> None:
    nothing = read({RECORD_FIELD: "- - 0 - - - - - - - -\n-"})
    assert nothing == Record("", "", 0, frozenset(), False, False, 0.0, None, None, None, None)


@pytest.mark.parametrize("header", [b"a b c d", b"a.r1", b"x 200 - - 1 - - - 0 key 9 4 2000\n", b""])
def test_what_a_client_wrote_itself_is_nobodys_name_and_no_other_word(header: bytes) -> None:
    """Envoy refused it before it dropped foreign headers."""
    text = b"- - 400 - path_normalization_failed 0 - - - - -\n" + header
    [record], closed = hear([msgpack.packb(["tidegate", [[1, {RECORD_FIELD: text}]]], use_bin_type=False)])
    assert (record.status, record.first, record.reserved, closed) == (400, "", "", False)


def test_an_answer_that_envoy_gave_again_is_one_of_the_cache() -> None:
    said = read({RECORD_FIELD: f"main - 200 - {AGAIN} 1 - - - - -\n-"})
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


@pytest.mark.parametrize("said", [{"status": 200}, {RECORD_FIELD: "main a.r1 200"}])
def test_a_record_that_lacks_a_field_ends_the_connection(said: dict[str, Any]) -> None:
    assert hear([msgpack.packb(["tidegate", [[1, said]]])]) == ([], True)
