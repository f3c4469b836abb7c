"""Rows of which most are not read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tidegate.brain.cache.semantic.matrix import Matrix, Vector

numbers = st.floats(-1, 1, width=32)
thresholds = st.sampled_from([0.0, 0.3, 0.8, 0.95, 0.999])


@given(
    arrays(np.float32, st.tuples(st.integers(1, 40), st.sampled_from([1, 2, 3, 4, 9, 64])), elements=numbers),
    thresholds,
)
def test_it_finds_what_a_look_at_every_number_finds(rows: Vector, least: float) -> None:
    matrix = Matrix(rows.shape[1], len(rows))
    for number, row in enumerate(rows):
        matrix.put(number, row)
    products = rows @ rows[0]
    sure = {int(number) for number in np.flatnonzero(products >= max(least, 1e-6) + 1e-4)}
    may = {int(number) for number in np.flatnonzero(products >= max(least, 1e-6) - 1e-4)}
    found = dict(matrix.near(rows[0], least, len(rows)))
    assert sure <= found.keys() <= may
    assert list(found.values()) == pytest.approx([products[number] for number in found], abs=1e-4)


@pytest.mark.parametrize("near", [1, 400], ids=["one row of many", "most rows"])
def test_however_many_are_near(near: int) -> None:
    draw = np.random.default_rng(1)
    rows = draw.standard_normal((500, 64), np.float32)
    rows[:near] = rows[0] + 0.01 * draw.standard_normal((near, 64), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = Matrix(64, 500)
    for number, row in enumerate(rows):
        matrix.put(number, row)
    assert [number for number, _ in matrix.near(rows[0], 0.95, 500)] == list(range(near))
    matrix.drop(0)
    assert [number for number, _ in matrix.near(rows[0], 0.95, 500)] == list(range(1, near))
