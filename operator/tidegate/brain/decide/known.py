"""What configurations say, while they come and go: requests keep the one with which they began, and Envoy may run the next one before it
says so.

a configuration                   what it says is known                             and counts
-------------------------------   -----------------------------------------------   ------------------------------------
Envoy runs it                     as long as it does                                most
it may come                       until LASTS after that was said last              after that one
it was one of them until lately   until LASTS after another took its place          least, and the latest one most

What is over is forgotten with the next one that is told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")
LASTS: Final = 30.0
"""Seconds within which requests ask what they ask of the configuration with which they began: their bodies have come by then."""


class Known(Generic[T]):
    """By name. `now` is in seconds of any clock that goes on."""

    def __init__(self) -> None:
        self._followed: Mapping[str, T] = {}
        self._expected: Mapping[str, T] = {}
        self._until = 0.0
        """When what is expected is over."""
        self._lately: Mapping[str, tuple[float, T]] = {}
        """Of earlier ones, and until when."""
        self.current: Mapping[str, T] = {}
        """What requests may find that begin now."""
        self.all: Mapping[str, T] = {}
        """And what those may ask about that have begun before."""

    def follow(self, fresh: Mapping[str, T], now: float) -> None:
        """Envoy runs it."""
        before, self._followed = self._followed, fresh
        self._know(before, now)

    def expect(self, fresh: Mapping[str, T], now: float) -> None:
        """Envoy may run it from this moment on, before it says so."""
        before, self._expected = self._expected, fresh
        self._until = now + LASTS
        self._know(before, now)

    def _know(self, before: Mapping[str, T], now: float) -> None:
        self._expected = self._expected if now < self._until else {}
        lately = {name: known for name, known in self._lately.items() if now < known[0]}
        self._lately = lately | {name: (now + LASTS, each) for name, each in before.items()}
        self.current = {**self._expected, **self._followed}
        self.all = {**{name: each for name, (_, each) in self._lately.items()}, **self.current}
