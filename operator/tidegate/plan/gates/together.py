"""From the verdicts of all gates at a look to what the rollout does.

The first row that fits:

    gates                                                  hold is    onFailure    the rollout
    ----------------------------------------------------   --------   ----------   ------------------------------------------------
    one failed                                             any        Rollback     rollback: stable takes all traffic
    one failed                                             any        Pause        pause: the candidate keeps its share
    one learnt nothing for more than noDataLimit looks     any        any          stall: the share stays, a person looks why
    one cannot be answered by waiting                      any        any          stall
    not all passed at this look                            any        any          hold: the candidate keeps its share
    all passed, or there are none                          running    any          hold
    all passed, or there are none                          over       any          promote: on to the next step

To learn nothing is `no data` or `error`. It is never taken for a failure of the candidate: when Prometheus is gone, all rollouts of a
cluster stand still, and none goes back. A step whose hold is over waits until one look finds all gates passed; for how long at most
(`progressDeadline`), and whether a person has to agree, is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.plan.gates.verdict import Verdict

Move = Literal["promote", "hold", "rollback", "pause", "stall"]


@dataclass(frozen=True)
class Gate:
    """An objective's verdict at this look."""

    name: str
    verdict: Verdict
    silent: int = 0
    """Looks in a row, this one included, at which it learnt nothing (`verdict.silent`)."""
    hopeless: bool = False
    """Whether no later look will have an answer unless somebody changes something, such as a query that is no PromQL."""

    @property
    def said(self) -> str:
        """For people."""
        return f"{self.name} {self.verdict.outcome}: {self.verdict.words}"


@dataclass(frozen=True)
class Policy:
    """What a rollout's `gates` block asks for."""

    on_failure: Literal["Rollback", "Pause"] = "Rollback"
    no_data_limit: int = 10
    """Looks in a row without an answer that are tolerated."""


@dataclass(frozen=True)
class Decision:
    """What to do, and why, in words."""

    move: Move
    why: str


def decide(gates: Sequence[Gate], policy: Policy, held: bool) -> Decision:
    """The table; `held`: whether the step's hold is over."""
    failed = [gate for gate in gates if gate.verdict.outcome == "failed"]
    if failed:
        return Decision("rollback" if policy.on_failure == "Rollback" else "pause", _said(failed))
    silent = [gate for gate in gates if gate.hopeless or gate.silent > policy.no_data_limit]
    if silent:
        return Decision("stall", "; ".join(map(_silence, silent)))
    waiting = [gate for gate in gates if gate.verdict.outcome != "passed"]
    if waiting:
        return Decision("hold", _said(waiting))
    if not held:
        return Decision("hold", "the hold is not over")
    return Decision("promote", _said(gates) or "there are no gates")


def _silence(gate: Gate) -> str:
    return gate.said if gate.hopeless else f"{gate.said} ({gate.silent} looks in a row)"


def _said(gates: Iterable[Gate]) -> str:
    return "; ".join(gate.said for gate in gates)
