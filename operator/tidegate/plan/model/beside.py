"""A router beside each engine of a model (`engine.sidecarRouter`), and whether its policy is fit for that.

the policy that is named                       a revision that is kept      a new one
--------------------------------------------   --------------------------   -----------------------------------------------
does not exist, or cannot be read              goes on as it is, and        waits for it: Stalled, and what serves goes on
                                                 ResolvedRefs says why
has routers of its own (placement Standalone)  the same                     the same
has no backend for this model                  the same                     the same
else                                           as it is; UpdatePending      gets the policy's router as it is today
                                                 where today's differs

A change of the policy replaces no engine: what routers do stands in a ConfigMap, and what shapes their containers (resources, images,
`tls`, `clientAddress`, the collector) is adopted with the model's next revision.

An engine leaves like this: the Pod is deleted, and leaves its Services; the engine's preStop hook asks the brain for a drain, so that answers
say `connection: close`; after 5 s, when the last request through the router has ended, Envoy ends; then the engine is told to
(SIGTERM), and finishes what came by other routers; sidecars end last. All of that within `drain.timeout`.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tidegate import names
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.errors import Stall
from tidegate.plan import conditions, containers
from tidegate.plan.kube import template
from tidegate.plan.model.argv import shutdown_timeout
from tidegate.plan.plan import Manifest
from tidegate.plan.world import Defaults, ModelWorld

INSTEAD = "or leave engine.sidecarRouter out"


class PolicyUnfit(Stall):
    """A new revision wants a router whose policy is not fit for it."""

    reason = conditions.POLICY_MISSING


def policy_of(world: ModelWorld, model: ModelDeployment) -> tuple[RoutingPolicy | None, str]:
    """The table: the policy, or what is wrong with it; neither where the model names none."""
    wanted = model.spec.engine.sidecar_router
    if wanted is None:
        return None, ""
    name = wanted.routing_policy_ref.name
    if world.beside is None:
        return None, f"RoutingPolicy {name!r} does not exist; create it, or correct engine.sidecarRouter"
    try:
        policy = RoutingPolicy.model_validate({**world.beside, "status": None})
    except ValidationError as error:
        return None, f"RoutingPolicy {name!r} cannot be read: {error.errors(include_url=False)[0]['msg']}"
    if not policy.spec.router.sidecar:
        return (
            None,
            f"the routers of RoutingPolicy {name!r} have Pods of their own; name one with router: {{placement: Sidecar}}, {INSTEAD}",
        )
    if not any(backend.model == model.metadata.name for backend in policy.spec.backends):
        return (
            None,
            f"RoutingPolicy {name!r} has no backend for this model; add it to spec.backends there, name another policy, {INSTEAD}",
        )
    return policy, ""


def condition(world: ModelWorld, model: ModelDeployment) -> list[dict[str, str]]:
    """ResolvedRefs, of a model that names a policy."""
    if model.spec.engine.sidecar_router is None:
        return []
    if wrong := policy_of(world, model)[1]:
        return [conditions.condition(conditions.RESOLVED_REFS, False, conditions.POLICY_MISSING, wrong)]
    return [conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")]


def has_router(pod_spec: Manifest) -> bool:
    """Whether Pods of this spec have one."""
    return any(each.get("name") == names.BRAIN_CONTAINER for each in pod_spec.get("initContainers") or ())


def with_router(
    made: dict[str, Any], model: ModelDeployment, revision: str, policy: RoutingPolicy, defaults: Defaults
) -> dict[str, Any]:
    """A Pod template with the router in it. The engine begins when the brain has a configuration, and after its downloads."""
    spec, router = made["spec"], policy.spec.router
    engine = containers.Beside(revision, model.served_names()[0], shutdown_timeout(model))
    beside = containers.beside(policy, defaults, engine)
    pulled = {"imagePullSecrets": [*spec.get("imagePullSecrets", []), *_more(spec, router.image_pull_secrets)]}
    labels = {**made["metadata"]["labels"], names.POLICY_LABEL: policy.metadata.name}
    return {
        "metadata": {**made["metadata"], "labels": labels},
        "spec": {
            **spec,
            **(pulled if pulled["imagePullSecrets"] else {}),
            "initContainers": [*spec.get("initContainers", []), *beside],
            "containers": [_drained_first(each, policy) for each in spec["containers"]],
            "volumes": [*spec["volumes"], *containers.beside_volumes(policy)],
        },
    }


def _more(spec: Manifest, secrets: Any) -> list[dict[str, str]]:
    wanted = template.pull_secrets(secrets).get("imagePullSecrets", [])
    return [each for each in wanted if each not in spec.get("imagePullSecrets", [])]


def _drained_first(container: dict[str, Any], policy: RoutingPolicy) -> dict[str, Any]:
    if container["name"] != names.ENGINE_CONTAINER:
        return container
    return {**container, "lifecycle": {"preStop": {"httpGet": containers.drain(policy.metadata.uid)}}}
