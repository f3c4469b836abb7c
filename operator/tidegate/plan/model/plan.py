"""plan_model: from a ModelDeployment and what is around it to its objects and its status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.errors import Stall
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict
from tidegate.plan.kept import record, records
from tidegate.plan.kube.difference import differences
from tidegate.plan.kube.objects import DROPPED, model_labels, revision_labels, service_account
from tidegate.plan.model import services
from tidegate.plan.model.argv import group_size
from tidegate.plan.model.rollout import Readiness, Revision, advance, find, next_check
from tidegate.plan.model.status import model_status
from tidegate.plan.model.workload import rendered, workload
from tidegate.plan.plan import Manifest, ObjectKey, Plan
from tidegate.plan.world import ModelWorld


@dataclass(frozen=True)
class Decision:
    """What one pass found out and decided, before it becomes objects and a status."""

    model: ModelDeployment
    newest: str
    revisions: tuple[Revision, ...]
    readiness: Mapping[str, Readiness]
    data: Mapping[str, Manifest]
    """What each live revision's ControllerRevision keeps, or will keep."""
    update: tuple[str, ...]
    """Paths in which the newest revision would be rendered differently today."""


class MissingKind(Stall):
    """The model needs a kind that the cluster does not have."""

    reason = conditions.MISSING_KIND


def revision_of(owner: Manifest) -> str:
    """The hash of spec.model and spec.engine as written: what the operator makes of them does not count."""
    written = {part: owner["spec"].get(part) for part in ("model", "engine")}
    return names.short_hash(json.dumps(written, sort_keys=True, separators=(",", ":")))


def plan_model(world: ModelWorld, now: datetime) -> Plan:
    """The whole pass. Raises Stall when only a person can help."""
    model = ModelDeployment.model_validate(world.owner)
    if model.spec.suspend:
        return Plan(status=_suspended(world, now))
    decision = decide(world, model, now)
    wanted = objects(world, decision)
    return Plan(
        status=model_status(world, decision, now),
        apply=tuple(wanted),
        delete=tuple(unwanted(world, wanted, switching=len(decision.revisions) > 1)),
        next_check=next_check(decision.revisions, now),
        reasons=_reasons(world, decision),
    )


def decide(world: ModelWorld, model: ModelDeployment, now: datetime) -> Decision:
    """Which revisions live, and from what they are made."""
    newest = revision_of(world.owner)
    kind = workload_kind(world, model)
    kept = {revision: known["data"] for revision, known in records(world.children).items()}
    fresh = rendered(model, newest, world.defaults, kind)
    recorded = _recorded(world)
    live = {*kept, newest, *(revision.name for revision in recorded)}
    readiness = {name: _readiness(world, model, name) for name in live}
    revisions = advance(recorded, newest, readiness, confirmed=routers_confirm(world), now=now)
    data = {r.name: kept.get(r.name, fresh) for r in revisions if r.name in kept or r.name == newest}
    update = tuple(differences(kept[newest], fresh)) if newest in kept else ()
    return Decision(model, newest, revisions, readiness, data, update)


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


def objects(world: ModelWorld, decision: Decision) -> list[dict[str, Any]]:
    """Every child as it should be."""
    owner, name = world.owner, decision.model.metadata.name
    made = [
        service_account(names.engine_account(name), owner, model_labels(name)),
        services.stable_service(owner, name, _active(decision).name),
    ]
    claim = services.weights_claim(owner, decision.model)
    if claim:
        made.append(claim)
    if world.capabilities.pod_monitor:
        made.append(services.pod_monitor(owner, name))
    for revision in decision.revisions:
        made += _revision_objects(world, decision, revision)
    return made


def _revision_objects(world: ModelWorld, decision: Decision, revision: Revision) -> list[dict[str, Any]]:
    """A revision's ControllerRevision, workload, headless Service and PodDisruptionBudget."""
    owner, name = world.owner, decision.model.metadata.name
    data = decision.data.get(revision.name)
    made = [
        services.headless_service(owner, name, revision.name, _kind_of(world, data, revision.name)),
        services.budget(owner, decision.model, revision.name),
    ]
    if data is None:  # its record was deleted by hand: the workload goes on as it is until it retires
        return made
    labels = revision_labels(name, revision.name)
    kept = record(
        owner, names.revision_name(name, revision.name), labels, data, records(world.children), world.defaults.version
    )
    return [kept, workload(owner, revision.name, data, decision.model.spec.replicas), *made]


