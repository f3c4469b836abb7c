"""What goes over the wire."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.store.resp import Incomplete, Refused, command, parse

values = st.recursive(
    st.integers(-(2**40), 2**40) | st.binary(max_size=20) | st.none(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


def spelled(value: object) -> bytes:
    """As a store would."""
    match value:
        case int():
            return b":%d\r\n" % value
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case list():
            return b"*%d\r\n" % len(value) + b"".join(map(spelled, value))
    return b"$-1\r\n"


@given(values)
def test_any_answer_whole_or_in_part(value: object) -> None:
    text = spelled(value)
    assert parse(text + b"more") == (value, len(text))
    for cut in range(len(text)):
        with pytest.raises(Incomplete):
            parse(text[:cut])


@given(st.binary(max_size=40))
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    with suppress(Incomplete, ValueError):
        parse(data)


def test_words() -> None:
    assert command("A", b"b\r\n", 12) == b"*3\r\n$1\r\nA\r\n$3\r\nb\r\n\r\n$2\r\n12\r\n"
    said, _ = parse(b"-ERR no\r\n")
    assert isinstance(said, Refused)
    assert parse(b"+OK\r\n") == (b"OK", 5)
    assert parse(b"*-1\r\n") == (None, 5)
