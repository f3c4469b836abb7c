"""The status of a ModelDeployment: what serves, what is on its way, and the Pods' own words when something is wrong."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate import names
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.objects import model_labels
from tidegate.plan.kube.pods import trouble, unschedulable
from tidegate.plan.model.rollout import NOTHING, Readiness, Revision, find
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

if TYPE_CHECKING:
    from tidegate.plan.model.plan import Decision


def model_status(world: ModelWorld, decision: Decision, now: datetime) -> dict[str, Any]:
    """The whole status block."""
    old = world.owner.get("status", {})
    generation = world.owner["metadata"].get("generation", 0)
    active = find(decision.revisions, "Active")
    name = active.name if active else ""
    readiness = decision.readiness.get(name, NOTHING)
    found = [*conditions.standard(verdict(world, decision)), _update_pending(world, decision)]
    return {
        "observedGeneration": generation,
        "activeRevision": name,
        "revisions": [_revision(world, decision, revision) for revision in decision.revisions],
        "replicas": _existing(world, name),
        "readyReplicas": readiness.ready,
        "desiredReplicas": decision.model.spec.replicas,
        "selector": ",".join(f"{k}={v}" for k, v in sorted(model_labels(world.owner["metadata"]["name"]).items())),
        "conditions": conditions.dated(found, old.get("conditions", []), generation, now.isoformat()),
    }


def verdict(world: ModelWorld, decision: Decision) -> Verdict:
    """Ready, Reconciling and Stalled.

    candidate   active          then
    ---------   -------------   -------------------------------------------------------
    none        complete        Ready (Reconciling while an old revision drains)
    none        incomplete      starting, in trouble, or past its deadline
    starting    some answer     Ready and Reconciling, or Stalled when there is no room for both
    """
    active, candidate = find(decision.revisions, "Active"), find(decision.revisions, "Candidate")
    name = active.name if active else ""
    readiness = decision.readiness.get(name, NOTHING)
    if candidate:
        return _switching(world, candidate.name, decision.readiness.get(candidate.name, NOTHING))
    if not readiness.complete:
        return _starting(world, name, readiness)
    if retiring := find(decision.revisions, "Retiring"):
        message = f"{_engines(readiness)}; revision {retiring.name} finishes its streams"
        return conditions.progressing(conditions.RETIRING, message, serving=True)
    if readiness.wanted == 0:
        return conditions.done(
            "scaled to zero; nothing answers until spec.replicas is above 0", conditions.SCALED_TO_ZERO
        )
    return conditions.done(_engines(readiness))


def _starting(world: ModelWorld, revision: str, readiness: Readiness) -> Verdict:
    pods = _pods(world, revision)
    reason, message = trouble(pods) or (conditions.STARTING, "")
    text = f"{_engines(readiness)}; {message}" if message else _engines(readiness)
    serving = readiness.ready > 0
    if _past_deadline(world, revision):
        return conditions.stalled(
            reason if message else conditions.DEADLINE,
            f"{text}; startup took longer than spec.engine.startupTimeout",
            serving=serving,
        )
    return conditions.progressing(reason, text, serving=serving)


def _switching(world: ModelWorld, revision: str, readiness: Readiness) -> Verdict:
    """The active revision serves; the candidate starts, has no room, or cannot start."""
    pods = _pods(world, revision)
    name = world.owner["metadata"]["name"]
    if said := unschedulable(pods):
        make = conditions.stalled if _past_deadline(world, revision) else conditions.progressing
        return make(
            conditions.NO_CAPACITY,
            f"revision {revision} has no room beside the active one: {said.rstrip('.')}. Add nodes, or make room by hand: "
            f"kubectl scale mdep/{name} --replicas=0 stops the old revision and lets the new one start",
            serving=True,
        )
    reason, message = trouble(pods) or (conditions.SWITCHING, "")
    text = f"revision {revision} starts: {_engines(readiness)}" + (f"; {message}" if message else "")
    if _past_deadline(world, revision):
        return conditions.stalled(
            reason if message else conditions.DEADLINE, f"{text}; the active revision goes on serving", serving=True
        )
    return conditions.progressing(reason, text, serving=True)


def _engines(readiness: Readiness) -> str:
    return f"{readiness.ready} of {readiness.wanted} engines answer"


def _pods(world: ModelWorld, revision: str) -> list[Manifest]:
    return [pod for pod in world.pods if pod["metadata"].get("labels", {}).get(names.REVISION_LABEL) == revision]


def _workload(world: ModelWorld, revision: str) -> Manifest:
    name = names.revision_name(world.owner["metadata"]["name"], revision)
    kinds = ("Deployment", "LeaderWorkerSet")
    return next((c for c in world.children if c["kind"] in kinds and c["metadata"]["name"] == name), {})


def _existing(world: ModelWorld, revision: str) -> int:
    return int(_workload(world, revision).get("status", {}).get("replicas", 0))


def _past_deadline(world: ModelWorld, revision: str) -> bool:
    found = _workload(world, revision).get("status", {}).get("conditions", [])
    return any(c["type"] == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in found)


def _revision(world: ModelWorld, decision: Decision, revision: Revision) -> dict[str, Any]:
    """What routers need to know of a revision comes from its record or, when that was lost, from the last status."""
    data = decision.data.get(revision.name)
    last: Manifest = next(
        (r for r in world.owner.get("status", {}).get("revisions", []) if r["name"] == revision.name), {}
    )
    return {
        "name": revision.name,
        "role": revision.role,
        "since": revision.since.isoformat(),
        "servedNames": data["servedNames"] if data else last.get("servedNames", []),
        "adapters": data["adapters"] if data else last.get("adapters", []),
        "readyReplicas": decision.readiness.get(revision.name, NOTHING).ready,
        "workload": data["kind"] if data else last.get("workload", "Deployment"),
    }


def _update_pending(world: ModelWorld, decision: Decision) -> dict[str, str]:
    """Whether today's operator, or today's spec.drain, would render the running revision differently."""
    if not decision.update:
        return conditions.condition(conditions.UPDATE_PENDING, False, conditions.AS_SPECIFIED, "")
    shown = ", ".join(decision.update[:3]) + (" and more" if len(decision.update) > 3 else "")
    message = f"operator {world.defaults.version} would change {shown}; adopted with the next change of spec.model or spec.engine"
    return conditions.condition(conditions.UPDATE_PENDING, True, conditions.NEXT_REVISION, message)
