"""Whatever comes back from a store: the answer that was given away, or a word about what it is instead."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.support import entry, key
from tidegate.brain.cache.codec import KINDS, Unfit, decode, unpacked
from tidegate.brain.cache.codec import encode as encoded
from tidegate.brain.cache.entry import Entry
from tidegate.brain.cache.sealed import HEAD, UNDIGESTED, OfAnotherVersion, Unreadable, _digest, seal, unseal

MOST = 100_000
words = st.text(st.characters(), max_size=30)
entries = st.builds(
    Entry,
    key=st.binary(min_size=32, max_size=32),
    kind=st.sampled_from(["chat", "completion", "embedding"]),
    tenant=words,
    model=words,
    backend=words,
    revision=words,
    question=st.text(max_size=2000),
    answer=st.binary(max_size=3000),
    prompt_tokens=st.integers(0, 2**40),
    completion_tokens=st.integers(0, 2**40),
    stored=st.floats(0, 1e12),
    expires=st.floats(0, 1e12),
)


def encode(made: Entry) -> bytes:
    """As it is stored."""
    return encoded(made, MOST)


def sealed(payload: bytes, packing: int, length: int, version: int = 1) -> bytes:
    """With a checksum that is right, whatever is in it."""
    about = UNDIGESTED.pack(b"TGA", version, packing, length)
    return about + _digest(about, payload) + payload


@given(entries)
def test_what_is_read_is_what_was_written(made: Entry) -> None:
    assert decode(encode(made), made.key, MOST) == made


@given(entries, st.data())
def test_no_byte_can_be_another_and_none_is_missing_or_added(made: Entry, data: st.DataObject) -> None:
    text = bytearray(encode(made))
    at = data.draw(st.integers(0, len(text) - 1))
    bit = data.draw(st.integers(0, 7))
    whole = bytes(text)
    text[at] ^= 1 << bit
    for wrong in (bytes(text), whole[:at], whole + b"\0"):
        with pytest.raises(Unreadable):
            decode(wrong, made.key, MOST)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for text in (data, b"TGA" + data, b"TGA\1" + data, sealed(data, 0, len(data)), sealed(data, 1, 1000)):
        with pytest.raises(Unreadable):
            decode(text, key("a"), MOST)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)


@given(anything)
def test_any_value_of_msgpack(value: Any) -> None:
    with pytest.raises(Unreadable):
        decode(seal(msgpack.packb(value)), key("a"), MOST)


@given(entries, st.integers(0, 11), anything)
def test_any_value_in_any_place(made: Entry, place: int, value: Any) -> None:
    fields = [getattr(made, name) for name in Entry.__dataclass_fields__]
    fields[place] = value
    with suppress(Unreadable):
        found = decode(seal(msgpack.packb(fields)), made.key, MOST)
        assert found.key == made.key
        assert found.kind in KINDS


WRONG = [
    {"kind": "song"},
    {"prompt_tokens": -1},
    {"completion_tokens": 2**70},
    {"expires": float("nan")},
    {"stored": float("inf")},
    {"key": b"short"},
    {"tenant": {"a"}},
    {"answer": b"x" * (MOST + 1)},
    {"question": "x" * 2_000_000},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_answer_says_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        encode(entry(**wrong))


@pytest.mark.parametrize(
    ("place", "value"), [(0, b"short"), (1, "song"), (8, -1), (11, float("nan")), (7, b"x" * 2000)]
)
def test_what_no_answer_says_is_not_read(place: int, value: Any) -> None:
    fields = unpacked(unseal(encode(entry()), MOST))
    fields[place] = value
    with pytest.raises(Unreadable, match=r"it is no answer|longer than 1000 bytes"):
        decode(seal(msgpack.packb(fields)), key("a"), 1000)


def test_one_that_was_copied_under_another_key() -> None:
    with pytest.raises(Unreadable, match="another key"):
        decode(encode(entry("a")), key("b"), MOST)


def test_another_version() -> None:
    text = bytearray(encode(entry()))
    text[3] = 2
    with pytest.raises(OfAnotherVersion, match="of version 2, and this is 1"):
        decode(bytes(text), key("a"), MOST)


def test_what_grows_when_it_is_read() -> None:
    """50 KB that say that they are 1,000 bytes, and become 50 MB; and 50 MB that say what they are."""
    bomb = zlib.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    for length, says in ((1000, "its length is another"), (50_000_000, "longer than")):
        with pytest.raises(Unreadable, match=says):
            unseal(sealed(bomb, 1, length), MOST)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    with pytest.raises(Unreadable, match="cannot be decompressed"):
        unseal(sealed(b"no zlib", 1, 1000), MOST)


def test_what_is_worth_it_is_made_smaller() -> None:
    assert len(seal(b"a" * 511)) == HEAD.size + 511
    assert len(seal(b"a" * 512)) < 100
    noise = os.urandom(2000)
    assert len(seal(noise)) == HEAD.size + 2000
    assert unseal(seal(noise), 2000) == noise


def test_half_a_letter_of_a_client_is_kept() -> None:
    odd = replace(entry(), question="\ud83d")
    assert decode(encode(odd), odd.key, MOST) == odd
