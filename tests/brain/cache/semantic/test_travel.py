"""Questions as news, through the bytes that the store keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.semantic.support import vector
from tidegate.brain.cache.semantic.travel import Traveller, heard, told
from tidegate.brain.cache.stored import news


def traveller(text: str = "How do I cancel?") -> Traveller:
    return Traveller(b"f" * 8, b"n" * 16, b"k" * 32, vector("How do I cancel?"), text, 1234.5)


@given(st.text())
def test_what_was_told_is_heard(text: str) -> None:
    said, _ = news.read(news.written(told(traveller(text)), b"o" * 16))
    assert isinstance(said, news.Vector)
    each = heard(said)
    assert (each.fingerprint, each.namespace, each.key, each.expires) == (b"f" * 8, b"n" * 16, b"k" * 32, 1234.5)
    assert each.text.encode("utf-8", "replace") == text.encode("utf-8", "replace")
    assert float(each.vector @ traveller().vector) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("number", [0.0, 1.0, np.nan, np.inf])
def test_a_vector_of_another_length_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="length one"):
        heard(told(traveller()._replace(vector=np.full(64, number, np.float32))))


@pytest.mark.parametrize(
    "changed",
    [
        {"features": b"f"},
        {"features": b"f" * 8 + b"\xff"},
        {"expires": float("nan")},
        {"vector": b"x"},
        {"vector": b""},
    ],
)
def test_what_is_no_question_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"question|length|decode|multiple"):
        heard(replace(told(traveller()), **changed))  # type: ignore[arg-type]
