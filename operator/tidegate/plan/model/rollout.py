"""Which revisions of a model live, in which role, and with how much of its traffic.

    Active A is              and                             then the traffic goes to
    ----------------------   -----------------------------   -------------------------------------------------------------
    none                     one answers                     that one: its status was lost, its engines were not
    none                     none answers                    the newest: there is nothing to protect
    any                      a person makes room             the newest: the annotation names it
    the newest               it answers, or no other does    A
    the newest, silent       another one answers             the other one, until the newest answers again
    the newest, on trial     another one answers             the other one: it only stood in for it
      or taken back
    the newest, in part and  another one is complete         the other one: it serves as before
      never complete yet
    older                    the newest is complete, and     the newest
                               not on trial any more
    older, answers           the newest is not complete      A
    older, silent            the newest answers in part      the newest: better than nobody
    older, silent            one that is Retiring answers    that one
    older, silent            it has never answered           the newest: A served nobody, and its GPUs are free
    older, silent            it has answered before          A: it comes back, or a person makes room

"Answers" is an engine that answers, or that none is wanted; "complete" is as many as are wanted. No row rests on one silent
moment of A alone: what takes the traffic from it answers, or a person said so, or A never served.

The newest one without the traffic is the Candidate, unless its trial has failed (stages.py): that one leaves as others do. Everybody else
is Retiring, and goes, when

    it                       the Active one                  routers
    ----------------------   -----------------------------   -------------------------------------------------------------
    never answered           any                             any
    answered                 any, and a person makes room    any
    answered, was Retiring   answers, and was complete once  all have left it
    answered, was Retiring   answers, and was complete once  none says that it sends to it, for RETIRE_AFTER seconds

but never for an Active one that only stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

RETIRE_AFTER: Final = 60.0
"""Seconds of silence after which routers that are silent or gone no longer hold a Retiring revision. One that reports that it
still sends to it holds it for as long as it says so."""
Role = Literal["Active", "Candidate", "Retiring"]
Departure = Literal["left", "sending", "silent"]
"""What the routers say of a revision: all have left it, some report that they still send to it, or some do not say."""


@dataclass(frozen=True)
class Revision:
    """A live revision and since when it has its role."""

    name: str
    role: Role
    since: datetime
    identity: str = ""
    """What its spec means; empty if that is its name."""
    replicas: int = 1
    """Engines that it should have. A Retiring one keeps those that it had."""
    answered: bool = False
    """Whether an engine of it has ever answered."""
    incomplete_since: datetime | None = None
    """Since when fewer engines answer than should."""
    completed: bool = False
    """Whether all of its engines have ever answered at the same time."""
    silent_since: datetime | None = None
    """Of a Retiring one: since when no router says that it sends to it, and not all have left it."""


@dataclass(frozen=True)
class Readiness:
    """How far a revision's engines are."""

    ready: int
    wanted: int
    exists: bool = True
    """Whether its workload is there."""
    reachable: bool = True
    """Whether the Service by which routers find its engines is there, and ours."""

    @property
    def complete(self) -> bool:
        """Every engine that should answer does, and routers find them."""
        return self.exists and self.reachable and self.ready >= self.wanted

    @property
    def answers(self) -> bool:
        """Some engine answers, or none should."""
        return self.exists and self.reachable and (self.ready > 0 or self.wanted == 0)


NOTHING: Final = Readiness(0, 1, exists=False)


@dataclass(frozen=True)
class Situation:
    """What a step depends on besides the revisions themselves."""

    newest: str
    """The revision that the spec asks for."""
    identity: str
    """What the spec means."""
    replicas: int
    """Engines that there should be."""
    readiness: Mapping[str, Readiness]
    departures: Mapping[str, Departure]
    """What the routers say of each Retiring revision."""
    room_for: str = ""
    """The revision for which a person makes room."""
    free: bool = True
    """Whether the newest may take all of the traffic: it is on no trial, or behind it."""
    refused: bool = False
    """Whether the newest one's trial has failed."""
    candidate_replicas: int | None = None
    """Engines that the newest should have while it is on trial; as many as there should be when absent."""
    active_replicas: int | None = None
    """Engines that an older Active one should have meanwhile; as many as there should be when absent, and when the newest takes over."""

    def stands_in(self, active: str) -> bool:
        """Whether the Active one is only better than nobody."""
        return active == self.newest and (self.refused or not self.free)


