"""plan_model: from a ModelDeployment and what is around it to its objects and its status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.kept import record
from tidegate.plan.kube.claim import fitted
from tidegate.plan.kube.objects import (
    DROPPED,
    controlled_by,
    from_us,
    model_labels,
    pod_monitor,
    revision_labels,
    service_account,
)
from tidegate.plan.kube.pods import EVENTS_EVERY, about
from tidegate.plan.kube.reading import part
from tidegate.plan.kube.workloads import about_pods_of
from tidegate.plan.model import hanging, scaling, services, surge
from tidegate.plan.model.autoscalers import autoscaler
from tidegate.plan.model.beside import has_router
from tidegate.plan.model.decision import ModelDecision, decide
from tidegate.plan.model.facts import ModelFacts, read, selected_revision
from tidegate.plan.model.network import network_policy
from tidegate.plan.model.rollout import Revision, next_timer
from tidegate.plan.model.status import kind_of, model_status
from tidegate.plan.model.victims import costs
from tidegate.plan.model.workload import workload
from tidegate.plan.model.yesterday import yesterday
from tidegate.plan.plan import Manifest, ObjectKey, Plan, Question, Scale
from tidegate.plan.world import ModelWorld


def plan_model(world: ModelWorld, now: datetime) -> Plan:
    """The whole pass: read, decide, build, report. Raises Stall when only a person can help."""
    model = ModelDeployment.model_validate({**world.owner, "status": None})
    facts = read(world, now)
    decision = decide(world, model, facts, now)
    status = model_status(world, facts, decision, now)
    if model.spec.suspend:
        return Plan(status=status)
    wanted = [*objects(world, facts, decision), *yesterday(world, now)]
    delete = unwanted(world, wanted, decision)
    retiring = frozenset(r.name for r in decision.revisions if r.role == "Retiring")
    serving = decision.role("Active")
    needed = surge.footprint(model, decision.data.get(serving.name, {}) if serving else {})
    scaled = scaling.scale(world, model, decision.replicas, retiring, needed)
    return Plan(
        status=status,
        apply=tuple(wanted),
        delete=delete,
        needs=needs(world, wanted, delete),
        ask=questions(facts, decision) | decision.trying.ask | _asked_for(scaled) | _asked_of_nodes(decision, scaled),
        scale=scaled,
        costs=tuple(costs(world, facts, wanted)),
        evict=tuple(hanging.evictions(world)),
        handover=decision.provided.handover if decision.provided else None,
        again=_retires_now(facts, decision) or _steps_now(facts, decision),
        next_check=_next_check(world, decision, now),
        reasons=_reasons(facts, decision),
    )


def _asked_for(scaled: Scale | None) -> dict[Question, float]:
    return dict.fromkeys(scaled.questions.values(), scaling.ASKED_EVERY) if scaled else {}


def _asked_of_nodes(decision: ModelDecision, scaled: Scale | None) -> dict[Question, float]:
    """While a revision is on trial, and while there may be more engines."""
    tried, trial = decision.trying, decision.trying.trial
    rolls = surge.question(decision.model) if tried.course and trial and not trial.over else None
    asked = (rolls, scaled.nodes if scaled else None)
    return {question: surge.ASKED_EVERY for question in asked if question}


def _steps_now(facts: ModelFacts, decision: ModelDecision) -> bool:
    """Whether a trial has just come to another step: what that waits for may be there already."""
    before, trial = facts.trial, decision.trying.trial
    return trial is not None and (
        before is None or (before.revision, before.stage, before.phase) != (trial.revision, trial.stage, trial.phase)
    )


def _next_check(world: ModelWorld, decision: ModelDecision, now: datetime) -> float | None:
    evicted = hanging.AGAIN if any(hanging.evictions(world)) else None
    waits = (next_timer(decision.revisions, decision.startup_budget, now), decision.trying.next_look, evicted)
    return min((wait for wait in waits if wait is not None), default=None)


def objects(world: ModelWorld, facts: ModelFacts, decision: ModelDecision) -> list[dict[str, Any]]:
    """Every child as it should be."""
    owner, name = world.owner, decision.model.metadata.name
    active = decision.role("Active")
    made = [service_account(names.engine_account(name), owner, model_labels(name))]
    if active:
        made.append(services.stable_service(owner, name, active.name))
    if claim := services.weights_claim(owner, decision.model):
        made.append(fitted(claim, facts.claim))
    if world.capabilities.pod_monitor:
        told = [names.MODEL_LABEL, names.REVISION_LABEL]
        made.append(pod_monitor(names.pod_monitor(name), owner, model_labels(name), "http", told))
    if (wanted := decision.model.spec.autoscaling) and decision.provided and decision.provided.made:
        made.append(autoscaler(owner, wanted, world.prometheus, world.defaults.keda_authentication))
    there = any(child["kind"] == "NetworkPolicy" for child in world.children)
    groups = any(kind_of(facts, decision, revision) == "LeaderWorkerSet" for revision in decision.revisions)
    besides, us = world.defaults.engine_peers, from_us(world.defaults.operator_namespace)
    peers = None if besides is None else [*us, *besides]
    routers = any(has_router(_pod_spec(decision.data.get(each.name, {}))) for each in decision.revisions)
    made += network_policy(owner, peers, there=there, groups=groups, beside=routers)
    for revision in decision.revisions:
        made += _of_revision(world, facts, decision, revision)
    return made


def _pod_spec(data: Manifest) -> Manifest:
    """Of a Deployment; a group's Pods have no router."""
    return part(part(part(data, "spec"), "template"), "spec")


