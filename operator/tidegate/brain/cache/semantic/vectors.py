"""Vectors of one namespace by number, and which are near another.

The first FLAT of them stand in a matrix (matrix.py), of which a search looks at all, and to which adding one costs nothing.
Those above stand in a graph (usearch, half precision), of which a search costs hardly more the larger it is, but to add one does.
So nothing ever moves from one to the other, and adding the 10,001st does not hold anybody up.
"""

from __future__ import annotations

import heapq
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from tidegate.brain.cache.semantic.matrix import Matrix, Vector

FLAT: Final = 10_000
FEW: Final = 16
"""As many of the graph's nearest are looked at."""


class Vectors:
    """All of length one and of the same dimensions, so that a product is a cosine."""

    def __init__(self, dimensions: int, flat: int = FLAT) -> None:
        self.dimensions = dimensions
        self._flat = flat
        self._matrix = Matrix(dimensions, flat)
        self._graph: Any = None
        self._free: list[int] = []
        self._next = 0

    def put(self, vector: Vector) -> int:
        """Its number: the lowest that is free, so that the matrix fills first."""
        number = heapq.heappop(self._free) if self._free else self._next
        self._next = max(self._next, number + 1)
        if number < self._flat:
            self._matrix.put(number, vector)
        else:
            self._grown().add(number, vector, threads=1)
        return number

    def drop(self, number: int) -> None:
        """It is near nothing any more."""
        if number < self._flat:
            self._matrix.drop(number)
        else:
            self._grown().remove(number)
        heapq.heappush(self._free, number)

    def get(self, number: int) -> Vector:
        """As it was put, to half precision at least."""
        if number < self._flat:
            return self._matrix.get(number)
        found: Vector = self._grown().get(number).astype(np.float32)
        return found

    def near(self, vector: Vector, least: float) -> list[tuple[int, float]]:
        """Numbers and cosines of at least `least`, the nearest first."""
        flat = self._matrix.near(vector, least, min(self._next, self._flat))
        found = flat + self._in_graph(vector, least)
        return sorted(found, key=lambda each: -each[1])

    def _in_graph(self, vector: Vector, least: float) -> list[tuple[int, float]]:
        if self._graph is None or not len(self._graph):
            return []
        matches = self._graph.search(vector, FEW, threads=1)
        pairs = zip(matches.keys, matches.distances, strict=True)
        return [(int(number), 1.0 - float(far)) for number, far in pairs if 1.0 - float(far) >= least]

    def _grown(self) -> Any:
        if self._graph is None:
            self._graph = _graph(self.dimensions)
        return self._graph


def _graph(dimensions: int) -> Any:
    """A process that imports usearch (2.26) first and onnxruntime (1.31) later dies of a segmentation fault; the other way round both work."""
    if find_spec("onnxruntime"):
        import onnxruntime  # noqa: F401
    from usearch.index import Index

    return Index(ndim=dimensions, metric="cos", dtype="f16")
