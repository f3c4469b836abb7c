"""plan_router: from a RoutingPolicy and the models that it names to its routers, their configuration and its status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.plan.kept import record
from tidegate.plan.kube.objects import beside_labels, disruption_budget, pod_monitor, router_labels, service_account
from tidegate.plan.kube.pods import EVENTS_EVERY, about
from tidegate.plan.plan import Manifest, ObjectKey, Plan, Question
from tidegate.plan.router import beside, scaling, workload
from tidegate.plan.router.access import access
from tidegate.plan.router.avoided import avoided
from tidegate.plan.router.caches import secrets as of_caches
from tidegate.plan.router.decision import RouterDecision, decide
from tidegate.plan.router.facts import RouterFacts, question, read
from tidegate.plan.router.status import router_status
from tidegate.plan.router.tiers import unresolved
from tidegate.plan.world import RouterWorld

UNCONFIRMED_EVERY = 1.0
"""Seconds between two questions to routers that do not run the newest configuration yet."""
CONFIRMED_EVERY = 60.0
"""Seconds between two questions to routers that do."""
SECRETS_EVERY = 5.0
"""The same where they read Secrets, which change without us."""


def plan_router(world: RouterWorld, now: datetime) -> Plan:
    """The whole pass: read, decide, build, report."""
    policy = RoutingPolicy.model_validate({**world.owner, "status": None})
    facts = read(world)
    decision = decide(world, policy, facts)
    wanted = objects(world, facts, decision)
    keep = {ObjectKey.of(manifest) for manifest in wanted}
    return Plan(
        status=router_status(world, facts, decision, now),
        apply=tuple(wanted),
        delete=tuple(key for each in _passing(world, facts) if (key := ObjectKey.of(each)) not in keep),
        needs=_needs(wanted),
        ask=questions(facts, decision.hash, _at_rest(decision)),
        handover=decision.scaled.handover,
        again=beside.moves(world, policy) if policy.spec.router.sidecar else not workload.account(world.children),
        next_check=facts.next_silence,
        reasons=(*decision.traffic.unresolved, *unresolved(policy, world.tiers)),
    )


def _passing(world: RouterWorld, facts: RouterFacts) -> list[Manifest]:
    """Children that go when nothing wants them any more."""
    return [*facts.records.values(), *(each for each in world.children if each["kind"] == scaling.KIND)]


def _at_rest(decision: RouterDecision) -> float:
    return SECRETS_EVERY if secrets(decision) or decision.policy.spec.router.tls else CONFIRMED_EVERY


def objects(world: RouterWorld, facts: RouterFacts, decision: RouterDecision) -> list[dict[str, Any]]:
    """Every child as it should be; the ConfigMap before the Pods that read it, and the Pods when their account's uid is
    known. Routers beside engines are in Pods of the models."""
    if decision.policy.spec.router.sidecar:
        return _beside_engines(world, facts, decision)
    owner, policy, name = world.owner, decision.policy, names.router(decision.policy.metadata.name)
    labels = router_labels(policy.metadata.name)
    of_template = labels | {names.REVISION_LABEL: decision.revision}
    known, version = dict(facts.records), world.defaults.version
    made = [
        service_account(name, owner, labels),
        *access(owner, secrets(decision)),
        workload.config_map(owner, decision.config, avoided(world.models.values())),
        record(owner, f"{name}-{decision.revision}", of_template, decision.data, known, version),
        workload.service(owner, policy),
        disruption_budget(name, owner, labels),
    ]
    if world.capabilities.pod_monitor:
        made.append(pod_monitor(name, owner, labels, "brain", [names.POLICY_LABEL], world.scrape))
    if account := workload.account(world.children):
        count = decision.scaled.replicas if decision.scaled.written else None
        made.append(workload.deployment(owner, policy, decision.data, account, count))
    if (wanted := policy.spec.router.autoscaling) and decision.scaled.made:
        made.append(scaling.autoscaler(owner, wanted))
    return made


def _beside_engines(world: RouterWorld, facts: RouterFacts, decision: RouterDecision) -> list[dict[str, Any]]:
    owner, policy = world.owner, decision.policy
    labels, name = router_labels(policy.metadata.name), names.router(policy.metadata.name)
    made = [
        *access(owner, secrets(decision), beside.accounts(world, policy, facts)),
        workload.config_map(owner, decision.config),
        workload.service(owner, policy, beside.selector(world, policy)),
    ]
    if world.capabilities.pod_monitor:
        told, of = [names.POLICY_LABEL, names.MODEL_LABEL], beside_labels(policy.metadata.name)
        made.append(pod_monitor(name, owner, labels, "brain", told, world.scrape, of))
    return made


def secrets(decision: RouterDecision) -> tuple[str, ...]:
    """Those that the routers read, each once: with the keys of clients and of providers, and of the stores in which they count and keep
    answers."""
    limits = decision.config.limits
    counted = limits.store.secrets if limits and limits.store else ()
    named = (*decision.policy.spec.secrets, *counted, *of_caches(decision.config.caches or ()))
    return tuple(dict.fromkeys(named))


def _needs(wanted: list[dict[str, Any]]) -> dict[ObjectKey, frozenset[ObjectKey]]:
    """The Deployment is made from its record."""
    keys = [ObjectKey.of(manifest) for manifest in wanted]
    kept = frozenset(key for key in keys if key.kind == "ControllerRevision")
    return {key: kept for key in keys if key.kind == "Deployment"}


def questions(facts: RouterFacts, config: str, at_rest: float = CONFIRMED_EVERY) -> dict[Question, float]:
    """What to ask, and how often.

    router              then
    -----------------   --------------------------------------------------
    ready, confirmed    its brain, every `at_rest` seconds
    ready, not yet      its brain, every UNCONFIRMED_EVERY seconds
    being created       the Events of its Pod, every EVENTS_EVERY seconds
    """
    pace = at_rest if facts.confirmed(config) else UNCONFIRMED_EVERY
    brains = {question(pod): pace for pod in facts.ready}
    return brains | dict.fromkeys(about(facts.routers), EVENTS_EVERY)
