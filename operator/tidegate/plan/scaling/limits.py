"""From the replicas that are wanted to those that there will be: one limit after the other, and the last that changed something is told.

    limit         a change up, from n to w                    a change down, from n to w
    -----------   -----------------------------------------   --------------------------------------------------------------
    NoMetrics     (an engine that says nothing counts empty)  n while an engine, a router or a signal is silent
    Window        the least w of the window, at least n       the largest keep of the window, at most n; n in the first window
    LeastLife     -                                           no fewer than those that start or are ready for less than that
    Policy        up to `policies.highest`                    down to `policies.lowest`
    GPUs          n + those for which GPUs are free; one      -
                    where none is and none starts, because
                    who adds nodes goes by Pods that wait
    Max           maxReplicas                                 maxReplicas: at once, whatever the others say
    Min           at least minReplicas, or the schedule's     the same

Bounds come last, because they are what was asked for in so many words; so an edited maxReplicas is obeyed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.plan.scaling import policies, windows
from tidegate.plan.scaling.policies import Change
from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.windows import Remembered

Limit = Literal[
    "Signal",
    "Steady",
    "NoMetrics",
    "Window",
    "LeastLife",
    "Policy",
    "GPUs",
    "Max",
    "Min",
    "Schedule",
    "Zero",
    "HPA",
    "KEDA",
]
"""The last two: another provider decides."""


@dataclass(frozen=True)
class Wanted:
    """Replicas, and what made them so many."""

    replicas: int
    limit: Limit
    words: str

    def at_least(self, replicas: int, limit: Limit, words: str) -> Wanted:
        """Itself, or as many as this limit asks for."""
        return Wanted(replicas, limit, words) if self.replicas < replicas else self

    def at_most(self, replicas: int, limit: Limit, words: str) -> Wanted:
        """Itself, or as many as this limit lets be."""
        return Wanted(replicas, limit, words) if self.replicas > replicas else self


@dataclass(frozen=True)
class Windowed:
    """What the two windows remember, and what they let through."""

    downs: Remembered
    ups: Remembered
    wanted: Wanted


def window(
    wanted: Wanted,
    keep: int,
    n: int,
    before: tuple[Remembered, Remembered],
    span: tuple[float, float],
    now: float,
    young: bool,
) -> Windowed:
    """`keep`: replicas that must stay; `before` and `span`: of downs and of ups; `young`: nothing may leave yet."""
    downs, high = windows.largest(before[0], now, keep, span[0])
    ups, low = windows.least(before[1], now, wanted.replicas, span[1])
    if wanted.replicas > n:
        wanted = wanted.at_most(max(n, low), "Window", f"{low} were enough within the last {span[1]:.0f} s")
    elif wanted.replicas < n and young:
        wanted = wanted.at_least(n, "Window", f"nothing leaves in the first {span[0]:.0f} s")
    elif wanted.replicas < n:
        wanted = wanted.at_least(min(n, high), "Window", f"{high} were needed within the last {span[0]:.0f} s")
    return Windowed(downs, ups, wanted)


def change(wanted: Wanted, seen: Seen, settings: Settings, changes: Sequence[Change]) -> Wanted:
    """Life, policies and GPUs."""
    n = seen.replicas
    if wanted.replicas > n:
        highest = policies.highest(n, changes, settings.up, seen.now)
        wanted = wanted if highest is None else wanted.at_most(highest, "Policy", f"scaleUp lets it be {highest}")
        return wanted if seen.room is None else _with_room(wanted, n, max(0, seen.room), waits=seen.starting > 0)
    if wanted.replicas < n:
        young = n - _old(seen, settings.least_life)
        wanted = wanted.at_least(
            young, "LeastLife", f"{young} start or became ready within {settings.least_life:.0f} s"
        )
        lowest = policies.lowest(n, changes, settings.down, seen.now)
        return wanted.at_least(lowest, "Policy", f"scaleDown lets it be {lowest}")
    return wanted


def _with_room(wanted: Wanted, n: int, room: int, *, waits: bool) -> Wanted:
    if room or waits:
        return wanted.at_most(n + room, "GPUs", f"GPUs are free for {room} more")
    return wanted.at_most(n + 1, "GPUs", "no GPU is free: one engine waits for a node")


def _old(seen: Seen, life: float) -> int:
    """Engines that have served long enough to leave."""
    return sum(e.ready is not None and not e.draining and seen.now - e.ready >= life for e in seen.engines)
