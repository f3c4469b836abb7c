"""What is known at one look: engines, arrivals, signals. Times are Unix, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Final

FRESH: Final = 15.0
"""Seconds for which what an engine said is believed: seven readings of 2 s."""
FRESH_ANSWER: Final = 90.0
"""Seconds for which an answer of Prometheus is believed: three scrapes of 30 s."""


@dataclass(frozen=True)
class Engine:
    """A replica that exists, and what it said last."""

    created: float
    ready: float | None = None
    """Since when it answers; None: it starts."""
    draining: bool = False
    """It gets no new requests, and leaves when its streams have ended."""
    read: float | None = None
    """When it was last asked and answered."""
    waiting: int = 0
    running: int = 0
    kv: float = 0.0
    """Share of its KV cache that is in use, 0 to 1."""
    token_seconds: float = 0.0
    """Seconds from token to token since the reading before; 0: it made none."""
    name: str = ""
    """Its Pod's uid; without one engines that were created in the same second are taken for one where start-ups are counted."""

    def occupancy(self, sequences: int) -> float:
        """How full it is: by KV or by sequences, whichever is nearer to full."""
        return max(self.kv, self.running / sequences)


@dataclass(frozen=True)
class Reading:
    """An answer about a signal that is not read from engines."""

    value: float | None = None
    age: float = 0.0
    error: str = ""
    asked: bool = True
    """Whether Prometheus could be asked."""

    @property
    def gap(self) -> str:
        """Why it is none; empty when it is one."""
        if self.error:
            return self.error
        if self.value is None or not isfinite(self.value) or self.value < 0:
            return "the answer is no number"
        return f"the answer is {self.age:.0f} s old" if self.age > FRESH_ANSWER else ""


@dataclass(frozen=True)
class Seen:
    """One look. Looks are 5 s apart."""

    now: float
    replicas: int
    """Engines that were asked for: those that serve and those that start; draining ones not."""
    engines: Sequence[Engine] = ()
    arrived: int | None = 0
    """Requests since the look before; None: a router that should say so is silent."""
    held: int = 0
    """Requests that routers hold back: for a model at zero, or because every engine is full."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """By the name of the signal."""
    room: int | None = None
    """Replicas for which GPUs are free; None: unknown, and not a limit."""
    unheard: str = ""
    """Why routers may hold more; empty when all say what they hold."""

    @cached_property
    def ready(self) -> tuple[Engine, ...]:
        """Engines that answer and were read, the draining ones too: what drains is load until it has gone."""
        known = (e for e in self.engines if e.ready is not None and e.read is not None)
        return tuple(e for e in known if abs(self.now - (e.read or 0.0)) <= FRESH)

    @cached_property
    def serving(self) -> tuple[Engine, ...]:
        """Those of them that get new requests."""
        return tuple(e for e in self.ready if not e.draining)

    @cached_property
    def silent(self) -> int:
        """Engines that should have been read, and were not."""
        return sum(e.ready is not None and not e.draining for e in self.engines) - len(self.serving)

    @cached_property
    def starting(self) -> int:
        return max(0, self.replicas - len(self.serving) - self.silent)

    @cached_property
    def queued(self) -> int:
        """Requests that no engine has begun."""
        return sum(e.waiting for e in self.ready) + self.held

    @cached_property
    def running(self) -> int:
        return sum(e.running for e in self.ready)

    @property
    def age(self) -> float:
        """Seconds since the oldest reading of an engine that is believed."""
        return max((self.now - (e.read or self.now) for e in self.ready), default=0.0)

    @property
    def idle(self) -> bool:
        """Whether nobody asks for anything, as far as everybody says so."""
        return not (self.queued or self.running or self.arrived)

    def work(self, sequences: int) -> float:
        """What is under way, in full engines."""
        return sum(e.occupancy(sequences) for e in self.ready)
