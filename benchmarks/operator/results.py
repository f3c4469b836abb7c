"""What was measured, and whether the goals were met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.operator.flood import Flood
from benchmarks.operator.idle import Idle
from benchmarks.operator.processes import Memory
from benchmarks.operator.restart import Restart
from benchmarks.percentile import percentile

RATIO = 1.5
"""A flood may take so many times what the bare client takes, by the median of all rounds."""
IDLE_CORES = 0.01
MEMORY = {100: 150.0, 1000: 250.0}
"""MiB of the leader, by number of models."""


@dataclass(frozen=True)
class Round:
    """The same flood by both, one right after the other: machines are noisy, and both shall meet the same noise."""

    bare: Flood
    operator: Flood
    memory: Memory
    """Of the leader, when all had come to rest."""

    @property
    def ratio(self) -> float:
        """The operator's time over the bare client's."""
        return self.operator.seconds / self.bare.seconds


@dataclass
class Results:
    """Everything, in the order in which it is measured."""

    workers: int
    live: list[float] = field(default_factory=list)
    floods: dict[int, list[Round]] = field(default_factory=dict)
    """Rounds, by number of models."""
    idle: Idle | None = None
    at_rest: dict[str, list[float]] = field(default_factory=dict)
    in_flood: dict[str, list[float]] = field(default_factory=dict)
    restarts: dict[str, Restart] = field(default_factory=dict)

    def ratio(self, size: int) -> float:
        """The median of the rounds."""
        return median(one.ratio for one in self.floods[size])

    def json(self) -> dict[str, Any]:
        """For the file."""
        return {**asdict(self), "ratio": {size: round(self.ratio(size), 3) for size in self.floods}}


@dataclass(frozen=True)
class Row:
    """A line of the table; `met` is None where there is no goal."""

    what: str
    value: str
    goal: str = ""
    met: bool | None = None


def rows(results: Results) -> list[Row]:
    """The table."""
    return [
        *(_flood(size, rounds) for size, rounds in results.floods.items()),
        *(_memory(size, rounds) for size, rounds in results.floods.items()),
        *(_idle(results.idle) if results.idle else ()),
        *(_latency(f"{what}, at rest", found) for what, found in results.at_rest.items()),
        *((_latency("weight change -> live in Envoy, at rest", results.live),) if results.live else ()),
        *(_latency(f"{what}, during a flood", found) for what, found in results.in_flood.items()),
        *(_restart(what, found) for what, found in results.restarts.items()),
    ]


def _flood(size: int, rounds: Sequence[Round]) -> Row:
    ratios = sorted(one.ratio for one in rounds)
    ratio, bare = median(ratios), median(one.bare.seconds for one in rounds)
    value = f"{median(one.operator.seconds for one in rounds):.1f} s, bare client {bare:.1f} s: {ratio:.2f} x"
    spread = f" ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds)" if len(rounds) > 1 else ""
    what = f"{size:,} models and {math.ceil(size / 10):,} policies at once"
    return Row(what, value + spread, f"<= {RATIO} x", ratio <= RATIO)


def _memory(size: int, rounds: Sequence[Round]) -> Row:
    goal = next((most for models, most in MEMORY.items() if size <= models), None)
    now = max(one.memory.now for one in rounds)
    value = f"{now:.0f} MiB, at most {max(one.memory.peak for one in rounds):.0f} MiB"
    what = f"memory of the leader with {size:,} models"
    return Row(what, value, f"<= {goal:.0f} MiB", now <= goal) if goal else Row(what, value)


def _idle(idle: Idle) -> list[Row]:
    said = ", ".join(f"{count} {what}" for what, count in idle.writes.items()) or "0"
    met = max(idle.leader_cores, idle.standby_cores) <= IDLE_CORES
    cores = f"leader {idle.leader_cores:.2%}, standby {idle.standby_cores:.2%}"
    return [
        Row("writes in a minute at rest, beside the Lease's", said, "0", not idle.writes),
        Row("CPU in a minute at rest, of a core", cores, f"<= {IDLE_CORES:.0%}", met),
    ]


def _latency(what: str, found: Sequence[float]) -> Row:
    p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
    return Row(what, f"median {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms ({len(found)} changes)")


def _restart(what: str, found: Restart) -> Row:
    return Row(what, f"leads after {found.leader:.1f} s, acted after {found.acts:.1f} s")
