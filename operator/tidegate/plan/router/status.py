"""The status of a RoutingPolicy: is anybody answered, and which configuration do its routers run?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.router import Router
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.objects import beside_labels, router_labels
from tidegate.plan.kube.pods import complaints, trouble
from tidegate.plan.kube.workloads import gave_up, refused, replacing
from tidegate.plan.router import beside, certificate, scaling
from tidegate.plan.router.clients import nobody_is_let_in, problems
from tidegate.plan.router.configuration import configuration
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.filters import native_filters
from tidegate.plan.router.limits import limits_shared
from tidegate.plan.router.readers import read_past
from tidegate.plan.router.response_cache import cache_uses, response_cache
from tidegate.plan.router.tiers import without_store, without_tier
from tidegate.plan.router.traffic import Traffic
from tidegate.plan.world import RouterWorld


def router_status(world: RouterWorld, facts: RouterFacts, decision: RouterDecision, now: datetime) -> dict[str, Any]:
    """The whole status block."""
    pending = conditions.update_pending(decision.update, world.defaults.version, "spec.router")
    found = [
        *conditions.standard(verdict(world, facts, decision)),
        _resolved(world, facts, decision),
        native_filters(facts, decision),
        *limits_shared(decision.policy, facts, world.tiers, decision.scaled.most),
        *scaling.condition(world, decision.policy, decision.scaled),
        *response_cache(facts, decision, world.tiers),
        pending,
    ]
    meta = world.owner["metadata"]
    led = facts.reachable or not facts.deployment  # before the first pass neither is there
    return {
        "observedGeneration": meta.get("generation", 0),
        "address": address(meta["name"], meta["namespace"], decision.policy.spec.router) if led else "",
        "ready": f"{len(facts.ready)}/{decision.scaled.replicas}",
        "replicas": len(facts.routers),
        "readyReplicas": len(facts.ready),
        "selector": ",".join(f"{k}={v}" for k, v in sorted(_labels(decision).items())),
        "models": sorted(model for route in decision.config.routes for model in route.models),
        "configuration": configuration(facts, decision),
        **({"caches": uses} if (uses := cache_uses(facts)) else {}),
        "conditions": conditions.written(found, world.owner, now),
    }


def _labels(decision: RouterDecision) -> dict[str, str]:
    """Of the router Pods."""
    name = decision.policy.metadata.name
    return beside_labels(name) if decision.policy.spec.router.sidecar else router_labels(name)


def address(policy: str, namespace: str, router: Router) -> str:
    """Where clients inside the cluster reach the router."""
    scheme, usual = ("https", 443) if router.tls else ("http", 80)
    suffix = "" if router.port == usual else f":{router.port}"
    return f"{scheme}://{names.router(policy)}.{namespace}.svc{suffix}"


def verdict(world: RouterWorld, facts: RouterFacts, decision: RouterDecision) -> Verdict:
    """Ready, Reconciling and Stalled. Ready is whether some router can pass some request to an engine that answers; what else
    is the matter does not take that away.

    routers ready   routes answered   configuration        then
    -------------   ---------------   ------------------   ------------------------------------------------------------
    none, and they  any               any                  Reconciling until the model has Pods with one; Stalled where it
      are sidecars                                           does not name the policy
    none            any               any                  Reconciling with the Pods' own trouble; Stalled when late
    some, behind a  any               any                  Reconciling
      Service that
      is not ours
    some            for nobody:       any                  Stalled with why
                    clients.py
    some            none              any                  Reconciling until an engine answers; when that is meant,
                                                             because all models are scaled to zero, as below, with
                                                             the reason ScaledToZero, and the next request may wake
                                                             one
    too few         some              any                  Ready, and Reconciling; Stalled when late
    enough          some              refused by a brain   Ready, and Stalled: the last good one is served
    enough, some    some              any other            Ready, and Reconciling with the new Pods' trouble; Stalled
      of before                                              when late
    enough          some              too new for them     Ready, and Stalled: they go on with the one that they have
    enough          some              not everywhere yet   Ready, and Reconciling
    enough          some              live everywhere      Ready; ResolvedRefs tells of references that lead nowhere
    """
    wanted, traffic = decision.scaled.replicas, decision.traffic
    if not facts.ready:
        nowhere = decision.policy.spec.router.sidecar and not facts.routers
        return _nowhere(world, decision) if nowhere else _starting(world, facts, wanted, serving=False)
    if not facts.reachable:
        return conditions.progressing(
            conditions.ROUTERS_STARTING, "the Service in front of the routers does not select them"
        )
    if why := nobody_is_let_in(facts, decision):
        return conditions.stalled(*why)
    if not traffic.serving and not traffic.at_zero:
        return _unanswered(traffic)
    if len(facts.ready) < wanted:
        return _starting(world, facts, wanted, serving=True)
    return _configured(world, facts, decision)


def _nowhere(world: RouterWorld, decision: RouterDecision) -> Verdict:
    """No engine's Pod has a router."""
    policy, model = decision.policy.metadata.name, beside.model_of(decision.policy)
    if beside.consents(policy, world.models.get(model)):
        return conditions.progressing(
            conditions.ROUTERS_STARTING, f"no Pod of ModelDeployment {model!r} has a router yet"
        )
    words = (
        f"ModelDeployment {model!r} does not exist; create it"
        if model not in world.models
        else f"ModelDeployment {model!r} does not name this policy; write engine: {{sidecarRouter: {{routingPolicyRef: {{name: {policy}}}}}}} there"
    )
    return conditions.stalled(conditions.NOT_NAMED, words)


