"""What one pass decides about a model, before it becomes objects and a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate import names
from tidegate.api.identity import identity
from tidegate.api.kvoffload import too_old
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import seconds
from tidegate.errors import Stall
from tidegate.plan import conditions
from tidegate.plan.kube.difference import differences
from tidegate.plan.kube.pods import unschedulable
from tidegate.plan.kube.reading import integer, text
from tidegate.plan.model import beside, hanging, provider, revisions, scaling
from tidegate.plan.model.argv import group_size
from tidegate.plan.model.facts import ModelFacts, departures, ready_replicas
from tidegate.plan.model.provider import Provided
from tidegate.plan.model.rollout import NOTHING, Departure, Readiness, Revision, Role, Situation, advance, find
from tidegate.plan.model.surge import Surge, footprint, nodes, surge
from tidegate.plan.model.trial import Trying, engines, trying
from tidegate.plan.model.workload import rendered
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

WHOLE = 100
"""Percent of a model's requests."""
DEADLINE_MARGIN = 60.0
"""Seconds beyond startupTimeout for what comes before a container starts: a node, a volume, an image."""


class EngineTooOld(Stall):
    """The operator's own image lacks what the model asks for."""

    reason = conditions.ENGINE_TOO_OLD


class MissingKind(Stall):
    """The model needs a kind that the cluster does not have."""

    reason = conditions.MISSING_KIND


@dataclass(frozen=True)
class ModelDecision:
    """Which revisions live, and from what they are made."""

    model: ModelDeployment
    newest: str
    """The revision that the spec asks for."""
    revisions: tuple[Revision, ...]
    readiness: Mapping[str, Readiness]
    departures: Mapping[str, Departure]
    data: Mapping[str, Manifest]
    """What each live revision's ControllerRevision keeps, or will keep."""
    update: tuple[str, ...]
    """Paths in which the newest revision would be rendered differently today."""
    room_made_for: str
    """The revision for which a person's annotation has acted."""
    trying: Trying
    """The trial of the newest."""
    replicas: int
    """Engines that there should be."""
    provided: Provided | None = None
    """How another provider than the operator comes to decide that; None: it does not."""

    def traffic(self, revision: Revision) -> int:
        """Percent of the model's requests that it gets."""
        given = self.trying.share if self.role("Candidate") else 0
        return {"Active": WHOLE - given, "Candidate": given}.get(revision.role, 0)

    @property
    def startup_budget(self) -> float:
        """Seconds after which engines that do not answer are late."""
        return seconds(self.model.spec.engine.startup_timeout) + DEADLINE_MARGIN

    def role(self, role: Role) -> Revision | None:
        """The first revision with this role."""
        return find(self.revisions, role)

    def of(self, revision: Revision | None) -> Readiness:
        """How far a revision's engines are."""
        return self.readiness.get(revision.name, NOTHING) if revision else NOTHING

    def late(self, revision: Revision, now: datetime) -> bool:
        """Whether fewer engines than wanted have answered for longer than starting one may take."""
        since = revision.incomplete_since
        return since is not None and (now - since).total_seconds() >= self.startup_budget


def decide(world: ModelWorld, model: ModelDeployment, facts: ModelFacts, now: datetime) -> ModelDecision:
    """One step of the rollout; a suspended model stays where it is."""
    _check_engine(world, model)
    meaning = identity(model)
    newest = revisions.newest(world.owner, meaning, facts.recorded, facts.records)
    active = find(facts.recorded, "Active")
    running = _running(world, active)
    wanted = scaling.replicas(world, model, running)
    another = provider.another(model)
    kept = {name: record["data"] for name, record in facts.records.items() if record.get("data")}
    fresh = _fresh(world, model, newest, kept)
    most = _surge(world, model, newest, facts, wanted, kept.get(newest, fresh))
    on_trial = newest if active and active.name != newest else ""
    readiness = _readiness(wanted, model, newest, facts, most, hanging.out(world, facts.pods.get(on_trial, ())))
    tried = trying(world, model, newest, facts, readiness, wanted, most, now)
    asked = text(world.owner["metadata"].get("annotations"), names.MAKE_ROOM_ANNOTATION)
    made = asked if asked == text(world.owner.get("status"), "roomMadeFor") else ""
    lost = not text(world.owner.get("status"), "activeRevision")  # and with it, whether room was made
    situation = Situation(
        newest=newest,
        identity=meaning,
        replicas=wanted,
        readiness=readiness,
        departures=departures(facts),
        room_for="" if lost or made == asked else asked,
        free=tried.free,
        refused=tried.refused,
        candidate_replicas=tried.replicas,
        active_replicas=tried.stable,
    )
    decision = ModelDecision(
        model,
        newest,
        facts.recorded,
        readiness,
        situation.departures,
        kept,
        (),
        made,
        tried,
        wanted,
        provider.provided(world, model, another, running) if another else None,
    )
    if model.spec.suspend:
        return decision
    live = advance(facts.recorded, situation, now)
    data = {r.name: kept.get(r.name, fresh) for r in live if r.name in kept or r.name == newest}
    update = tuple(differences(kept[newest], fresh)) if newest in kept and fresh else ()
    if asked == newest and any(r.name == newest and r.completed for r in live):
        made = asked  # it acts until the revision has its engines, and then never again
    return replace(decision, revisions=live, data=data, update=update, room_made_for=made)


