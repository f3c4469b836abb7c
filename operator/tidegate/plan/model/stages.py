"""A new revision on trial: which share of the model's traffic it gets, one look at a time. The first row that fits:

    the newest revision             and                                     then
    -----------------------------   -------------------------------------   ----------------------------------------------------
    is not on trial yet                                                     step 0 begins, without traffic
    was on trial before, and was                                            the same: gates that it passed then say nothing today
      promoted or superseded
    was taken back                  nobody says `retry`                     stays out
    is on trial                     a person says `abort`                   taken back
                                    a gate failed, onFailure: Rollback      taken back, at whatever step
                                    its engines are late, and the old one   taken back: the old one gets its engines again
                                      has given up some of its own
                                    it was at this share, every router      its time goes on while the others start: more engines
                                      sends it, and it has its part of the    are wanted than before
                                      engines that answer, not all of them
                                    its engines for this step do not all    the share that routers send stays, or none while none of
                                      answer                                  them answers; the step begins anew
                                    some router does not send this share    the share of this step; its time does not run
                                    a person promotes this step             the next step
                                    a gate failed, onFailure: Pause         the share stays, until a person promotes or aborts
                                    a gate cannot say anything              the share stays, until it can or a person promotes
                                    the rollout is paused                   the share stays
                                    the step's hold is not over             the share stays
                                    a gate has not passed                   the share stays; after progressDeadline it is paused
                                    a person has to approve, and has not    the share stays
                                    there is another step                   the next step
                                    it was the last one                     free: it takes all when all of its engines answer
    is free                         a gate failed, onFailure: Pause, and    the last step begins anew
                                      nobody promotes that step

`promote`, `abort` and `retry` are annotations whose value begins with the revision, so that they are for that one alone: the plan notes
down what it heeded, and a value acts once: one that was there before the trial does not, until it is written again. A promotion stands for
everything that a step waits for but engines and routers: a person
takes the place of gates, holds and approvals, of one step (`REVISION/25%`) or of all that are left (`REVISION`). But for a gate that
says Rollback: then there is nothing left to promote.

A step is known by its share, so that a spec whose steps are edited meanwhile means what it says:

    the steps of the spec           then
    -----------------------------   ---------------------------------------------------------------------------------------
    have this share                 it goes on there
    have smaller ones               the largest of them, which begins anew
    have none that small            the first one, which begins anew
    any, and it waits for its       the first one: other engines are wanted than before, and the share of one step (100 % of one engine)
      first share                     may be that of the last one of many
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

from tidegate.plan.gates.together import Decision, Gate, Policy, decide
from tidegate.plan.model.judging.history import RESULTS, Past, ended
from tidegate.plan.model.judging.notes import Note
from tidegate.plan.model.judging.windows import Window, onward

Phase = Literal[
    "Starting", "Weighing", "Holding", "Waiting", "Paused", "Promoting", "Promoted", "RolledBack", "Superseded"
]
"""What it waits for: engines, routers, its hold, a gate or an approval, a person, all of its engines; or how it ended."""
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
Pause = Literal["", "Spec", "GateFailed", "GateUnanswered", "ProgressDeadlineExceeded"]
"""Why it is Paused."""
PAUSES: Final[tuple[Pause, ...]] = get_args(Pause)
BEHIND: Final = 101
"""Instead of a share: all steps are behind it."""

WAITS: Final[dict[bool, tuple[Phase, str]]] = {
    False: ("Starting", "its engines for this step do not all answer"),
    True: ("Weighing", "routers are taking its share"),
}
"""For whom, by whether its engines answer."""


FREE: Final = "takes all of the traffic when all of its engines answer"
SUPERSEDED: Final = "another change of the spec took its place"


@dataclass(frozen=True)
class Stage:
    """A step of the spec."""

    share: int
    """Percent of the model's requests."""
    hold: float
    """Seconds at least, from the moment at which every router sends this share."""
    approval: bool = False
    engines: int = 1
    """Engines that the new revision should have."""
    stable: int | None = None
    """Engines that the old one keeps, once its share is small enough for them; None: all."""


