"""How many routers there are, and who says so, without a jump when that passes from one to the other.

`live` is what the Deployment asks for now. The first row that fits:

    what is known                                              routers                    then
    --------------------------------------------------------   ------------------------   ------------------------------------------
    placement Sidecar                                          engines' Pods with one     there is no Deployment
    a HorizontalPodAutoscaler that targets the Deployment,     live                       the Deployment's number is left to it
      somebody's own or one of KEDA's
    no spec.router.autoscaling                                 spec.router.replicas       an autoscaler of ours is deleted
    its HorizontalPodAutoscaler is there                       spec.router.replicas,      it is as it should be
                                                                 which that one writes
    no Deployment yet, or live is spec.router.replicas         spec.router.replicas       it is made
    else: replicas was left out with the same edit             live, within its bounds    spec.router.replicas is written, once, through
                                                                                            /scale, and the next pass makes it

So whoever begins to decide begins with the routers that there are. When autoscaling is left out again, spec.router.replicas is what the
autoscaler wrote last. An autoscaler of somebody's own that targets the RoutingPolicy writes spec.router.replicas and needs no row.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tidegate import names
from tidegate.api.routerscaling import RouterAutoscaling
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.plan import conditions
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.kube.reading import integer, maps, part, text
from tidegate.plan.plan import Manifest
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.world import RouterWorld

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
KIND: Final = "HorizontalPodAutoscaler"
DEFAULT_METRIC: Final = {
    "type": "ContainerResource",
    "containerResource": {
        "name": "cpu",
        "container": names.ENVOY_CONTAINER,
        "target": {"type": "Utilization", "averageUtilization": 80},
    },
}
"""Routers are bound by the CPU of their Envoys; a brain beside one that idles would hide that."""


@dataclass(frozen=True)
class Scaled:
    """What follows for this pass."""

    replicas: int
    """Routers that there should be."""
    written: bool = True
    """Whether the Deployment's number is ours to write."""
    made: bool = False
    """Whether the policy's HorizontalPodAutoscaler is to be there."""
    handover: int | None = None
    """What is to be written into spec.router.replicas."""
    by: str = ""
    """The name of somebody else's autoscaler of the Deployment."""
    bound: int = 0
    """Routers that there may be by spec.router.autoscaling; 0 without."""

    @property
    def most(self) -> int:
        """Routers that there may be, as far as the policy knows."""
        return max(self.replicas, self.bound)


def scaled(world: RouterWorld, policy: RoutingPolicy, facts: RouterFacts) -> Scaled:
    """The table."""
    if policy.spec.router.sidecar:
        return Scaled(len(facts.routers))
    asked, wanted = policy.spec.router.replicas, policy.spec.router.autoscaling
    live = integer(facts.deployment.get("spec"), "replicas", asked)
    if world.scalers:
        return Scaled(
            live, written=not _written_through_scale(facts.deployment), by=text(world.scalers[0]["metadata"], "name")
        )
    if wanted is None:
        return Scaled(asked)
    if _ours(world) or live == asked:
        return Scaled(asked, made=True, bound=wanted.max_replicas)
    before = min(max(live, wanted.min_replicas), wanted.max_replicas)
    return Scaled(before, handover=before, bound=wanted.max_replicas)


def _ours(world: RouterWorld) -> Manifest | None:
    return next((each for each in world.children if each["kind"] == KIND), None)


def _written_through_scale(deployment: Manifest) -> bool:
    """Whether somebody has written its number since we did: to leave out what is ours alone would make it 1."""
    managed = maps(deployment.get("metadata"), "managedFields")
    return any(text(entry, "subresource") == "scale" for entry in managed)


def autoscaler(owner: Manifest, wanted: RouterAutoscaling) -> dict[str, Any]:
    """The policy's HorizontalPodAutoscaler, which targets the policy itself."""
    said = wanted.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    metadata = owner["metadata"]
    spec = {
        "scaleTargetRef": {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"]},
        "minReplicas": wanted.min_replicas,
        "maxReplicas": wanted.max_replicas,
        "metrics": said.get("metrics") or [DEFAULT_METRIC],
        **({"behavior": said["behavior"]} if said.get("behavior") else {}),
    }
    return child(KIND, names.router(metadata["name"]), owner, router_labels(metadata["name"]), {"spec": spec})


def condition(world: RouterWorld, policy: RoutingPolicy, found: Scaled) -> list[dict[str, str]]:
    """ScalingActive: who decides, and what keeps them from it; none where spec.router.replicas alone does.

    what is known                                       ScalingActive
    -------------------------------------------------   -------------------------------------------------------------
    somebody's autoscaler of the Deployment, and        False, ScaledTwice: one of the two has to go
      spec.router.autoscaling
    somebody's autoscaler of the Deployment alone       True, ProviderDecides, with its name
    spec.router.autoscaling, not handed over yet        Unknown, HandingOver
    its HorizontalPodAutoscaler complains               False, in its own words
    what kubectl apply wrote last has router.replicas   True, ReplicasApplied: every apply takes back what was decided
    else                                                True, ProviderDecides
    """
    if found.by:
        said = _by_somebody(found.by, twice=policy.spec.router.autoscaling is not None)
    elif policy.spec.router.autoscaling:
        said = _by_ours(world, found)
    else:
        return []
    return [conditions.condition(conditions.SCALING_ACTIVE, *said)]


Said = tuple[bool | None, str, str]
"""Whether it holds, why in one word, and in a sentence."""


def _by_somebody(name: str, *, twice: bool) -> Said:
    if twice:
        words = f"{KIND} {name} scales the routers' Deployment beside spec.router.autoscaling; delete it, or leave autoscaling out"
        return False, conditions.SCALED_TWICE, words
    words = f"{KIND} {name} decides, and writes the Deployment's replicas; spec.router.replicas does not count"
    return True, conditions.PROVIDER_DECIDES, words


def _by_ours(world: RouterWorld, found: Scaled) -> Said:
    if not found.made:
        words = f"spec.router.replicas becomes {found.replicas}, so that the {KIND} begins with what there is"
        return None, conditions.HANDING_OVER, words
    if complaint := _complaint(world):
        return False, *complaint
    if _applied(world.owner):
        words = f"each kubectl apply writes spec.router.replicas back over what the {KIND} decided; leave replicas out of what is applied"
        return True, conditions.REPLICAS_APPLIED, words
    return True, conditions.PROVIDER_DECIDES, f"the {KIND} decides, and writes spec.router.replicas"


def _applied(owner: Manifest) -> bool:
    """Whether a person's manifest says replicas, as far as kubectl apply tells: admission cannot know, because an autoscaler writes the
    same field."""
    try:
        manifest = json.loads(text(owner["metadata"].get("annotations"), LAST_APPLIED) or "{}")
    except ValueError:
        return False
    return "replicas" in part(part(manifest, "spec"), "router")


def _complaint(world: RouterWorld) -> tuple[str, str] | None:
    """What our autoscaler's own status says is wrong: reason and words."""
    said = maps(part(_ours(world), "status"), "conditions")
    found = (c for c in said if text(c, "type") in ("AbleToScale", "ScalingActive") and text(c, "status") == "False")
    return next(((text(c, "reason") or "Unknown", text(c, "message")) for c in found), None)