def _check_engine(world: ModelWorld, model: ModelDeployment) -> None:
    """An image that a model names itself is checked as it is written."""
    engine, image = model.spec.engine, world.defaults.engine_image
    if engine.kv_offload and engine.kv_offload.beyond_memory() and not engine.image and too_old(image):
        raise EngineTooOld(
            f"kvOffload.disk and kvOffload.shared need vLLM 0.22, and the operator's engine image is {image}; name a newer one in "
            "spec.engine.image, or in the chart's images.engine"
        )


def _fresh(world: ModelWorld, model: ModelDeployment, newest: str, kept: Mapping[str, Manifest]) -> Manifest:
    """The newest revision as it would be rendered today; empty where nobody asks, or where its router's policy is unfit and one is kept."""
    if model.spec.suspend:
        return {}
    policy, wrong = beside.policy_of(world, model)
    if wrong and newest in kept:
        return {}
    if wrong:
        raise beside.PolicyUnfit(wrong)
    return rendered(model, newest, world.defaults, workload_kind(world, model), policy)


def _running(world: ModelWorld, active: Revision | None) -> int:
    """Engines that there should have been until now: while a rollout divides them, the Active revision has only its part."""
    return integer(world.owner.get("status"), "desiredReplicas", active.replicas) if active else 0


def workload_kind(world: ModelWorld, model: ModelDeployment) -> str:
    """A LeaderWorkerSet when the model needs more GPUs than one Pod has."""
    if group_size(model.spec.engine) == 1:
        return "Deployment"
    if not world.capabilities.leader_worker_set:
        raise MissingKind(
            f"parallelism needs {group_size(model.spec.engine)} Pods of {model.spec.engine.gpus.count} GPUs for each "
            "replica, which takes the LeaderWorkerSet controller (https://lws.sigs.k8s.io); install it, or raise gpus.count"
        )
    return "LeaderWorkerSet"


def _surge(
    world: ModelWorld, model: ModelDeployment, newest: str, facts: ModelFacts, replicas: int, data: Manifest
) -> Surge:
    """Of the newest, for as long as its trial goes on, once its first engines have a place."""
    trial, pods = facts.trial, facts.pods.get(newest, ())
    placed = trial is not None and (trial.stage > 0 or not unschedulable(pods))
    decided = trial.surge if trial and placed and trial.revision == newest and not trial.over else None
    free = nodes(model, world.samples)
    return surge(model, replicas, decided, free, footprint(model, data), pods)


def _readiness(
    replicas: int, model: ModelDeployment, newest: str, facts: ModelFacts, most: Surge, out: int
) -> dict[str, Readiness]:
    """Engines that answer and engines that should, of every revision that lives or may live. `out` of the newest hang and count as silent while it
    is on trial: routers never leave a revision without an engine, so that its share would go to them."""
    share = engines(model, newest, facts, replicas, most)
    wanted = {r.name: r.replicas if r.role == "Retiring" else share.stable for r in facts.recorded}
    wanted[newest] = share.candidate
    return {name: _how_far(name, count, facts, out if name == newest else 0) for name, count in wanted.items()}


def _how_far(revision: str, wanted: int, facts: ModelFacts, out: int) -> Readiness:
    """A workload that is being deleted takes its engines with it: it is as good as gone."""
    workload = facts.workloads.get(revision)
    there = workload is not None and not workload["metadata"].get("deletionTimestamp")
    ready = max(0, ready_replicas(workload) - out) if there else 0
    return Readiness(ready, wanted, exists=there, reachable=revision in facts.reachable)
