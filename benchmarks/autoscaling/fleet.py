"""A model's engines under one scaler: requests are routed, engines scraped, Pods created and drained.

Least-request routing over running and waiting requests, the same for every scaler; a scrape and a decision every 5 s; an engine that is
asked for is ready after the start-up time (times 0.92 to 1.12) and drains to the end of its streams (600 s at most). A ReplicaSet takes
away what is not ready first, then what has the fewest requests. GPU time counts from the creation of a Pod to its end.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Final, NamedTuple, Protocol

import numpy as np

from benchmarks.autoscaling.engine import PATIENCE, Engine, Floats, Model, Requests

SLO: Final = 0.5
"""Seconds to the first token; later is a miss."""
EVERY: Final = 5.0
"""Seconds between decisions."""
DRAINED: Final = 600.0
"""Seconds that an engine may drain."""
LEAST, MOST = 1, 12
FLIP: Final = 900.0
"""Seconds within which a change of direction is a flip."""


class Sample(NamedTuple):
    """A scrape of an engine; of one that is not ready `created` and `ready` alone."""

    name: int
    created: float
    ready: float | None
    draining: bool = False
    waiting: int = 0
    running: int = 0
    kv: float = 0.0
    cpu: float = 0.0
    """Cores: a busy loop is one, and 0.4 ms for each token. That is assumed, not measured."""
    token_seconds: float = 0.0


class Look(NamedTuple):
    """What a scaler may know."""

    now: float
    samples: list[Sample]
    arrived: int
    """Requests since the look before."""
    replicas: int
    """Ready or starting."""

    @property
    def ready(self) -> list[Sample]:
        """Engines that get requests."""
        return [one for one in self.samples if one.ready is not None and not one.draining]


class Scaler(Protocol):
    """What decides."""

    def decide(self, look: Look) -> int:
        """Replicas from now on."""


class Ended(NamedTuple):
    """What came of a trace."""

    misses: float
    """Share of the requests whose first token came after the SLO or never."""
    gpu_hours: float
    flips: int
    requests: int
    line: list[tuple[float, int]]
    """When the number of engines that were asked for changed, and to what."""


class Fleet:
    """All engines."""

    def __init__(self, model: Model, requests: Requests, startup: float, begin: int, seed: int) -> None:
        self.model, self.requests, self.startup = model, requests, startup
        self.rng = np.random.default_rng(seed + 77)
        self.live = [Engine(model, requests, 0.0, 0.0) for _ in range(begin)]
        self.pending: list[Engine] = []
        self.gpu_seconds = 0.0
        self._names: dict[Engine, int] = {}
        self._seen: dict[Engine, tuple[float, float, float]] = {}

    @property
    def serving(self) -> list[Engine]:
        return [e for e in self.live if e.leaves is None]

    def tick(self, t: float) -> None:
        """What has become ready serves, what has drained goes."""
        self.live += [e for e in self.pending if e.ready <= t]
        self.pending = [e for e in self.pending if e.ready > t]
        self._end(t, [e for e in self.live if e.leaves is not None and (not e.load or t - e.leaves > DRAINED)])

    def scrape(self, t: float) -> list[Sample]:
        """All of them."""
        return [self._scrape(e, t) for e in self.live] + [Sample(self._name(e), e.created, None) for e in self.pending]

    def scale(self, t: float, by: int) -> None:
        """Creates or drains."""
        waits = (t + self.startup * self.rng.uniform(0.92, 1.12) for _ in range(by))
        self.pending += [Engine(self.model, self.requests, t, ready) for ready in waits]
        unready = sorted(self.pending, key=lambda e: -e.created)[: max(0, -by)]
        self.pending = [e for e in self.pending if e not in unready]
        for engine in sorted(self.serving, key=lambda e: e.load)[: max(0, -by - len(unready))]:
            engine.leaves = t
        self._end(t, unready + [e for e in self.live if e.leaves == t and not e.load])

    def finish(self, t: float) -> None:
        """At the end of the trace."""
        self._end(t, self.live + self.pending)

    def _end(self, t: float, engines: list[Engine]) -> None:
        self.gpu_seconds += sum(t - e.created for e in engines)
        gone = set(engines)
        self.live = [e for e in self.live if e not in gone]
        for engine in engines:
            self._seen.pop(engine, None)

    def _name(self, engine: Engine) -> int:
        return self._names.setdefault(engine, len(self._names))

    def _scrape(self, e: Engine, t: float) -> Sample:
        e.advance(t)
        made, busy, area = self._seen.get(e, (0.0, 0.0, 0.0))
        self._seen[e] = (e.made, e.busy, e.area)
        tokens = e.made - made
        cpu = 0.05 + min(1.0, (e.busy - busy) / EVERY) + 0.0004 * tokens / EVERY
        token_seconds = (e.area - area) / tokens if tokens > 1 else 0.0
        running = e.n + len(e.batch)
        return Sample(
            self._name(e),
            e.created,
            e.ready,
            e.leaves is not None,
            len(e.waiting),
            running,
            e.kv / self.model.kv,
            cpu,
            token_seconds,
        )


def simulate(
    requests: Requests, horizon: float, scaler: Scaler, model: Model, startup: float, begin: int, seed: int
) -> Ended:
    """One trace under one scaler."""
    fleet = Fleet(model, requests, startup, begin, seed)
    changes: list[tuple[float, int]] = [(0.0, begin)]
    arrival, k, arrived, tick = [*requests.arrival, inf], 0, 0, 0.0
    while tick <= horizon:
        due, who = _next(fleet)
        if tick <= min(arrival[k], due):
            _decide(fleet, scaler, arrived, tick, changes)
            tick, arrived = tick + EVERY, 0
        elif arrival[k] <= due or who is None:
            min(fleet.serving, key=lambda e: e.load).add(arrival[k], k)
            arrived, k = arrived + 1, k + 1
        else:
            who.event(due)
    fleet.finish(horizon)
    late = _late(np.array(requests.arrival), np.array(requests.first), horizon)
    return Ended(float(late.mean()), fleet.gpu_seconds / 3600, _flips(changes), len(late), changes)


def _next(fleet: Fleet) -> tuple[float, Engine | None]:
    due, who = inf, None
    for engine in fleet.live:
        if engine.next < due:
            due, who = engine.next, engine
    return due, who


def _decide(fleet: Fleet, scaler: Scaler, arrived: int, t: float, changes: list[tuple[float, int]]) -> None:
    fleet.tick(t)
    replicas = len(fleet.serving) + len(fleet.pending)
    wanted = min(MOST, max(LEAST, scaler.decide(Look(t, fleet.scrape(t), arrived, replicas))))
    if wanted != replicas:
        fleet.scale(t, wanted - replicas)
        changes.append((t, wanted))


def _late(came: Floats, first: Floats, horizon: float) -> Floats:
    late: Floats = ((first < 0) | (first - came > SLO))[came < horizon - PATIENCE].astype(float)
    return late


def _flips(changes: list[tuple[float, int]]) -> int:
    steps = [(at, now > before) for (_, before), (at, now) in pairwise(changes)]
    return sum(up != was and at - then < FLIP for (then, was), (at, up) in pairwise(steps))
