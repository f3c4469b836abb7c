"""Routers beside engines (`router.placement: Sidecar`): whose Pods they are in, what their document says, and where their Service leads.

The document names no revision, so that neither a new one nor a lost status of the model changes it: each brain fills in its own
(brain/own.py). The Service leads to one revision, as the model's own does:

    the model                                       the Service leads to
    ---------------------------------------------   -----------------------------------------------------
    gives revisions shares of its requests          the one with the largest
    has lost its status, or has none yet            where it leads already; at first to all of its Pods

A model consents by `engine.sidecarRouter`, a policy by naming the model in a backend. Of one that does not the policy sends nothing to any
revision, so that its rollouts wait for nobody. Its ServiceAccount may read what the policy's routers
read from then on, and as long as some Pod of it has a router.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tidegate import names
from tidegate.api.fallback import FallbackBackend
from tidegate.api.routingpolicy import Backend, RoutingPolicy, WeightedBackend
from tidegate.api.routingpolicy import Route as PolicyRoute
from tidegate.contract.destinations import Destination, Engine
from tidegate.contract.routes import Fallback, FixedAnswer, Route, Target
from tidegate.plan.containers import policy_beside
from tidegate.plan.kube.objects import beside_labels
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Manifest
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.traffic import WHOLE, Traffic, bounds, provider, revisions
from tidegate.plan.world import RouterWorld


def model_of(policy: RoutingPolicy) -> str:
    """The ModelDeployment in whose Pods it is: the one that it names, by a rule of the API."""
    return next((backend.model for backend in policy.spec.backends if backend.model), "")


def consents(policy: str, model: Manifest | None) -> bool:
    """Whether a model names this policy."""
    return policy_beside(model or {}) == policy


def accounts(world: RouterWorld, policy: RoutingPolicy, facts: RouterFacts) -> list[str]:
    """The ServiceAccounts of its Pods."""
    name = model_of(policy)
    wanted = consents(policy.metadata.name, world.models.get(name)) or facts.routers
    return [names.engine_account(name)] if wanted else []


def leads_to(world: RouterWorld, policy: RoutingPolicy) -> str:
    """The revision; empty for all."""
    model = world.models.get(model_of(policy))
    shares = {revision.name: revision.traffic for revision in revisions(model)} if model else {}
    return max(shares, key=lambda name: shares[name]) if shares else _leads_already(world)


def _leads_already(world: RouterWorld) -> str:
    live = next((child for child in world.children if child["kind"] == "Service"), {})
    return text(part(live.get("spec"), "selector"), names.REVISION_LABEL)


def moves(world: RouterWorld, policy: RoutingPolicy) -> bool:
    """Whether its Service is there, and is about to lead to another revision: the status says so only when it does."""
    there = any(child["kind"] == "Service" for child in world.children)
    return there and leads_to(world, policy) != _leads_already(world)


def selector(world: RouterWorld, policy: RoutingPolicy) -> dict[str, str]:
    """Of its Service."""
    revision = leads_to(world, policy)
    return beside_labels(policy.metadata.name) | ({names.REVISION_LABEL: revision} if revision else {})


def own_traffic(world: RouterWorld, policy: RoutingPolicy, found: Traffic) -> Traffic:
    """What is said about the backends stays; routes lead to the engine in the Pod, and requests to where the Service leads: to which
    revision another one is on its way until then."""
    backends = {backend.name: backend for backend in policy.spec.backends}
    known: dict[str, Destination] = {}
    routes = tuple(_route(route, backends, world.models, known) for route in policy.spec.routes)
    named = consents(policy.metadata.name, world.models.get(model_of(policy)))
    already = _leads_already(world) if named else ""
    sent = {name: {already: WHOLE} for name, each in backends.items() if each.model and already}
    return replace(found, routes=routes, destinations=tuple(known.values()), sent_to=sent)


def _route(
    route: PolicyRoute,
    backends: Mapping[str, Backend],
    models: Mapping[str, Manifest],
    known: dict[str, Destination],
) -> Route:
    def target(entry: WeightedBackend | FallbackBackend, weight: int) -> Target:
        made = _destination(backends[entry.name], entry.adapter, models)
        known[made.name] = made
        return Target(destination=made.name, weight=weight)

    targets = tuple(target(entry, entry.share) for entry in route.to.backends if entry.share)
    steps = tuple((target(later, 1),) for later in (route.fallback.backends if route.fallback else ()))
    said = route.fallback.response if route.fallback else None
    answer = FixedAnswer(status=said.status, message=said.message) if said else None
    fallback = Fallback(steps=steps, answer=answer) if steps or answer else None
    return Route(name=route.name, models=tuple(route.models), targets=targets, fallback=fallback)


def _destination(backend: Backend, adapter: str | None, models: Mapping[str, Manifest]) -> Destination:
    if backend.external:
        return provider(backend.name, backend.external)
    model = models.get(backend.model)
    return Destination(
        name=".".join(filter(None, (backend.name, adapter))),
        backend=backend.name,
        model=backend.model,
        bounds=bounds(model) if model else None,
        engine=Engine(service="", port=names.ENGINE_PORT, model=adapter or ""),
    )