def _of_revision(
    world: ModelWorld, facts: ModelFacts, decision: ModelDecision, revision: Revision
) -> list[dict[str, Any]]:
    """A revision's ControllerRevision, workload, headless Service and PodDisruptionBudget."""
    owner, model = world.owner, decision.model.metadata.name
    name, labels = names.revision_name(model, revision.name), revision_labels(model, revision.name)
    made = [
        services.headless_service(owner, model, revision.name, kind_of(facts, decision, revision)),
        services.budget(owner, decision.model, revision.name),
    ]
    data = decision.data.get(revision.name)
    if data is None:  # its record was deleted by hand: the workload goes on as it is until it retires
        return made
    kept = record(owner, name, labels, data, dict(facts.records), world.defaults.version)
    return [kept, workload(owner, revision.name, data, revision.replicas), *made]


def unwanted(world: ModelWorld, wanted: list[dict[str, Any]], decision: ModelDecision) -> tuple[ObjectKey, ...]:
    """Children that no longer belong to the plan.

    child                                              then
    ------------------------------------------------   ------------------------------------------------------------
    wanted, or of a kind that a plan never deletes     stays
    not controlled by this object                      stays: retained on purpose, or left behind by another object
    the workload of a live revision without a record   stays: nobody could make it again
    the claim, while two revisions live                stays: older engines may read from it
    any other                                          goes
    """
    keep = {ObjectKey.of(manifest) for manifest in wanted}
    live = {names.revision_name(decision.model.metadata.name, revision.name) for revision in decision.revisions}
    switching = len(decision.revisions) > 1
    mine = (child for child in world.children if controlled_by(child, world.owner["metadata"]["uid"]))
    keys = (ObjectKey.of(child) for child in mine)
    return tuple(
        key
        for key in keys
        if key not in keep
        and key.kind in DROPPED
        and not (key.kind in ("Deployment", "LeaderWorkerSet") and key.name in live)
        and not (key.kind == "PersistentVolumeClaim" and switching)
    )


def needs(
    world: ModelWorld, wanted: list[dict[str, Any]], delete: tuple[ObjectKey, ...]
) -> dict[ObjectKey, frozenset[ObjectKey]]:
    """A workload is made from its record, and what the stable Service sends to at present goes after it sends elsewhere."""
    model = world.owner["metadata"]["name"]
    keys = [ObjectKey.of(manifest) for manifest in wanted]
    kept = {key.name: key for key in keys if key.kind == "ControllerRevision"}
    stable = frozenset(key for key in keys if key.kind == "Service" and key.name == names.model_service(model))
    workloads = [key for key in keys if key.kind in ("Deployment", "LeaderWorkerSet")]
    selected = names.revision_name(model, selected_revision(world))
    return {key: frozenset({kept[key.name]}) for key in workloads if key.name in kept} | {
        key: stable for key in delete if key.name == selected
    }


def questions(facts: ModelFacts, decision: ModelDecision) -> dict[Question, float]:
    """Events of engines that are being created, and of groups of which there is no Pod at all."""
    waiting = [revision for revision in decision.revisions if revision.incomplete_since]
    asked = [question for revision in waiting for question in about(facts.pods.get(revision.name, ()))]
    absent = [facts.workloads.get(r.name) for r in waiting if not facts.pods.get(r.name)]
    asked += [about_pods_of(found) for found in absent if found and found["kind"] == "LeaderWorkerSet"]
    return dict.fromkeys(asked, EVENTS_EVERY)


def _retires_now(facts: ModelFacts, decision: ModelDecision) -> bool:
    """Whether a revision has just lost the traffic: it goes in the next pass, where no router sends to it."""
    before = {r.name for r in facts.recorded if r.role == "Retiring"}
    return any(r.role == "Retiring" and r.name not in before for r in decision.revisions)


def _reasons(facts: ModelFacts, decision: ModelDecision) -> tuple[str, ...]:
    """What changed against the last pass."""
    before = {r.name: r.role for r in facts.recorded}
    after = {r.name: r.role for r in decision.revisions}
    moved = [f"revision {name} is {role}" for name, role in after.items() if before.get(name) != role]
    return (*moved, *(f"revision {name} is gone" for name in before if name not in after))
