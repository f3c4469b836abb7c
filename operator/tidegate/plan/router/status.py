"""The status of a RoutingPolicy: do its routers answer, and which configuration do they run?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate import names
from tidegate.plan import conditions
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.pods import ready, trouble
from tidegate.plan.plan import Manifest
from tidegate.plan.world import RouterWorld

if TYPE_CHECKING:
    from tidegate.plan.router.plan import Decision


def router_status(world: RouterWorld, decision: Decision, now: datetime) -> dict[str, Any]:
    """The whole status block."""
    old = world.owner.get("status", {})
    generation = world.owner["metadata"].get("generation", 0)
    found = [*conditions.standard(verdict(world, decision)), _resolved(decision), _update_pending(world, decision)]
    routers = [pod for pod in world.pods if not pod["metadata"].get("deletionTimestamp")]
    return {
        "observedGeneration": generation,
        "address": address(
            decision.policy.metadata.name,
            world.owner["metadata"]["namespace"],
            decision.policy.spec.router.service.port,
        ),
        "replicas": len(routers),
        "readyReplicas": sum(ready(pod) for pod in world.pods),
        "models": sorted(model for route in decision.config.routes for model in route.models),
        "configuration": _configuration(world, decision),
        "conditions": conditions.dated(found, old.get("conditions", []), generation, now.isoformat()),
    }


def address(policy: str, namespace: str, port: int) -> str:
    """Where clients inside the cluster reach the router."""
    suffix = "" if port == 80 else f":{port}"
    return f"http://{names.router(policy)}.{namespace}.svc{suffix}"


def confirmed(world: RouterWorld, config: str) -> bool:
    """Whether every ready router Pod said that its Envoy runs this configuration, and there is one."""
    pods = {pod["metadata"]["name"] for pod in world.pods if ready(pod)}
    return bool(pods) and pods <= {report.pod for report in world.reports if report.config == config}


def verdict(world: RouterWorld, decision: Decision) -> Verdict:
    """Ready, Reconciling and Stalled.

    routers ready   backends    configuration        then
    -------------   ---------   ------------------   --------------------------------------
    too few         any         any                  starting, or the Pods' own trouble
    enough          unresolved  any                  Reconciling until the model is there
    enough          resolved    refused by a brain   Stalled, the last good one is served
    enough          resolved    not everywhere yet   Ready and Reconciling
    enough          resolved    live everywhere      Ready
    """
    wanted = decision.policy.spec.router.replicas
    answering = sum(ready(pod) for pod in world.pods)
    if answering < wanted:
        return _starting(world, answering, wanted)
    if decision.unresolved:
        return conditions.progressing(conditions.BACKEND_MISSING, "; ".join(decision.unresolved))
    if errors := [f"router {report.pod}: {report.error}" for report in world.reports if report.error]:
        return conditions.stalled(conditions.CONFIG_REFUSED, "; ".join(errors), serving=True)
    if not confirmed(world, decision.config.hash()):
        return conditions.progressing(
            conditions.CONFIG_PENDING, "routers are taking the newest configuration", serving=True
        )
    return conditions.done(f"{answering} of {wanted} routers answer")


def _starting(world: RouterWorld, answering: int, wanted: int) -> Verdict:
    text = f"{answering} of {wanted} routers answer"
    reason, message = trouble(world.pods) or (conditions.ROUTERS_STARTING, "")
    return conditions.progressing(reason, f"{text}; {message}" if message else text)


def _configuration(world: RouterWorld, decision: Decision) -> dict[str, Any]:
    """`backends` moves only when every ready router runs the newest configuration: models wait for it."""
    current = decision.config.hash()
    old: Manifest = world.owner.get("status", {}).get("configuration") or {}
    running = {pod["metadata"]["name"] for pod in world.pods if ready(pod)}
    live = sum(report.config == current and report.pod in running for report in world.reports)
    backends = old.get("backends", [])
    if confirmed(world, current):
        pairs = {d.backend: d.revision for d in decision.config.destinations}
        backends = [{"name": name, "revision": revision} for name, revision in pairs.items()]
    return {"hash": current, "live": live, "backends": backends}


def _resolved(decision: Decision) -> dict[str, str]:
    if decision.unresolved:
        return conditions.condition(
            conditions.RESOLVED_REFS, False, conditions.BACKEND_MISSING, "; ".join(decision.unresolved)
        )
    return conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")


def _update_pending(world: RouterWorld, decision: Decision) -> dict[str, str]:
    if not decision.update:
        return conditions.condition(conditions.UPDATE_PENDING, False, conditions.AS_SPECIFIED, "")
    shown = ", ".join(decision.update[:3]) + (" and more" if len(decision.update) > 3 else "")
    message = f"operator {world.defaults.version} would change {shown}; adopted with the next change of spec.router"
    return conditions.condition(conditions.UPDATE_PENDING, True, conditions.NEXT_REVISION, message)
