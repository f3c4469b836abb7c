"""The trial of a model's newest revision, from its spec and what is around it.

there is no                                then
----------------------------------------   --------------------------------------------------------------------------
spec.rollout                               no trial: the newest takes over when all of its engines answer
Active revision that has ever answered     no trial: there is nobody to compare with, and nothing to protect
engine that is wanted                      no trial: nobody could answer; one that has begun waits
RoutingPolicy that names the model         nobody can give it a share of the requests. A canary or a rolling update with
                                             objectives, or with a step that waits for a person: it waits for a person with
                                             all of its engines, because nothing is judged; without them no trial. A
                                             blue/green has its smoke tests and its approval, and then takes over at once;
                                             Recreate needs no share. One that has begun waits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Final

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.rollout import SHARING, Rollout
from tidegate.api.values import seconds
from tidegate.plan.kube.reading import text
from tidegate.plan.model.courses import course
from tidegate.plan.model.facts import ModelFacts
from tidegate.plan.model.judge import Judge
from tidegate.plan.model.judging.notes import told
from tidegate.plan.model.judging.questions import Rivals
from tidegate.plan.model.judging.windows import ALL, onward
from tidegate.plan.model.rollout import NOTHING, Readiness, find
from tidegate.plan.model.senders import sent, waits_for
from tidegate.plan.model.stages import (
    BEHIND,
    SUPERSEDED,
    Course,
    Look,
    Trial,
    aligned,
    judged,
    next_look,
    remembered,
    shares,
    step,
    suspended,
)
from tidegate.plan.model.surge import Surge
from tidegate.plan.plan import Manifest, Question
from tidegate.plan.world import ModelWorld

UNROUTED: Final = frozenset({"BlueGreen", "Recreate"})
"""Strategies that need nobody to share the requests."""
NO_LIMIT: Final = Surge()
MARGIN: Final = 60.0
"""Seconds beyond what people allow, for what comes before a container starts."""
HEEDED: Final = 512
"""Characters of an annotation that are read, and remembered."""
NOBODY_SHARES: Final = (
    "no RoutingPolicy leads to this model: nobody can give it a share of the requests, and no objective is judged; it waits until a person "
    "promotes it, or until there is a policy"
)
STANDS_IN: Final = "stands in for the revision before it, of which no engine answers"


@dataclass(frozen=True)
class Trying:
    """What a trial means for this pass; without one, everything is free."""

    trial: Trial | None = None
    """What status.rollout says."""
    free: bool = True
    refused: bool = False
    share: int = 0
    """Percent of the requests that the Candidate gets."""
    replicas: int | None = None
    """Engines that the Candidate should have."""
    stable: int | None = None
    """Engines that the Active one should have; None: all."""
    next_look: float | None = None
    """Seconds until something may be different without an event."""
    steps: tuple[int, ...] = ()
    """Percent that each step asks for."""
    course: Course | None = None
    """Of the trial that is under way."""
    standing_in: bool = False
    """Whether it is Active only because nobody else answers."""
    ask: dict[Question, float] = field(default_factory=dict)
    """What Prometheus is to be asked, and the seconds between two answers."""

    @property
    def waits_for_a_person(self) -> bool:
        """Paused; an approval is a step's own, and no pause."""
        return self.trial is not None and self.trial.phase == "Paused"

    @property
    def unanswered(self) -> bool:
        """Paused because an objective has no answer."""
        return self.waits_for_a_person and self.trial is not None and self.trial.pause == "GateUnanswered"


def on_trial(
    model: ModelDeployment, newest: str, facts: ModelFacts, replicas: int, surge: Surge = NO_LIMIT
) -> Course | None:
    """The course of a trial, where there is to be one."""
    active = find(facts.recorded, "Active")
    rollout, begun = model.spec.rollout, _begun(facts, newest)
    if rollout is None or not replicas or not (facts.views or begun or _unshared(model, rollout)):
        return None
    if active is None or active.name == newest or not active.answered:
        return None
    return course(rollout, replicas, bool(facts.views) or (begun and facts.trial_share > 0), surge.most)


def _unshared(model: ModelDeployment, rollout: Rollout) -> bool:
    """Whether there is a trial where nobody can give a share: nothing that should have been judged, or approved, is promoted silently."""
    asked = bool(model.spec.objectives) or any(step.approval for step in rollout.canary.steps)
    return rollout.strategy in UNROUTED or asked


