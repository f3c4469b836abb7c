"""The objectives of a model, and its smoke tests, before the revision that is on trial."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.rollout import Rollout
from tidegate.api.values import seconds
from tidegate.names import short_hash
from tidegate.plan.gates.together import Gate
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import text
from tidegate.plan.model.facts import ModelFacts
from tidegate.plan.model.group import works_for_another
from tidegate.plan.model.judging import smoke
from tidegate.plan.model.judging.looks import View, look
from tidegate.plan.model.judging.notes import Note, Said
from tidegate.plan.model.judging.questions import Pace, Rivals, questions
from tidegate.plan.model.stages import Trial
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.world import ModelWorld


@dataclass(frozen=True)
class Judge:
    """Of one pass."""

    world: ModelWorld
    model: ModelDeployment
    rollout: Rollout
    rivals: Rivals
    facts: ModelFacts
    now: datetime

    @property
    def asked(self) -> str:
        """Names what it is judged by."""
        canary, objectives = self.rollout.canary, self.model.spec.objectives
        tests = self.rollout.blue_green.smoke_tests if self.rollout.strategy == "BlueGreen" else []
        parts = [[one.model_dump(mode="json", exclude_defaults=True) for one in part] for part in (objectives, tests)]
        return short_hash(
            json.dumps([*parts, canary.warm_up, self.rivals.stable, self.rollout.strategy], sort_keys=True)
        )

    @property
    def pace(self) -> Pace | None:
        """None without a Prometheus."""
        scrape, rollout = self.world.scrape, self.rollout
        if scrape is None:
            return None
        return Pace(seconds(rollout.gates.interval), scrape, seconds(rollout.canary.warm_up))

    def anew(self, trial: Trial) -> Trial:
        """What was counted for other objectives, or against another revision, says nothing."""
        return trial if trial.asked == self.asked else replace(trial, windows=(), gates=(), asked=self.asked)

    def gates(self, trial: Trial, share: int) -> tuple[tuple[Gate, ...], tuple[Note, ...]]:
        """What the objectives say at this look; of one that is to have no requests yet, what its smoke tests say."""
        said = self._objectives(trial) if share else self._smoke(trial)
        return tuple(gate for gate, _ in said), tuple(note for _, note in said)

    def _smoke(self, trial: Trial) -> tuple[Said, ...]:
        tests, gates = self.rollout.blue_green.smoke_tests, self.rollout.gates
        interval, limit = seconds(gates.interval), gates.failure_limit
        now = self.now.timestamp()
        return smoke.look(tests, trial.gates, self.engine, self.world.samples, interval, limit, now)

    def _objectives(self, trial: Trial) -> tuple[Said, ...]:
        objectives = self.model.spec.objectives
        view = View(
            rollout=self.rollout,
            windows=trial.windows,
            rivals=self.rivals,
            pace=self.pace,
            about=ObjectKey.of(self.world.owner),
            samples=self.world.samples,
            routers=self.facts.routers,
            now=self.now.timestamp(),
            counted=sum(one.query is None for one in objectives),
        )
        return look(objectives, trial.gates, view)

    @property
    def engine(self) -> smoke.Engine:
        """The first of the candidate's that is ready."""
        pods = self.facts.pods.get(self.rivals.candidate, ())
        asked = (pod for pod in pods if ready(pod) and not works_for_another(pod))
        pod = min(asked, key=lambda each: str(each["metadata"]["name"]), default={})
        address, uid = text(pod.get("status"), "podIP"), text(pod.get("metadata"), "uid")
        return smoke.Engine(ObjectKey.of(self.world.owner), uid, address, self.model.served_names()[0])

    def questions(self, trial: Trial, share: int) -> dict[Question, float]:
        """For the next looks."""
        if trial.over:
            return {}
        if not share:
            tests, interval = self.rollout.blue_green.smoke_tests, seconds(self.rollout.gates.interval)
            return smoke.questions(tests, trial.gates, self.engine, interval)
        if self.pace is None:
            return {}
        about, now = ObjectKey.of(self.world.owner), self.now.timestamp()
        return dict(questions(self.model.spec.objectives, trial.windows, self.rivals, self.pace, about, now))
