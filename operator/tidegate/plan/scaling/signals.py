"""What each signal asks for, in replicas: `need` to go up, `keep` before one may go. The largest answer wins.

Load (`demand`), always there:          need = staffing(W) + headroom,  keep = staffing(W (1 + tolerance down)) + headroom
`requestsPerReplica`, `query`:          need = total / target,          keep = need (1 + tolerance down)
`kvCacheUtilization`:                   the ceiling of the load's staffing, so that it is answered there

`queueDepth` and latencies are triggers, never ratios, because a healthy engine queues nothing and a slow one is not twice as slow when it
is twice as full. n replicas, q queued for each that serves, v the latency, u the tolerance up, d the one down:

    what is seen                                            starts    need      keep
    -----------------------------------------------------   -------   -------   -----
    q >= target                                             nothing   n + 1     n + 1
    q >= target                                             one       n         n
    q < target                                              any       0         0
    latency over target, but engines under 30 % full
        and nobody waits: more engines make none faster     any       0         0
    v > target (1 + u)                                      nothing   n + 1     n + 1
    v > target (1 + u)                                      one       n         n
    v >= target (1 - d)                                     any       0         n
    v < target (1 - d)                                      any       0         0
    no answer, or an old one                                any       missing: nothing leaves

For example n = 4, 22 queued, queueDepth 5: 22 / 4 >= 5, so 5; while the fifth starts, 4 as far as the queue goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.plan.scaling.demand import Demand
from tidegate.plan.scaling.learned import Learned
from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.staffing import need
from tidegate.plan.scaling.ticks import Ticks

BUSY: Final = 0.3
"""Mean occupancy under which slowness is not for want of engines."""
MOST: Final = 1e6
"""Replicas that a number from Prometheus may ask for: a thousand times maxReplicas' largest."""
UNITS: Final = {"timeToFirstToken": 1000.0, "timePerOutputToken": 1000.0}
"""Milliseconds."""


@dataclass(frozen=True)
class Answer:
    """Of one signal, or of one row of the load."""

    name: str
    need: float = 0.0
    """Replicas for what was seen, not rounded."""
    keep: float = 0.0
    """Replicas that must stay."""
    words: str = ""
    missing: str = ""
    """Why it has none."""
    value: float = 0.0
    """What was seen: full engines of the load, requests of each replica or in all, seconds, the query's number."""
    age: float = 0.0
    """Seconds since the oldest reading behind it."""


def of_load(
    demands: Sequence[Demand], learned: Learned, headroom: float, settings: Settings, age: float = 0.0
) -> list[Answer]:
    """Each row of the load; `age`: seconds since the oldest reading of an engine."""
    return [
        Answer(
            one.name,
            _staff(one.work, 0.0, learned, headroom, settings),
            _staff(one.work, settings.down.tolerance, learned, headroom, settings),
            one.words,
            value=one.work,
            age=age,
        )
        for one in demands
    ]


def _staff(work: float, slack: float, learned: Learned, headroom: float, settings: Settings) -> float:
    return need(work * (1 + slack), learned.footprint, learned.dispersion, settings) + headroom


def of_signals(seen: Seen, ticks: Ticks, settings: Settings) -> Iterator[Answer]:
    """Each signal that the user named."""
    for signal in settings.signals:
        if signal.kind == "queueDepth":
            yield _queue(signal, seen)
        elif signal.kind == "requestsPerReplica":
            yield _ratio(signal, ticks.requests, seen.age, settings)
        elif signal.kind != "kvCacheUtilization":
            yield _read(signal, seen.readings.get(signal.name, Reading(error="it was not read yet")), seen, settings)


def _read(signal: Signal, reading: Reading, seen: Seen, settings: Settings) -> Answer:
    if reading.gap:
        return Answer(signal.name, missing=reading.gap, age=reading.age)
    value = reading.value or 0.0
    if signal.kind == "query":
        return _ratio(signal, value, reading.age, settings)
    return replace(_latency(signal, value, seen, settings), value=value, age=reading.age)


def _ratio(signal: Signal, total: float, age: float, settings: Settings) -> Answer:
    replicas = min(MOST, total / signal.target)
    return Answer(
        signal.name,
        replicas,
        replicas * (1 + settings.down.tolerance),
        f"{total:.4g} in all, {signal.target:g} a replica",
        value=total,
        age=age,
    )


def _queue(signal: Signal, seen: Seen) -> Answer:
    each = seen.queued / max(1, len(seen.serving))
    wanted = _one_more(seen) if each >= signal.target else 0
    words = f"{each:.3g} requests wait for each replica, target {signal.target:g}"
    return Answer(signal.name, wanted, wanted, words, value=each, age=seen.age)


def _latency(signal: Signal, value: float, seen: Seen, settings: Settings) -> Answer:
    scale = UNITS[signal.kind]
    words = f"{value * scale:.4g} ms, target {signal.target * scale:g} ms"
    used = seen.work(settings.sequences) / max(1, len(seen.serving))
    if value >= signal.target * (1 - settings.down.tolerance) and used < BUSY and not seen.queued:
        return Answer(
            signal.name, words=f"{words}, but engines are {used * 100:.0f} % full: more of them make none faster"
        )
    if value > signal.target * (1 + settings.up.tolerance):
        return Answer(signal.name, _one_more(seen), _one_more(seen), words)
    return Answer(signal.name, 0, seen.replicas if value >= signal.target * (1 - settings.down.tolerance) else 0, words)


def _one_more(seen: Seen) -> int:
    return seen.replicas + (not seen.starting)