def _begun(facts: ModelFacts, newest: str) -> bool:
    """Whether the newest is on trial, or was taken back."""
    trial = facts.trial
    return trial is not None and trial.revision == newest and trial.phase not in ("Promoted", "Superseded")


def known_trial(facts: ModelFacts, newest: str, course: Course) -> Trial | None:
    """How far the newest is, by the steps that the spec has today."""
    found = facts.trial
    return aligned(found, facts.trial_share, course) if found and found.revision == newest else found


@dataclass(frozen=True)
class Engines:
    """That both revisions should have at this moment of a trial."""

    candidate: int
    stable: int


def engines(model: ModelDeployment, newest: str, facts: ModelFacts, replicas: int, surge: Surge = NO_LIMIT) -> Engines:
    """Of so many that there should be; all of them for both without a trial."""
    found = on_trial(model, newest, facts, replicas, surge)
    if found is None:
        return Engines(replicas, replicas)
    known = known_trial(facts, newest, found)
    if known and known.revision == newest:
        return Engines(known.engines(found, replicas), known.stable(found, replicas))
    return Engines(min(replicas, found.stages[0].engines), replicas)


def trying(
    world: ModelWorld,
    model: ModelDeployment,
    newest: str,
    facts: ModelFacts,
    ready: Mapping[str, Readiness],
    replicas: int,
    surge: Surge,
    now: datetime,
) -> Trying:
    """One look; `replicas` are the engines that the model should have."""
    if model.spec.suspend or (model.spec.rollout and not replicas and _begun(facts, newest)):
        return _as_it_was(model, facts, ready, replicas, surge, now)
    found, rollout = on_trial(model, newest, facts, replicas, surge), model.spec.rollout
    if found is None or rollout is None:
        return _without(world.owner, model, newest, facts, replicas, surge, now)
    readiness = ready.get(newest, NOTHING)
    known, at = known_trial(facts, newest, found), _look(world.owner, model, newest, readiness, facts, now)
    at = replace(
        at, carries=known is not None and _carries(known, found, readiness, ready.get(_active(facts), NOTHING))
    )
    judge = Judge(world, model, rollout, Rivals(*_key(world.owner), _active(facts), newest), facts, now)
    if known and known.revision == newest and not known.over:
        known = judged(judge.anew(known), shares(known, found, readiness.ready > 0), at, now)
        gates, notes = judge.gates(known, known.share(found))
        gates, notes = told(known.gates, gates, notes)
        known, at = replace(known, gates=notes), replace(at, gates=gates)
    trial = replace(step(known, found, at, now), surge=surge.decided)
    if trial.phase == "Waiting" and not facts.views and rollout.strategy in SHARING:
        trial = replace(trial, message=NOBODY_SHARES)
    if trial.phase == "Weighing":
        trial = replace(trial, message=waits_for(facts.views, newest, trial.share(found)))
    trial = remembered(facts.trial, trial if trial.asked else judge.anew(trial), now)
    return Trying(
        trial,
        free=trial.free(found) and known is not None and known.free(found),  # its engines were counted for all of it
        refused=trial.phase == "RolledBack",
        share=shares(trial, found, readiness.ready > 0),
        replicas=trial.engines(found, replicas),
        stable=trial.stable(found, replicas),
        next_look=_soonest(next_look(trial, found, now), _late_in(model, newest, facts, now)),
        steps=tuple(stage.share for stage in found.stages),
        course=found,
        ask=judge.questions(trial, trial.share(found)),
    )


def _carries(trial: Trial, course: Course, candidate: Readiness, stable: Readiness) -> bool:
    """Whether as large a part of the engines that answer are its own as requests are: of the old one's, where that keeps all of them."""
    stage = course.stages[min(trial.stage, len(course.stages) - 1)]
    answering = stable.ready + (0 if stage.stable is None else candidate.ready)
    return candidate.reachable and candidate.ready >= max(1, ceil(answering * stage.share / ALL))


def _soonest(*waits: float | None) -> float | None:
    return min((wait for wait in waits if wait is not None and wait > 0), default=None)


def _late_in(model: ModelDeployment, newest: str, facts: ModelFacts, now: datetime) -> float | None:
    """Seconds until the newest one's engines are late, an old one's drain included, whose place they take; below 0 they are."""
    since = next((r.incomplete_since for r in facts.recorded if r.name == newest), None)
    allowed = seconds(model.spec.engine.startup_timeout) + seconds(model.spec.drain.timeout) + MARGIN
    return allowed - (now - since).total_seconds() if since else None