def _kind_of(world: ModelWorld, data: Manifest | None, revision: str) -> str:
    """The kind of a revision's workload, of the live one when the record was lost."""
    name = names.revision_name(world.owner["metadata"]["name"], revision)
    known = data or _child(world, ("Deployment", "LeaderWorkerSet"), name)
    return str(known["kind"]) if known else "Deployment"


def unwanted(world: ModelWorld, wanted: list[dict[str, Any]], *, switching: bool) -> list[ObjectKey]:
    """Children that no longer belong to the plan. Workloads of revisions whose record was lost stay while they live, and
    the claim stays while older engines may read from it (`switching`)."""
    keep = {ObjectKey.of(manifest) for manifest in wanted}
    live_names = {key.name for key in keep}
    out = []
    for manifest in world.children:
        key = ObjectKey.of(manifest)
        orphaned_record = key.kind in ("Deployment", "LeaderWorkerSet") and key.name in live_names
        in_use = orphaned_record or (switching and key.kind == "PersistentVolumeClaim")
        if key not in keep and key.kind in DROPPED and manifest["metadata"].get("ownerReferences") and not in_use:
            out.append(key)
    return out


def routers_confirm(world: ModelWorld) -> bool:
    """Whether every policy that names this model reports that all its routers run the Active revision's weights."""
    active = find(_recorded(world), "Active")
    return active is not None and all(_confirms(policy, world, active.name) for policy in world.policies)


def _confirms(policy: Manifest, world: ModelWorld, revision: str) -> bool:
    model = world.owner["metadata"]["name"]
    spec = policy["spec"]
    used = {b["name"] for route in spec["routes"] for b in route["to"]["backends"] if b.get("weight", 1) > 0}
    mine = {b["name"] for b in spec["backends"] if b["modelDeploymentRef"]["name"] == model} & used
    configuration = policy.get("status", {}).get("configuration") or {}
    live = {b["name"]: b.get("revision") for b in configuration.get("backends", [])}
    return all(live.get(backend) == revision for backend in mine)


def _active(decision: Decision) -> Revision:
    active = find(decision.revisions, "Active")
    assert active is not None, "advance() always leaves an Active revision"
    return active


def _recorded(world: ModelWorld) -> tuple[Revision, ...]:
    """The revisions of the last pass, from the status."""
    status = world.owner.get("status", {})
    return tuple(
        Revision(r["name"], r["role"], datetime.fromisoformat(r["since"])) for r in status.get("revisions", [])
    )


def _child(world: ModelWorld, kinds: tuple[str, ...], name: str) -> Manifest | None:
    return next((c for c in world.children if c["kind"] in kinds and c["metadata"]["name"] == name), None)


def _readiness(world: ModelWorld, model: ModelDeployment, revision: str) -> Readiness:
    """Ready engines of a revision's workload."""
    name = names.revision_name(model.metadata.name, revision)
    live = _child(world, ("Deployment", "LeaderWorkerSet"), name)
    status = live.get("status", {}) if live else {}
    return Readiness(int(status.get("readyReplicas", 0)), model.spec.replicas, exists=live is not None)


def _suspended(world: ModelWorld, now: datetime) -> dict[str, Any]:
    """The status as it was, with Suspended instead of progress."""
    status = dict(world.owner.get("status", {}))
    was_ready = conditions.holds(world.owner, conditions.READY)
    verdict = Verdict(
        was_ready,
        False,
        False,
        conditions.SUSPENDED_REASON,
        "suspended: nothing is touched until spec.suspend is false",
    )
    generation = world.owner["metadata"].get("generation", 0)
    current = [
        *conditions.standard(verdict),
        conditions.condition(conditions.SUSPENDED, True, verdict.reason, verdict.message),
    ]
    status["conditions"] = conditions.dated(current, status.get("conditions", []), generation, now.isoformat())
    status["observedGeneration"] = generation
    return status


def _reasons(world: ModelWorld, decision: Decision) -> tuple[str, ...]:
    """What changed against the last pass."""
    before = {r.name: r.role for r in _recorded(world)}
    after = {r.name: r.role for r in decision.revisions}
    moved = [f"revision {name} is {role}" for name, role in after.items() if before.get(name) != role]
    return (*moved, *(f"revision {name} is gone" for name in before if name not in after))
