"""plan_router: from a RoutingPolicy and the models that it names to its routers, their configuration and its status."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.routingpolicy import Backend, RoutingPolicy, WeightedBackend
from tidegate.api.values import seconds
from tidegate.contract.router_config import Destination, Retry, RouterConfig, Target, Timeouts
from tidegate.contract.router_config import Route as RouteConfig
from tidegate.plan.kept import record, records
from tidegate.plan.kube.difference import differences
from tidegate.plan.kube.objects import disruption_budget, router_labels, service_account
from tidegate.plan.kube.pods import ready
from tidegate.plan.plan import AT_ONCE, Manifest, ObjectKey, Plan
from tidegate.plan.router import workload as router_workload
from tidegate.plan.router.access import access
from tidegate.plan.router.status import confirmed, router_status
from tidegate.plan.world import RouterWorld

UNCONFIRMED_CHECK = 1.0
"""Seconds until routers that do not run the newest configuration yet are asked again."""
CONFIRMED_CHECK = 60.0
"""Seconds until routers that do are asked again."""


@dataclass(frozen=True)
class Decision:
    """What one pass found out and decided."""

    policy: RoutingPolicy
    config: RouterConfig
    unresolved: tuple[str, ...]
    """Sentences about references that lead nowhere."""
    update: tuple[str, ...]
    """Paths in which the routers' Pods would be rendered differently today."""


def plan_router(world: RouterWorld, now: datetime) -> Plan:
    """The whole pass."""
    policy = RoutingPolicy.model_validate(world.owner)
    config, unresolved = configuration(policy, world)
    revision = template_revision(world.owner)
    fresh = router_workload.rendered(policy, world.defaults)
    known = records(world.children)
    data = known[revision]["data"] if revision in known else fresh
    update = tuple(differences(data, fresh))
    decision = Decision(policy, config, tuple(unresolved), update)
    name = f"{names.router(policy.metadata.name)}-{revision}"
    labels = router_labels(policy.metadata.name) | {names.REVISION_LABEL: revision}
    wanted = objects(world, decision, record(world.owner, name, labels, data, known, world.defaults.version), data)
    keep = {ObjectKey.of(manifest) for manifest in wanted}
    return Plan(
        status=router_status(world, decision, now),
        apply=tuple(wanted),
        delete=tuple(key for kept in known.values() if (key := ObjectKey.of(kept)) not in keep),
        next_check=next_look(world, config.hash()),
        reasons=decision.unresolved,
    )


def next_look(world: RouterWorld, config: str) -> float | None:
    """Seconds until the next pass.

    account made just now   a router ready   all confirmed   then
    ---------------------   --------------   -------------   ----------------------------------------------
    yes                     any              any             at once: the Pods need its uid
    no                      no               -               there is nobody to ask: becoming ready is an event
    no                      yes              no              UNCONFIRMED_CHECK
    no                      yes              yes             CONFIRMED_CHECK
    """
    if not router_workload.account(world.children):
        return AT_ONCE
    if not any(ready(pod) for pod in world.pods):
        return None
    return CONFIRMED_CHECK if confirmed(world, config) else UNCONFIRMED_CHECK


def template_revision(owner: Manifest) -> str:
    """The hash of spec.router as written, without what does not shape Pods."""
    router = dict(owner["spec"].get("router", {}))
    shaping = {key: value for key, value in router.items() if key not in ("replicas", "service")}
    return names.short_hash(json.dumps(shaping, sort_keys=True, separators=(",", ":")))


def objects(world: RouterWorld, decision: Decision, kept: dict[str, Any], data: Manifest) -> list[dict[str, Any]]:
    """Every child as it should be; the ConfigMap before the Pods that read it, and the Pods when their account's uid is
    known."""
    owner, name = world.owner, decision.policy.metadata.name
    labels = router_labels(name)
    made = [
        service_account(names.router(name), owner, labels),
        *access(owner),
        router_workload.config_map(owner, decision.config),
        kept,
        router_workload.service(owner, decision.policy),
        disruption_budget(names.router(name), owner, labels),
    ]
    if account := router_workload.account(world.children):
        made.append(router_workload.deployment(owner, decision.policy, data, account))
    return made


def configuration(policy: RoutingPolicy, world: RouterWorld) -> tuple[RouterConfig, list[str]]:
    """The RouterConfig of a policy, and sentences about what it leaves out.

    A backend whose model does not exist, or has no active revision, or lacks the adapter, gets no traffic; the weights
    of a route are shared by the others.
    """
    backends = {backend.name: backend for backend in policy.spec.backends}
    destinations: dict[str, Destination] = {}
    routes, unresolved = [], []
    for route in policy.spec.routes:
        targets = []
        for entry in route.to.backends:
            destination, problem = _destination(backends[entry.name], entry, world)
            if destination is None:
                unresolved.append(f"route {route.name}: {problem}")
            elif entry.share > 0:
                destinations[destination.name] = destination
                targets.append(Target(destination=destination.name, weight=entry.share))
        routes.append(RouteConfig(name=route.name, models=tuple(route.models), targets=tuple(targets)))
    return _document(policy, tuple(destinations.values()), tuple(routes)), unresolved


def _destination(backend: Backend, entry: WeightedBackend, world: RouterWorld) -> tuple[Destination | None, str]:
    name = backend.model_deployment_ref.name
    model = world.models.get(name)
    if model is None:
        return None, f"backend {backend.name}: ModelDeployment {name!r} does not exist; create it, or correct the name"
    status = model.get("status", {})
    revision = next((r for r in status.get("revisions", []) if r["role"] == "Active"), None)
    if revision is None or not revision.get("servedNames"):
        return None, f"backend {backend.name}: ModelDeployment {name!r} has no revision yet"
    served = revision["servedNames"][0]
    if entry.adapter:
        if entry.adapter not in revision.get("adapters", []):
            return (
                None,
                f"backend {backend.name}: ModelDeployment {name!r} has no adapter {entry.adapter!r}; add it to spec.model.adapters",
            )
        served = entry.adapter
    return _cluster(backend.name, name, revision["name"], served, entry.adapter), ""


def _cluster(backend: str, model: str, revision: str, served: str, adapter: str | None) -> Destination:
    return Destination(
        name=".".join(filter(None, (backend, revision, adapter))),
        backend=backend,
        revision=revision,
        service=names.revision_name(model, revision),
        port=names.ENGINE_PORT,
        model=served,
    )


def _document(
    policy: RoutingPolicy, destinations: tuple[Destination, ...], routes: tuple[RouteConfig, ...]
) -> RouterConfig:
    spec = policy.spec
    return RouterConfig(
        namespace=policy.metadata.namespace,
        policy=policy.metadata.name,
        load_balancing=spec.load_balancing.algorithm,
        destinations=destinations,
        routes=routes,
        retry=Retry(
            attempts=spec.retry.attempts,
            codes=tuple(spec.retry.codes),
            reasons=tuple(spec.retry.reasons),
            backoff_seconds=seconds(spec.retry.backoff),
        ),
        timeouts=Timeouts(request_seconds=seconds(spec.timeouts.request), idle_seconds=seconds(spec.timeouts.idle)),
    )