@dataclass(frozen=True)
class Course:
    """What the spec says of a rollout."""

    stages: tuple[Stage, ...]
    paused: bool = False
    policy: Policy = field(default_factory=Policy)
    deadline: float = 0.0
    """Seconds for which a step may wait for its gates; 0 is for ever."""

    @property
    def gives_up_engines(self) -> bool:
        """Whether the old revision loses engines before the new one has taken over."""
        return any(stage.stable is not None for stage in self.stages)


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
    held: float = 0.0
    """Seconds of this step's time that had gone by when the model was suspended."""
    phase: Phase = "Starting"
    message: str = ""
    pause: Pause = ""
    abort: str = ""
    retry: str = ""
    """The last annotations that were heeded."""
    promote: str = ""
    """The annotation that was there when the trial began, for as long as it stays: it was for another one."""
    windows: tuple[Window, ...] = ()
    """Over what it is judged, the oldest first."""
    gates: tuple[Note, ...] = ()
    """What its objectives said at the last look."""
    history: tuple[Past, ...] = ()
    """How those before it ended, and it itself; the newest first."""
    asked: str = ""
    """Hash of the objectives that it is judged by: others begin anew."""
    surge: int | None = None
    """Engines that it may have beside those that there should be (surge.py); None: as many as its strategy asks for."""

    def share(self, course: Course) -> int:
        """Percent of the step; of the last one when all are behind it."""
        if self.phase == "RolledBack":
            return 0
        return course.stages[min(self.stage, len(course.stages) - 1)].share

    @property
    def over(self) -> bool:
        """Whether it has ended, be it so or so."""
        return self.phase in RESULTS

    def free(self, course: Course) -> bool:
        """Whether it may take all of the traffic."""
        return self.phase != "RolledBack" and self.stage >= len(course.stages)

    def engines(self, course: Course, replicas: int) -> int:
        """Engines that it should have; of one that was taken back, one."""
        if self.free(course):
            return replicas
        return min(replicas, 1 if self.phase == "RolledBack" else course.stages[self.stage].engines)

    def stable(self, course: Course, replicas: int) -> int:
        """Engines that the old revision should have meanwhile."""
        if self.over:
            return replicas
        kept = course.stages[min(self.stage, len(course.stages) - 1)].stable
        return replicas if kept is None else kept


@dataclass(frozen=True)
class Look:
    """What a step depends on."""

    revision: str
    """The newest one."""
    complete: bool
    """Whether all engines answer that it should have at this step."""
    sent: int | None
    """Percent that every router of every policy sends it; None while they differ, or do not say."""
    gates: tuple[Gate, ...] = ()
    """What its objectives say."""
    carries: bool = False
    """Whether it has its part of the engines that answer, by the share of this step."""
    late: bool = False
    """Whether its engines have not all answered for longer than that may take."""
    promote: str = ""
    abort: str = ""
    retry: str = ""
    """Annotations that speak of this revision, as they stand."""

    def promotes(self, trial: Trial, share: int) -> bool:
        """Whether a person says that a step is over."""
        return self.promote != trial.promote and self.promote in (self.revision, f"{self.revision}/{share}%")


def step(known: Trial | None, course: Course, look: Look, now: datetime) -> Trial:
    """The first table."""
    if known is None or known.revision != look.revision or known.phase in ("Promoted", "Superseded"):
        return _begun(look, now)
    if known.over:
        return _begun(look, now) if look.retry and look.retry != known.retry else known
    known = known if look.promote == known.promote else replace(known, promote="")
    said = decide(look.gates, course.policy, held=not known.free(course) and _left(known, course, now) <= 0)
    if why := _against(known, course, look, said):
        return replace(known, phase="RolledBack", confirmed=None, held=0.0, message=why, abort=look.abort, pause="")
    if known.free(course) and not (said.move == "pause" and not look.promotes(known, known.share(course))):
        return replace(known, phase="Promoting", message=FREE, pause="")
    known = replace(known, stage=min(known.stage, len(course.stages) - 1))
    if look.sent == known.share(course) and (look.complete or (known.confirmed and look.carries)):
        return _held(replace(known, confirmed=known.confirmed or now), course, look, said, now)
    phase, words = WAITS[look.complete]
    return replace(known, confirmed=None, held=0.0, phase=phase, message=words, pause="")


def suspended(trial: Trial, now: datetime) -> Trial:
    """Its time does not run while nothing is touched."""
    return replace(trial, confirmed=None, held=_spent(trial, now))


def aligned(trial: Trial, share: int, course: Course) -> Trial:
    """The second table: the trial at the step that has the share at which it was, in percent; one that has ended as it is."""
    if trial.over:
        return trial
    if share >= BEHIND:
        return replace(trial, stage=len(course.stages))
    if not (trial.stage or trial.confirmed or trial.windows):
        return trial
    if trial.stage < len(course.stages) and course.stages[trial.stage].share == share:
        return trial
    fitting = [index for index, stage in enumerate(course.stages) if stage.share <= share]
    found = replace(trial, stage=fitting[-1] if fitting else 0)
    return found if found.share(course) == share else replace(found, confirmed=None, held=0.0, phase="Weighing")


