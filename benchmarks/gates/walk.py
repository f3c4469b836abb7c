"""Rollouts from their first step to their end, all of a case side by side: one look each 30 s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from benchmarks.gates.batch import Batch, Flags, Floats
from benchmarks.gates.traffic import EVERY, Look, Objective, Traffic

STEPS: Final = (0.01, 0.05, 0.10, 0.25, 0.50)
"""The candidate's shares of the traffic."""
HOLD: Final = 20
"""Looks in a step, at least: 10 minutes."""
WARM_UP: Final = 6
"""Looks of a step in which latency does not count: 3 minutes."""
DEADLINE: Final = 240
"""Looks after which a rollout that is not at its end is paused: 2 hours."""


@dataclass(frozen=True)
class At:
    """Where each rollout is."""

    in_step: Floats
    """Looks of its step, this one included."""

    @property
    def held(self) -> Flags:
        """Whether its hold is over."""
        return self.in_step >= HOLD

    @property
    def warm(self) -> Flags:
        """Whether the last interval counts for latency."""
        return self.in_step > WARM_UP


class Rule(Protocol):
    """What decides."""

    def look(self, seen: Sequence[Look], at: At) -> tuple[Flags, Flags]:
        """Which rollouts go back, and which go on to their next step."""

    def step(self, over: Flags) -> None:
        """These rollouts have gone on."""

    def keep(self, those: Flags) -> None:
        """The others have ended."""


@dataclass(frozen=True)
class Ended:
    """How the rollouts of a case ended; rows in no order."""

    back: Flags
    """Rolled back; those that were neither rolled back nor promoted were held until the deadline."""
    promoted: Flags
    minutes: Floats
    harm: Floats
    """Bad requests that stable would have answered well, over all objectives."""


class _Rollouts(Batch):
    """Those that are under way."""

    def __init__(self, rows: int) -> None:
        self.row, self.step = np.arange(rows), np.zeros(rows, int)
        self.in_step, self.harm = np.zeros(rows), np.zeros(rows)

    @property
    def part(self) -> Floats:
        """The candidate's share of the traffic."""
        return np.array(STEPS)[self.step]

    @property
    def promoted(self) -> Flags:
        promoted: Flags = self.step == len(STEPS)
        return promoted

    def go(self, on: Flags, seen: Sequence[Look], objectives: Sequence[Objective]) -> None:
        """One look later."""
        for one, objective in zip(seen, objectives, strict=True):
            self.harm = self.harm + one.candidate * (objective.candidate - objective.stable)
        self.step, self.in_step = self.step + on, np.where(on, 0, self.in_step)


def walk(rule: Rule, traffic: Traffic, objectives: Sequence[Objective], rows: int) -> Ended:
    """All rollouts to their ends."""
    now, ends = _Rollouts(rows), Ended(*(np.zeros(rows, kind) for kind in (bool, bool, float, float)))
    for look in range(1, DEADLINE + 1):
        seen = [traffic.look(objective, now.part, now.in_step) for objective in objectives]
        now.in_step = now.in_step + 1
        back, on = rule.look(seen, At(now.in_step))
        rule.step(on)
        now.go(on, seen, objectives)
        done = back | now.promoted | (look == DEADLINE)
        _end(ends, now, back, done, look * EVERY / 60)
        if done.all():
            break
        if done.any():
            for batch in (now, traffic, rule):
                batch.keep(~done)
        traffic.next()
    return ends


def _end(ends: Ended, now: _Rollouts, back: Flags, done: Flags, minutes: float) -> None:
    rows = now.row[done]
    ends.back[rows], ends.promoted[rows] = back[done], now.promoted[done]
    ends.minutes[rows], ends.harm[rows] = minutes, now.harm[done]
