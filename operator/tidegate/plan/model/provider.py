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

MUST_HOLD: Final = ("HPAActive", "ScalingActive", "AbleToScale", "Ready")
"""Conditions of an HPA and of KEDA 2.21: False is a complaint."""
MUST_NOT_HOLD: Final = ("Fallback", "Paused")
"""Conditions of KEDA 2.21, of what somebody else asked it for: while they hold, no trigger decides."""


PARTIAL: Final = "PartialTriggerError"
"""Reason of KEDA's condition Ready, which is Unknown then; which trigger it is stands in KEDA's Events alone."""


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
    """ScalingActive: whether it can decide, in its own words. The first row that fits:

    what is known                                         ScalingActive
    ---------------------------------------------------   ---------------------------------------------------------------
    what it needs is missing                              False, and what
    it is not handed over yet                             Unknown, HandingOver
    an object of a provider before is still being         Unknown, HandingOver, with the finalizers that it waits for
      deleted: a ScaledObject goes when KEDA lets it
    its object says that it cannot, or does not           False, in its own words (`_complaint`)
    some of KEDA's triggers fail, and others do not       True, PartialTriggerError: its HPA follows the others upwards
                                                          alone (kube-controller-manager's rule for a metric that is missing)
    else                                                  True, ProviderDecides
    """
    kind = KINDS[wanted.provider]
    live = next((child for child in world.children if child["kind"] == kind), None)
    if found.missing:
        said: Said = False, found.missing, NEEDS[found.missing]
    elif not found.taken:
        words = f"spec.replicas becomes {found.engines}, so that the {kind} begins with what there is"
        said = None, conditions.HANDING_OVER, words
    elif words := _leaves(world):
        said = None, conditions.HANDING_OVER, words
    elif complaint := _complaint(live):
        said = False, *complaint
    elif _says(live).get("Ready", ("", "", ""))[1] == PARTIAL:
        words = "adds engines by those that answer, and takes none away; `kubectl describe` of it names them"
        said = True, PARTIAL, f"some triggers of the {kind} fail: it {words}"
    else:
        said = True, conditions.PROVIDER_DECIDES, f"the {kind} decides, and writes spec.replicas"
    return conditions.condition(conditions.SCALING_ACTIVE, *said)


Said = tuple[bool | None, str, str]
"""Whether it holds, why in one word, and in a sentence."""


def _leaves(world: ModelWorld) -> str:
    """What is said of an object that is being deleted and not gone; empty without one."""
    for child in world.children:
        if child["kind"] in KINDS.values() and child["metadata"].get("deletionTimestamp"):
            held = ", ".join(child["metadata"].get("finalizers") or ())
            waits = f", and waits for whoever takes away {held}" if held else ""
            return f"{child['kind']} {child['metadata']['name']} is being deleted{waits}"
    return ""


def _says(live: Manifest | None) -> dict[str, tuple[str, str, str]]:
    """Status, reason and words of each condition of its own, by type."""
    found = maps((live or {}).get("status"), "conditions")
    return {text(one, "type"): (text(one, "status"), text(one, "reason"), text(one, "message")) for one in found}


def _complaint(live: Manifest | None) -> tuple[str, str] | None:
    """What its own status says is wrong: reason and words. What KEDA passes on of its HPA comes first, because it quotes the error."""
    said = _says(live)
    for kind, wrong in [(kind, "False") for kind in MUST_HOLD] + [(kind, "True") for kind in MUST_NOT_HOLD]:
        status, reason, words = said.get(kind, ("", "", ""))
        if status == wrong:
            return reason or "Unknown", words
    return None
