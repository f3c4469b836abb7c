"""Who writes how many engines there are, where it is not the operator, and how that passes from one to the other without a jump.

`before` is what there should have been until now. The first row that fits:

    what is known                                     engines           then
    -----------------------------------------------   ---------------   ---------------------------------------------------------
    status.autoscaling.provider names one             spec.replicas     its object is as it should be
    what it needs is missing (`missing`)              before            condition ScalingActive says what
    spec.replicas is not `before`                     before            spec.replicas is written, once, through /scale
    else                                              before            the status names it, and its object is made

all within minReplicas and maxReplicas. So whoever begins to decide begins with what there is, also if the operator ends between two of
these rows. Back to the operator, it goes on from status.autoscaling.desiredReplicas; and from HPA to KEDA spec.replicas stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.api.autoscaling import Autoscaling
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.providers import OPERATOR
from tidegate.plan import conditions
from tidegate.plan.kube.reading import integer, maps, part, text
from tidegate.plan.model.autoscalers import KINDS
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

NEEDS: Final = {
    conditions.KEDA_MISSING: "provider KEDA needs KEDA (https://keda.sh), which this cluster does not have; install it, or write provider: HPA or Operator",
    conditions.PROMETHEUS_MISSING: "KEDA reads Prometheus, and the operator knows none to name; set the chart's prometheus.url, or write provider: HPA or "
    "Operator",
    conditions.METRICS_NOT_SERVED: "an HPA reads what the operator serves, which is switched off; set the chart's externalMetrics.enabled to true, or write "
    "provider: Operator",
}


@dataclass(frozen=True)
class Provided:
    """What follows for this pass."""

    engines: int
    taken: bool = False
    """Whether spec.replicas is what counts."""
    handover: int | None = None
    """What is to be written into spec.replicas."""
    missing: str = ""
    """Reason, one of NEEDS."""

    @property
    def made(self) -> bool:
        """Whether its object is to be there: without what it needs it could only fail."""
        return self.taken and not self.missing


def another(model: ModelDeployment) -> Autoscaling | None:
    """spec.autoscaling, where somebody else than the operator decides."""
    wanted = model.spec.autoscaling
    return wanted if wanted and wanted.provider != OPERATOR else None


def provided(world: ModelWorld, model: ModelDeployment, wanted: Autoscaling, active: int) -> Provided:
    """The table; `active`: engines that there should be at present, 0 without an Active revision."""

    def bounded(engines: int) -> int:
        return min(max(engines, wanted.min_replicas), wanted.max_replicas)

    missing, last = _missing(world, wanted), part(world.owner.get("status"), "autoscaling")
    if text(last, "provider"):
        return Provided(bounded(model.spec.replicas), taken=True, missing=missing)
    before = bounded(_before(model.spec.replicas, last, active))
    if missing:
        return Provided(before, missing=missing)
    if model.spec.replicas != before:
        return Provided(before, handover=before)
    return Provided(before, taken=True)


def _before(replicas: int, last: Manifest, active: int) -> int:
    """spec.replicas of a model that did not scale counts, unless it was left out with the same edit and so is 1 again."""
    if last:
        return integer(last, "desiredReplicas", active)
    return active if replicas == 1 and active else replicas


def _missing(world: ModelWorld, wanted: Autoscaling) -> str:
    if wanted.provider == "HPA":
        return "" if world.serves_metrics else conditions.METRICS_NOT_SERVED
    if not world.capabilities.scaled_object:
        return conditions.KEDA_MISSING
    return "" if world.prometheus else conditions.PROMETHEUS_MISSING


def condition(world: ModelWorld, wanted: Autoscaling, found: Provided) -> dict[str, str]:
    """ScalingActive: whether it can decide, in its own words."""
    kind = KINDS[wanted.provider]
    if found.missing:
        return conditions.condition(conditions.SCALING_ACTIVE, False, found.missing, NEEDS[found.missing])
    if not found.taken:
        words = f"spec.replicas becomes {found.engines}, so that the {kind} begins with what there is"
        return conditions.condition(conditions.SCALING_ACTIVE, None, conditions.HANDING_OVER, words)
    live = next((child for child in world.children if child["kind"] == kind), None)
    if complaint := _complaint(live):
        return conditions.condition(conditions.SCALING_ACTIVE, False, *complaint)
    words = f"the {kind} decides, and writes spec.replicas"
    return conditions.condition(conditions.SCALING_ACTIVE, True, conditions.PROVIDER_DECIDES, words)


def _complaint(live: Manifest | None) -> tuple[str, str] | None:
    """What its own status says is wrong: reason and words."""
    for said in maps((live or {}).get("status"), "conditions"):
        if text(said, "type") in ("AbleToScale", "ScalingActive", "Ready") and text(said, "status") == "False":
            return text(said, "reason") or "Unknown", text(said, "message")
    return None
