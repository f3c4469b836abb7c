"""A new revision on trial: which share of the model's traffic it gets, one look at a time. The first row that fits:

    the newest revision             and                                     then
    -----------------------------   -------------------------------------   ----------------------------------------------------
    is not on trial yet                                                     step 0 begins, without traffic
    was taken back                  nobody says `retry`                     stays out
    is on trial                     a person says `abort`                   taken back
                                    its engines for this step do not all    the share stays, or none while none of them answers;
                                      answer                                  the step begins anew
                                    some router does not send this share    the share of this step; its time does not run
                                    the rollout is paused                   the share stays
                                    the step's hold is not over             the share stays
                                    a person has to approve, and has not    the share stays
                                    there is another step                   the next step
                                    it was the last one                     free: it takes all when all of its engines answer

`promote`, `abort` and `retry` are annotations whose value begins with the revision, so that they are for that one alone: the plan notes
down what it heeded, and a value acts once. A promotion stands for everything that a step waits for but engines and routers: a person
takes the place of holds and approvals, of one step (`REVISION/25%`) or of all that are left (`REVISION`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final, Literal, get_args

Phase = Literal["Starting", "Weighing", "Holding", "Waiting", "Paused", "Promoting", "Promoted", "RolledBack"]
"""What it waits for: engines, routers, its hold, a gate or an approval, a person, all of its engines; or nothing any more."""
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)


WAITS: Final[dict[bool, tuple[Phase, str]]] = {
    False: ("Starting", "its engines for this step do not all answer"),
    True: ("Weighing", "routers are taking its share"),
}
"""For whom, by whether its engines answer."""


@dataclass(frozen=True)
class Stage:
    """A step of the spec."""

    share: int
    """Percent of the model's requests."""
    hold: float
    """Seconds at least, from the moment at which every router sends this share."""
    approval: bool = False


@dataclass(frozen=True)
class Course:
    """What the spec says of a rollout."""

    stages: tuple[Stage, ...]
    paused: bool = False

    def engines(self, stage: int, replicas: int) -> int:
        """Engines for a step: its part of all, and one at least."""
        return max(ceil(replicas * self.stages[stage].share / 100), min(replicas, 1))


@dataclass(frozen=True)
class Trial:
    """How far a revision is."""

    revision: str
    stage: int
    """Index of the step; the number of steps when all of them are behind it."""
    began: datetime
    entered: datetime
    """When this step began."""
    confirmed: datetime | None = None
    """Since when every router sends this step's share."""
    phase: Phase = "Starting"
    message: str = ""
    abort: str = ""
    retry: str = ""
    """The last annotations that were heeded."""

    def share(self, course: Course) -> int:
        """Percent of the step; of the last one when all are behind it."""
        if self.phase == "RolledBack":
            return 0
        return course.stages[min(self.stage, len(course.stages) - 1)].share

    def free(self, course: Course) -> bool:
        """Whether it may take all of the traffic."""
        return self.phase != "RolledBack" and self.stage >= len(course.stages)

    def engines(self, course: Course, replicas: int) -> int:
        """Engines that it should have; of one that was taken back, one."""
        if self.free(course):
            return replicas
        return min(replicas, 1) if self.phase == "RolledBack" else course.engines(self.stage, replicas)


@dataclass(frozen=True)
class Look:
    """What a step depends on."""

    revision: str
    """The newest one."""
    complete: bool
    """Whether all engines answer that it should have at this step."""
    weighed: bool
    """Whether every router of every policy sends it this step's share."""
    promote: str = ""
    abort: str = ""
    retry: str = ""
    """Annotations that speak of this revision, as they stand."""

    def promotes(self, share: int) -> bool:
        """Whether a person says that a step is over."""
        return self.promote in (self.revision, f"{self.revision}/{share}%")


def step(known: Trial | None, course: Course, look: Look, now: datetime) -> Trial:
    """The table above."""
    if known is None or known.revision != look.revision:
        return _begun(look, now)
    if known.phase == "RolledBack":
        return _begun(look, now) if look.retry and look.retry != known.retry else known
    if look.abort and look.abort != known.abort:
        return replace(known, phase="RolledBack", confirmed=None, message="a person said so", abort=look.abort)
    if known.free(course):
        return replace(known, phase="Promoting", message="takes all of the traffic when all of its engines answer")
    if look.complete and look.weighed:
        return _held(replace(known, confirmed=known.confirmed or now), course, look, now)
    return replace(known, confirmed=None, phase=WAITS[look.complete][0], message=WAITS[look.complete][1])


def _begun(look: Look, now: datetime) -> Trial:
    return Trial(look.revision, 0, now, now, message="its engines start", abort=look.abort, retry=look.retry)


def _held(trial: Trial, course: Course, look: Look, now: datetime) -> Trial:
    """The rows of a step that every router sends."""
    if look.promotes(course.stages[trial.stage].share):
        return _next(trial, now)
    waits = _waits_for(trial, course, now)
    return replace(trial, phase=waits[0], message=waits[1]) if waits else _next(trial, now)


def _waits_for(trial: Trial, course: Course, now: datetime) -> tuple[Phase, str] | None:
    stage = course.stages[trial.stage]
    left = stage.hold - _seconds(trial.confirmed, now)
    rows: list[tuple[bool, Phase, str]] = [
        (course.paused, "Paused", "paused by spec.rollout.paused"),
        (left > 0, "Holding", f"its hold ends at {_end(trial, stage):%Y-%m-%dT%H:%M:%SZ}"),
        (stage.approval, "Waiting", "waits until a person promotes it"),
    ]
    return next(((phase, words) for holds, phase, words in rows if holds), None)


def _next(trial: Trial, now: datetime) -> Trial:
    return replace(
        trial, stage=trial.stage + 1, entered=now, confirmed=None, phase="Starting", message="the next step begins"
    )


def _seconds(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0


def _end(trial: Trial, stage: Stage) -> datetime:
    """A moment, and not what is left until then: a message that changes by itself would be written again and again."""
    return ((trial.confirmed or trial.entered) + timedelta(seconds=stage.hold)).astimezone(UTC)


def next_look(trial: Trial | None, course: Course, now: datetime) -> float | None:
    """Seconds until something may be different without an event: until a hold ends."""
    if trial is None or trial.phase == "RolledBack" or trial.free(course):
        return None
    if trial.confirmed is None:
        return None
    left = course.stages[trial.stage].hold - _seconds(trial.confirmed, now)
    return left if left > 0 else None


def shares(trial: Trial | None, course: Course | None, answers: bool) -> int:
    """Percent that the newest one gets while it is on trial; none while no engine of it answers."""
    if trial is None or course is None or not answers or trial.phase == "RolledBack":
        return 0
    if trial.phase == "Starting":
        return course.stages[trial.stage - 1].share if trial.stage else 0
    return trial.share(course)
