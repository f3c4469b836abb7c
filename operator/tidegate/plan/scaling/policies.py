"""How fast replicas may come and go: `behavior` of autoscaling/v2, with its names and its arithmetic.

With A replicas added and D taken away in the last `period` seconds, and now n of them, the period began with b = n - A + D:

    policy                  up to at most              down to at least
    ---------------------   ------------------------   -----------------------------
    Pods, value v           b + v                      b - v
    Percent, value v        ceil(b (1 + v / 100))      floor(b (1 - v / 100))
    several, Max            the largest of them        the smallest of them
    several, Min            the smallest of them       the largest of them
    Disabled                n                          n
    none                    no limit                   no limit

A limit never turns a direction round: up to at least n, down to at most n.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

Change = tuple[float, int]
"""When (Unix, seconds), and by how many."""


@dataclass(frozen=True)
class Policy:
    """One limit."""

    type: Literal["Pods", "Percent"]
    value: int
    period: float
    """Seconds."""

    def most(self, began: int) -> int:
        """Replicas that there may be."""
        return began + self.value if self.type == "Pods" else ceil(round(began * (1 + self.value / 100), 9))

    def least(self, began: int) -> int:
        """Replicas that there must be."""
        return began - self.value if self.type == "Pods" else floor(round(began * (1 - self.value / 100), 9))


@dataclass(frozen=True)
class Direction:
    """`scaleUp` or `scaleDown`."""

    window: float | None = 0.0
    """Seconds whose least (up) or largest (down) answer counts; None: as long as an engine starts, from 180 to 600 s."""
    policies: tuple[Policy, ...] = ()
    select: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: float = 0.0
    """Up: an answer must be more than this beyond what there is. Down: what stays must carry so much more than was seen."""


def highest(replicas: int, changes: Sequence[Change], up: Direction, now: float) -> int | None:
    """Up to how many; None: no limit."""
    if up.select == "Disabled":
        return replicas
    limits = [policy.most(_began(replicas, changes, policy, now)) for policy in up.policies]
    return max(replicas, (max if up.select == "Max" else min)(limits)) if limits else None


def lowest(replicas: int, changes: Sequence[Change], down: Direction, now: float) -> int:
    """Down to how many; 0: no limit."""
    if down.select == "Disabled":
        return replicas
    limits = [policy.least(_began(replicas, changes, policy, now)) for policy in down.policies]
    return min(replicas, max(0, (min if down.select == "Max" else max)(limits))) if limits else 0


def _began(replicas: int, changes: Sequence[Change], policy: Policy, now: float) -> int:
    return replicas - sum(by for at, by in changes if at > now - policy.period)