def advance(known: tuple[Revision, ...], now: Situation, at: datetime) -> tuple[Revision, ...]:
    """The revisions after one step of the tables: the Active one first, then the Candidate, then those that retire."""
    active = _with_the_traffic(known, now)
    candidate = [] if now.newest == active or now.refused else [(now.newest, "Candidate")]
    taking = [(active, "Active"), *candidate]
    others = [r.name for r in known if r.name not in dict(taking)]
    live = [_in_role(_named(known, name), name, role, now, at) for name, role in taking]  # type: ignore[arg-type]
    staying = [_in_role(_named(known, name), name, "Retiring", now, at) for name in others]
    return (*live, *(r for r in staying if not _gone(r, _named(known, r.name), live[0], now, at)))


def _with_the_traffic(known: tuple[Revision, ...], now: Situation) -> str:
    """The first table: who is first in it whose row holds."""
    active = find(known, "Active")
    newest = now.readiness.get(now.newest, NOTHING)
    answering = next((r.name for r in known if _answers(r.name, now)), "")
    if active is None:
        return answering or now.newest
    if now.room_for == now.newest:
        return now.newest
    if active.name == now.newest:
        return _of_the_newest(active, known, now)
    if newest.complete and now.free:
        return now.newest
    return _of_an_older_one(active, answering, now)


def _of_the_newest(active: Revision, known: tuple[Revision, ...], now: Situation) -> str:
    """The rows of a newest one that is Active."""
    mine = now.readiness.get(active.name, NOTHING)
    others = [r.name for r in known if r.name != active.name]
    if not mine.answers or now.stands_in(active.name):
        return next((name for name in others if _answers(name, now)), active.name)
    if active.completed or mine.complete:
        return active.name
    whole = (name for name in others if _answers(name, now) and now.readiness[name].complete)
    return next(whole, active.name)


def _of_an_older_one(active: Revision, answering: str, now: Situation) -> str:
    """The rows of an older Active one while the newest is not complete."""
    if _answers(active.name, now):
        return active.name
    if _answers(now.newest, now) and not now.refused:
        return now.newest
    return answering or (active.name if active.answered else now.newest)


def _answers(name: str, now: Situation) -> bool:
    readiness = now.readiness.get(name, NOTHING)
    return readiness.reachable and readiness.ready > 0


def _in_role(before: Revision | None, name: str, role: Role, now: Situation, at: datetime) -> Revision:
    """A revision with the role that it has from now on, and what is to be remembered of it."""
    kept = before or Revision(name, role, at)
    meaning = now.identity if name == now.newest else kept.identity
    since = kept.since if kept.role == role else at
    replicas = kept.replicas if role == "Retiring" else _wanted(name, role, now)
    readiness = now.readiness.get(name, NOTHING)
    silent = role == "Retiring" and now.departures.get(name, "silent") == "silent"
    return Revision(
        name=name,
        role=role,
        since=since,
        identity="" if meaning == name else meaning,
        replicas=replicas,
        answered=kept.answered or readiness.ready > 0,
        incomplete_since=None if readiness.complete else kept.incomplete_since or at,
        completed=kept.completed or (readiness.complete and readiness.answers),
        silent_since=(kept.silent_since or at) if silent else None,
    )


def _wanted(name: str, role: Role, now: Situation) -> int:
    """Engines of one that gets requests. What an older Active one gives up, the newest never does."""
    given = now.candidate_replicas if role == "Candidate" else now.active_replicas if name != now.newest else None
    return now.replicas if given is None else given


def _gone(revision: Revision, before: Revision | None, active: Revision, now: Situation, at: datetime) -> bool:
    """The second table."""
    if not revision.answered or now.room_for == now.newest:
        return True
    served = active.completed and now.readiness.get(active.name, NOTHING).answers and not now.stands_in(active.name)
    if before is None or before.role != "Retiring" or not served:
        return False
    if revision.silent_since is None:
        return now.departures.get(revision.name, "silent") == "left"
    return (at - revision.silent_since).total_seconds() >= RETIRE_AFTER


def find(revisions: tuple[Revision, ...], role: Role) -> Revision | None:
    """The first revision with this role."""
    return next((r for r in revisions if r.role == role), None)


def _named(revisions: tuple[Revision, ...], name: str) -> Revision | None:
    return next((r for r in revisions if r.name == name), None)


def next_timer(revisions: tuple[Revision, ...], startup_budget: float, now: datetime) -> float | None:
    """Seconds until the next Retiring revision goes without a word of its routers, or an incomplete one is late."""
    waits = [RETIRE_AFTER - (now - r.silent_since).total_seconds() for r in revisions if r.silent_since]
    waits += [startup_budget - (now - r.incomplete_since).total_seconds() for r in revisions if r.incomplete_since]
    due = [wait for wait in waits if wait > 0]
    return min(due) if due else None
