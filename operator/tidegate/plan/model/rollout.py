"""Which revisions of a model live, and in which role. The traffic follows the Active one.

    Active   newest spec   Candidate        then
    ------   -----------   --------------   -----------------------------------------------------------
    none     D             -                D becomes Active: there is nothing to protect
    D        D             none             nothing
    D        D             other            the candidate goes: the spec was changed back
    A        D             none or other    D becomes Candidate; a Retiring D comes back as Candidate
    A        D             D, not ready     wait; A serves
    A        D             D, ready         D becomes Active, A becomes Retiring
    A (no    D             any              D becomes Active, A goes: nobody is served by A, and its GPUs are free
    engine
    answers)

A Retiring revision goes when every router has confirmed that it runs the new weights, or after RETIRE_AFTER seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

RETIRE_AFTER: Final = 60.0
Role = Literal["Active", "Candidate", "Retiring"]


@dataclass(frozen=True)
class Revision:
    """A live revision and since when it has its role."""

    name: str
    role: Role
    since: datetime


@dataclass(frozen=True)
class Readiness:
    """How far a revision's engines are."""

    ready: int
    wanted: int
    exists: bool = True
    """Whether its workload is there."""

    @property
    def complete(self) -> bool:
        """Every engine that should answer does."""
        return self.exists and self.ready >= self.wanted


NOTHING: Final = Readiness(0, 1, exists=False)


def advance(
    revisions: tuple[Revision, ...],
    newest: str,
    readiness: Mapping[str, Readiness],
    *,
    confirmed: bool,
    now: datetime,
) -> tuple[Revision, ...]:
    """The revisions after one step of the table; `confirmed` says that all routers run the Active one's weights."""
    active = find(revisions, "Active")
    retiring = tuple(r for r in revisions if r.role == "Retiring" and not _gone(r, now, confirmed=confirmed))
    if active is None:
        return (Revision(newest, "Active", now), *_without(retiring, newest))
    if active.name == newest:
        return (active, *retiring)
    if readiness.get(active.name, NOTHING).ready == 0:
        return (Revision(newest, "Active", now), *_without(retiring, newest))
    candidate = find(revisions, "Candidate")
    if candidate is None or candidate.name != newest:
        return (active, Revision(newest, "Candidate", now), *_without(retiring, newest))
    if readiness.get(newest, NOTHING).complete:
        return (Revision(newest, "Active", now), replace(active, role="Retiring", since=now), *retiring)
    return (active, candidate, *retiring)


def find(revisions: tuple[Revision, ...], role: Role) -> Revision | None:
    """The first revision with this role."""
    return next((r for r in revisions if r.role == role), None)


def next_check(revisions: tuple[Revision, ...], now: datetime) -> float | None:
    """Seconds until the next Retiring revision goes without confirmation."""
    waits = [RETIRE_AFTER - (now - r.since).total_seconds() for r in revisions if r.role == "Retiring"]
    return max(0.0, min(waits)) if waits else None


def _gone(revision: Revision, now: datetime, *, confirmed: bool) -> bool:
    return confirmed or (now - revision.since).total_seconds() >= RETIRE_AFTER


def _without(revisions: tuple[Revision, ...], name: str) -> tuple[Revision, ...]:
    return tuple(r for r in revisions if r.name != name)