def remembered(before: Trial | None, after: Trial, now: datetime) -> Trial:
    """With what has ended between two looks in its history."""
    if before is None:
        return after
    past = before.history
    if before.revision != after.revision and not before.over:
        past = ended(past, Past(before.revision, "Superseded", SUPERSEDED, before.began, now))
    began_anew = before.revision != after.revision or not before.over
    if after.over and began_anew:
        result = next(each for each in RESULTS if each == after.phase)
        past = ended(past, Past(after.revision, result, after.message, after.began, now))
    return replace(after, history=past)


def judged(trial: Trial, given: int, look: Look, now: datetime) -> Trial:
    """With the windows that go on, end or begin at this look; `given` is the share that it had until now, in percent."""
    return replace(trial, windows=onward(trial.windows, given, look.sent, now))


def _begun(look: Look, now: datetime) -> Trial:
    made = Trial(look.revision, 0, now, now, message="its engines start")
    return replace(made, abort=look.abort, retry=look.retry, promote=look.promote)


def _against(known: Trial, course: Course, look: Look, said: Decision) -> str:
    """Why it is taken back; empty if it is not."""
    if look.abort and look.abort != known.abort:
        return "a person said so"
    if look.late and course.gives_up_engines:
        return "its engines did not all answer in time (spec.engine.startupTimeout)"
    return said.why if said.move == "rollback" else ""


def _held(trial: Trial, course: Course, look: Look, said: Decision, now: datetime) -> Trial:
    """The rows of a step that every router sends."""
    if look.promotes(trial, course.stages[trial.stage].share):
        return _next(trial, course, now)
    waits = _waits_for(trial, course, said, now)
    if waits is None:
        return _next(trial, course, now)
    phase, words, pause = waits
    return replace(trial, phase=phase, message=words, pause=pause)


def _waits_for(trial: Trial, course: Course, said: Decision, now: datetime) -> tuple[Phase, str, Pause] | None:
    stage = course.stages[trial.stage]
    left = _left(trial, course, now)
    open_ = left <= 0 and said.move == "hold"
    late = course.deadline > 0 and _spent(trial, now) - stage.hold > course.deadline
    rows: list[tuple[bool, Phase, str, Pause]] = [
        (said.move == "pause", "Paused", said.why, "GateFailed"),
        (said.move == "stall", "Paused", said.why, "GateUnanswered"),
        (course.paused, "Paused", "paused by spec.rollout.paused", "Spec"),
        (left > 0, "Holding", f"its hold ends at {_end(trial, stage):%Y-%m-%dT%H:%M:%SZ}", ""),
        (open_ and late, "Paused", f"progressDeadline is over: {said.why}", "ProgressDeadlineExceeded"),
        (open_, "Waiting", said.why, ""),
        (stage.approval, "Waiting", "waits until a person promotes it", ""),
    ]
    return next(((phase, words, pause) for holds, phase, words, pause in rows if holds), None)


def _next(trial: Trial, course: Course, now: datetime) -> Trial:
    onward = replace(trial, stage=trial.stage + 1, entered=now, confirmed=None, held=0.0, pause="")
    if onward.free(course):
        return replace(onward, phase="Promoting", message=FREE)
    return replace(onward, phase="Starting", message="the next step begins")


def _left(trial: Trial, course: Course, now: datetime) -> float:
    """Seconds of this step's hold."""
    return course.stages[trial.stage].hold - _spent(trial, now)


def _spent(trial: Trial, now: datetime) -> float:
    """Seconds at this share."""
    return trial.held + ((now - trial.confirmed).total_seconds() if trial.confirmed else 0.0)


def _end(trial: Trial, stage: Stage) -> datetime:
    """A moment, and not what is left until then: a message that changes by itself would be written again and again."""
    return ((trial.confirmed or trial.entered) + timedelta(seconds=stage.hold - trial.held)).astimezone(UTC)


def next_look(trial: Trial | None, course: Course, now: datetime) -> float | None:
    """Seconds until something may be different without an event: until a hold ends."""
    if trial is None or trial.phase == "RolledBack" or trial.free(course):
        return None
    if trial.confirmed is None:
        return None
    left = _left(trial, course, now)
    return left if left > 0 else None


def shares(trial: Trial | None, course: Course | None, answers: bool) -> int:
    """Percent that the newest one gets while it is on trial; none while no engine of it answers."""
    if trial is None or course is None or not answers or trial.phase == "RolledBack":
        return 0
    if trial.phase == "Starting" and not _sent(trial, course):
        return course.stages[trial.stage - 1].share if trial.stage else 0
    return trial.share(course)


def _sent(trial: Trial, course: Course) -> bool:
    """Whether every router has sent the share of this step, and none was told another one since: some engines went, or more are wanted."""
    newest = trial.windows[-1] if trial.windows else None
    return newest is not None and newest.end is None and newest.share == trial.share(course)
