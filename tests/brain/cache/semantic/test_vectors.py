"""Vectors by number, in a matrix and in a graph."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tests.brain.cache.semantic.support import vector
from tidegate.brain.cache.semantic.vectors import Vectors

WORDS = [
    f"{first} {second}"
    for first in ("red", "green", "blue", "grey")
    for second in ("house", "river", "engine", "cloud", "paper")
]


@pytest.fixture(params=[0, 7, 1000], ids=["graph", "both", "matrix"])
def vectors(request: pytest.FixtureRequest) -> Vectors:
    if request.param < len(WORDS) and not find_spec("usearch"):
        pytest.skip("usearch is not installed")
    return Vectors(64, flat=request.param)


def test_each_is_nearest_to_itself(vectors: Vectors) -> None:
    numbers = {vectors.put(vector(word)): word for word in WORDS}
    assert sorted(numbers) == list(range(len(WORDS)))
    for number, word in numbers.items():
        (best, similarity), *_ = vectors.near(vector(word), 0.5)
        assert best == number
        assert similarity == pytest.approx(1, abs=2e-3)


def test_they_come_nearest_first_and_none_below_what_is_asked(vectors: Vectors) -> None:
    for word in WORDS:
        vectors.put(vector(word))
    found = [similarity for _, similarity in vectors.near(vector("red house"), 0.4)]
    assert found == sorted(found, reverse=True)
    assert 1 < len(found) < len(WORDS)
    assert min(found) >= 0.4


def test_what_was_dropped_is_near_nothing_and_its_number_is_given_again(vectors: Vectors) -> None:
    numbers = [vectors.put(vector(word)) for word in WORDS]
    for number in (3, 11):
        vectors.drop(numbers[number])
    assert all(number not in {3, 11} for word in WORDS for number, _ in vectors.near(vector(word), 0.1))
    assert [vectors.put(vector("one")), vectors.put(vector("two")), vectors.put(vector("three"))] == [3, 11, len(WORDS)]
    assert vectors.near(vector("two"), 0.9)[0][0] == 11


def test_a_vector_is_given_back(vectors: Vectors) -> None:
    number = [vectors.put(vector(word)) for word in WORDS][-1]
    assert np.allclose(vectors.get(number), vector(WORDS[-1]), atol=1e-3)


def test_a_router_searches_with_one_thread() -> None:
    """Whatever a router imports before, numpy is not there before the threads are bounded."""
    lines = (
        "import tidegate.brain.main, tidegate.brain.cache.similar, numpy as np, pathlib",
        "np.ones((2000, 2000), np.float32) @ np.ones((2000, 2000), np.float32)",
        "status = pathlib.Path('/proc/self/status').read_text()",
        "print(status.partition('Threads:')[2].split()[0])",
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "1"
