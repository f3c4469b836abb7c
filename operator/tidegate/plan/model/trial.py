"""The trial of a model's newest revision, from its spec and what is around it.

there is no                                then
----------------------------------------   --------------------------------------------------------------------------
spec.rollout                               no trial: the newest takes over when all of its engines answer
Active revision that has ever answered     no trial: there is nobody to compare with, and nothing to protect
RoutingPolicy that names the model         no trial: nobody can give it a share of the requests
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.rollout import Rollout
from tidegate.plan.kube.reading import text
from tidegate.plan.model.facts import ModelFacts
from tidegate.plan.model.rollout import NOTHING, Readiness, find
from tidegate.plan.model.stages import Course, Look, Stage, Trial, next_look, shares, step
from tidegate.plan.plan import Manifest


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
    next_look: float | None = None
    """Seconds until something may be different without an event."""

    @property
    def waits_for_a_person(self) -> bool:
        """Paused with a share; an approval is a step's own, and no pause."""
        return self.share > 0 and self.trial is not None and self.trial.phase == "Paused"


def course_of(rollout: Rollout) -> Course:
    """What the spec says."""
    stages = tuple(Stage(s.share, s.hold_seconds, s.approval == "Manual") for s in rollout.canary.steps)
    return Course(stages, rollout.paused)


def on_trial(model: ModelDeployment, newest: str, facts: ModelFacts) -> Course | None:
    """The course of a trial, where there is to be one."""
    active = find(facts.recorded, "Active")
    if model.spec.rollout is None or not facts.views or active is None or active.name == newest or not active.answered:
        return None
    return course_of(model.spec.rollout)


def candidate_replicas(model: ModelDeployment, newest: str, facts: ModelFacts) -> int:
    """Engines that the newest should have at this moment of its trial; all of them without one."""
    course = on_trial(model, newest, facts)
    if course is None:
        return model.spec.replicas
    known = facts.trial if facts.trial and facts.trial.revision == newest else None
    return known.engines(course, model.spec.replicas) if known else course.engines(0, model.spec.replicas)


def trying(
    owner: Manifest,
    model: ModelDeployment,
    newest: str,
    facts: ModelFacts,
    ready: Mapping[str, Readiness],
    now: datetime,
) -> Trying:
    """One look."""
    course = on_trial(model, newest, facts)
    if course is None or model.spec.rollout is None:
        return Trying(_ended(facts, newest))
    known = facts.trial
    readiness = ready.get(newest, NOTHING)
    weighed = known is not None and _weighed(facts, newest, known.share(course))
    said = _said(owner, newest)
    look = Look(newest, readiness.complete, weighed, promote=said["promote"], abort=said["abort"], retry=said["retry"])
    trial = step(known, course, look, now)
    return Trying(
        trial,
        free=trial.free(course) and known is not None and known.free(course),  # its engines were counted for all of it
        refused=trial.phase == "RolledBack",
        share=shares(trial, course, readiness.ready > 0),
        replicas=trial.engines(course, model.spec.replicas),
        next_look=next_look(trial, course, now),
    )


def _ended(facts: ModelFacts, newest: str) -> Trial | None:
    """The last trial stays in the status until there is another one."""
    trial = facts.trial
    if trial and trial.revision == newest and trial.phase == "Promoting":
        return replace(trial, phase="Promoted", message="it has all of the traffic")
    return trial


def _weighed(facts: ModelFacts, revision: str, share: int) -> bool:
    return all(view.sends(revision, share) for view in facts.views)


def _said(owner: Manifest, revision: str) -> dict[str, str]:
    """Annotations that speak of a revision; empty where none does."""
    written = owner["metadata"].get("annotations")
    said = {word: text(written, f"{names.GROUP}/{word}") for word in ("promote", "abort", "retry")}
    return {word: value if value.partition("/")[0] == revision else "" for word, value in said.items()}