def _unanswered(traffic: Traffic) -> Verdict:
    """No route is answered, and not because nobody asks."""
    reason = conditions.STARTING if traffic.waking else conditions.BACKEND_MISSING
    sentences = (*traffic.unresolved, *traffic.silent, *traffic.waking)
    return conditions.progressing(conditions.NO_ENGINES if traffic.silent else reason, conditions.listed(sentences))


def _configured(world: RouterWorld, facts: RouterFacts, decision: RouterDecision) -> Verdict:
    """The rows of enough routers and some routes that are answered."""
    wanted, traffic = decision.scaled.replicas, decision.traffic
    if errors := [f"router {pod}: {report.error}" for pod, report in facts.reports.items() if report.error]:
        return conditions.stalled(conditions.CONFIG_REFUSED, conditions.listed(errors), serving=True)
    if replacing(facts.deployment):
        return _underway(
            world, facts, "routers are being replaced, and those of before go on", missing=True, serving=True
        )
    if decision.held:
        return conditions.stalled(conditions.ROUTERS_OUTDATED, decision.held, serving=True)
    if not facts.confirmed(decision.hash):
        return conditions.progressing(
            conditions.CONFIG_PENDING, "routers are taking the newest configuration", serving=True
        )
    shown = certificate.problems(facts, decision.policy)
    rest = conditions.listed(
        (
            *traffic.unresolved,
            *traffic.silent,
            *traffic.waking,
            *problems(facts, decision),
            *shown,
            *read_past(facts, decision),
        )
    )
    text = f"{len(facts.ready)} of {wanted} routers answer" + (f"; {rest}" if rest else "")
    return conditions.done(text, conditions.SERVING if traffic.serving else conditions.SCALED_TO_ZERO)


def _starting(world: RouterWorld, facts: RouterFacts, wanted: int, *, serving: bool) -> Verdict:
    missing = bool(facts.deployment) and len(facts.routers) < wanted
    return _underway(world, facts, f"{len(facts.ready)} of {wanted} routers answer", missing=missing, serving=serving)


def _underway(world: RouterWorld, facts: RouterFacts, text: str, *, missing: bool, serving: bool) -> Verdict:
    """What keeps routers from being ready is said; `missing`: some may have been refused before they were Pods."""
    found = trouble(facts.routers, complaints(facts.routers, world.samples))
    if missing:
        found = found or refused(facts.deployment, world.samples)
    reason, message = found or (conditions.ROUTERS_STARTING, "")
    make = conditions.stalled if gave_up(facts.deployment) else conditions.progressing
    return make(reason, f"{text}; {message}" if message else text, serving=serving)


def _resolved(world: RouterWorld, facts: RouterFacts, decision: RouterDecision) -> dict[str, str]:
    """Of several reasons the first."""
    found = {
        conditions.BACKEND_MISSING: decision.traffic.unresolved,
        conditions.STORE_MISSING: tuple(filter(None, [without_store(decision.policy, world.tiers)])),
        conditions.TIER_MISSING: without_tier(decision.policy, world.tiers),
        conditions.KEYS_UNUSABLE: problems(facts, decision),
        conditions.CERTIFICATE_UNUSABLE: certificate.problems(facts, decision.policy),
    }
    if sentences := [sentence for some in found.values() for sentence in some]:
        reason = next(reason for reason, some in found.items() if some)
        return conditions.condition(conditions.RESOLVED_REFS, False, reason, conditions.listed(sentences))
    return conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")