def _as_it_was(
    model: ModelDeployment,
    facts: ModelFacts,
    ready: Mapping[str, Readiness],
    replicas: int,
    surge: Surge,
    now: datetime,
) -> Trying:
    """Of a model that is suspended, or scaled to zero: nobody gets more, and nobody who does not answer gets anything."""
    trial, rollout = facts.trial, model.spec.rollout
    if trial is None:
        return Trying()
    trial = suspended(trial, now) if model.spec.suspend and not trial.over else trial
    share = facts.trial_given if ready.get(trial.revision, NOTHING).ready else 0
    found = Trying(trial, free=False, refused=trial.phase == "RolledBack", share=share)
    if rollout is None or not replicas:
        return found
    known = course(rollout, replicas, surge=surge.most)
    return replace(
        found,
        trial=aligned(trial, facts.trial_share, known),
        steps=tuple(stage.share for stage in known.stages),
        stable=trial.stable(known, replicas),
    )


def _without(
    owner: Manifest, model: ModelDeployment, newest: str, facts: ModelFacts, replicas: int, surge: Surge, now: datetime
) -> Trying:
    """No trial is under way; the last one stays in the status until there is another one.

    the last one        is                                      then
    -----------------   -------------------------------------   ----------
    any                 of the newest, which only stands in     it waits
    has not ended       of the newest, which is Active          Promoted
                        of another revision                     Superseded
    any                                                         as it was
    """
    trial, rollout = facts.trial, model.spec.rollout
    found = course(rollout, replicas, surge=surge.most) if rollout and replicas else None
    steps = tuple(stage.share for stage in found.stages) if found else ()
    if found and not found.gives_up_engines and _stands_in(owner, newest, facts):
        return _standing_in(facts, found, now)
    if trial is None or trial.over:
        return Trying(trial, steps=steps)
    if trial.revision != newest:
        after = replace(trial, phase="Superseded", message=SUPERSEDED)
    elif _active(facts) == newest:
        after = replace(trial, phase="Promoted", message="it has all of the traffic")
    else:
        return Trying(trial, steps=steps)
    return Trying(remembered(trial, after, now), steps=steps)


def _stands_in(owner: Manifest, newest: str, facts: ModelFacts) -> bool:
    """Whether it is Active only because the revision before it did not answer, and nobody says that it may stay."""
    if not _begun(facts, newest) or facts.trial_share >= BEHIND or _active(facts) != newest:
        return False
    promote = _said(owner, newest)["promote"]
    promoted = promote == newest and facts.trial is not None and promote != facts.trial.promote
    return not promoted and any(r.answered and r.name != newest for r in facts.recorded)


def _standing_in(facts: ModelFacts, course: Course, now: datetime) -> Trying:
    """Its gates have said nothing yet, or No: it gives the traffic back, and then its step begins anew; but where it had all of it."""
    found = Trying(facts.trial, free=False, standing_in=True, steps=tuple(stage.share for stage in course.stages))
    if facts.trial is None or facts.trial.phase == "RolledBack":
        return replace(found, refused=True)
    trial = aligned(facts.trial, facts.trial_share, course)
    if trial.share(course) >= ALL:
        return replace(found, trial=trial, share=ALL)
    windows = onward(trial.windows, 0, None, now)
    return replace(
        found,
        trial=replace(trial, phase="Starting", pause="", confirmed=None, windows=windows, message=STANDS_IN),
    )


def _key(owner: Manifest) -> tuple[str, str]:
    return owner["metadata"]["namespace"], owner["metadata"]["name"]


def _active(facts: ModelFacts) -> str:
    active = find(facts.recorded, "Active")
    return active.name if active else ""


def _look(
    owner: Manifest, model: ModelDeployment, newest: str, readiness: Readiness, facts: ModelFacts, now: datetime
) -> Look:
    said, left = _said(owner, newest), _late_in(model, newest, facts, now)
    return Look(
        newest,
        complete=readiness.complete,
        sent=sent(facts.views, newest),
        late=not readiness.complete and left is not None and left <= 0,
        promote=said["promote"],
        abort=said["abort"],
        retry=said["retry"],
    )


def _said(owner: Manifest, revision: str) -> dict[str, str]:
    """Annotations that speak of a revision; empty where none does."""
    written = owner["metadata"].get("annotations")
    said = {word: text(written, f"{names.GROUP}/{word}") for word in ("promote", "abort", "retry")}
    return {word: value[:HEEDED] if value.partition("/")[0] == revision else "" for word, value in said.items()}
