"""Questions as bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.semantic.support import vector
from tidegate.brain.cache.semantic.travel import Traveller, pack, unpack


def traveller(text: str = "How do I cancel?") -> Traveller:
    return Traveller(b"f" * 8, b"n" * 16, b"k" * 32, 1234.5, vector("How do I cancel?"), text)


@given(st.text())
def test_what_was_packed_is_unpacked(text: str) -> None:
    each = unpack(pack(traveller(text)))
    assert (each.fingerprint, each.namespace, each.key, each.expires) == (b"f" * 8, b"n" * 16, b"k" * 32, 1234.5)
    assert each.text.encode("utf-8", "replace") == text.encode("utf-8", "replace")
    assert float(each.vector @ traveller().vector) == pytest.approx(1, abs=1e-3)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_noticed(at: int, change: int) -> None:
    packed = bytearray(pack(traveller()))
    packed[at % len(packed)] ^= change
    with pytest.raises(ValueError, match="not a question"):
        unpack(bytes(packed))


@pytest.mark.parametrize("length", [0, 4, 5, 40, 70, 100, -1])
def test_what_is_cut_is_noticed(length: int) -> None:
    with pytest.raises(ValueError, match="not a question"):
        unpack(pack(traveller())[:length])


@pytest.mark.parametrize("number", [0.0, 1.0, np.nan, np.inf])
def test_a_vector_of_another_length_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="length one"):
        unpack(pack(traveller()._replace(vector=np.full(64, number, np.float32))))
