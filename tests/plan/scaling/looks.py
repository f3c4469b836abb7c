"""Looks at a model, for the tests of its scaling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tidegate.plan.scaling.decide import Decision, decide
from tidegate.plan.scaling.learned import Learned
from tidegate.plan.scaling.seen import Engine, Reading, Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.state import State

NOW = 1_800_000_000.0
"""A Friday, 08:00 UTC."""
TAUGHT = Learned(
    rate=2.70 * 62, work=62.0, engines=100.0, occupied=2.84, running=84.0, scattered=7200.0, arrived=6000.0
)
"""Capacity 2.70 at use 0.62 with gamma 0.6, footprint 0.0338, F 1.2."""


def engine(
    kv: float = 0.5, running: int = 15, waiting: int = 0, ready: float | None = -3600.0, **more: object
) -> Engine:
    """One that was read now; `ready` in seconds from now; it took 180 s to start."""
    known = Engine(
        NOW + (ready or 0.0) - 180.0, None if ready is None else NOW + ready, False, NOW, waiting, running, kv
    )
    return replace(known, **more)  # type: ignore[arg-type]


def starting(created: float = -30.0) -> Engine:
    """One that has not answered yet."""
    return Engine(NOW + created)


def look(
    *engines: Engine,
    now: float = NOW,
    replicas: int | None = None,
    arrived: int | None = 35,
    held: int = 0,
    readings: Mapping[str, Reading] | None = None,
    room: int | None = None,
) -> Seen:
    """By default as many were asked for as there are."""
    count = sum(not one.draining for one in engines) if replicas is None else replicas
    return Seen(now, count, engines, arrived, held, readings or {}, room)


def later(seen: Seen, seconds: float, **changed: object) -> Seen:
    """The same, read again after a while."""
    engines = [replace(one, read=seen.now + seconds if one.read == seen.now else one.read) for one in seen.engines]
    return replace(seen, **{"now": seen.now + seconds, "engines": engines, **changed})  # type: ignore[arg-type]


def through(looks: Iterable[Seen], settings: Settings, state: State | None = None) -> list[Decision]:
    """One decision after the other."""
    found: list[Decision] = []
    for seen in looks:
        found.append(decide(seen, settings, found[-1].state if found else state or State()))
    return found


def steady(seen: Seen, settings: Settings, seconds: float, state: State | None = None) -> Decision:
    """What is decided after so long of the same."""
    looks = (later(seen, 5.0 * i) for i in range(round(seconds / 5) + 1))
    return through(looks, settings, state)[-1]
