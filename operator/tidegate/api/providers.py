"""What somebody else than the operator can decide by: an autoscaling/v2 HorizontalPodAutoscaler, or KEDA, which makes one.

written with provider HPA or KEDA                   then
-------------------------------------------------   -----------------------------------------------------------------------------
no signals                                          it follows the number that the operator would ask for: all dials are obeyed
signals of load: queueDepth, kvCacheUtilization,    it compares their totals with the targets, as ratios
  requestsPerReplica, query
a latency                                           refused: a trigger, and an HPA knows ratios alone
scaleToZero                                         refused: an HPA does not know that requests wait at a router
headroom, forecast or schedules beside signals      refused: they shape the operator's own number, which nobody would ask for
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.api.base import Rule

if TYPE_CHECKING:
    from tidegate.api.autoscaling import Autoscaling

OPERATOR: Final = "Operator"
_OTHERS: Final = "has(self.provider) && self.provider != 'Operator' && has(self.signals) && self.signals.size() > 0"
_DIALS: Final = ("headroom", "forecast", "schedules")


def _compares(autoscaling: Autoscaling) -> bool:
    """Whether somebody else compares signals."""
    return autoscaling.provider != OPERATOR and bool(autoscaling.signals)


def _latency(autoscaling: Autoscaling) -> bool:
    return any(one.time_to_first_token or one.time_per_output_token for one in autoscaling.signals)


RULES: Final = (
    Rule(
        "!(has(self.provider) && self.provider != 'Operator' && has(self.scaleToZero))",
        "scaleToZero is the operator's own: an HPA does not know that requests wait at a router; write provider: Operator, or leave scaleToZero out",
        lambda a: a.provider == OPERATOR or a.scale_to_zero is None,
        ".scaleToZero",
    ),
    Rule(
        f"!({_OTHERS}) || !self.signals.exists(s, has(s.timeToFirstToken) || has(s.timePerOutputToken))",
        "timeToFirstToken and timePerOutputToken are triggers, and an HPA knows ratios alone: it would double the engines whenever the latency doubles; "
        "leave signals out, so that it follows what the operator asks for, or write provider: Operator",
        lambda a: not (_compares(a) and _latency(a)),
        ".signals",
    ),
    Rule(
        f"!({_OTHERS}) || !(has(self.headroom) || has(self.forecast) || has(self.schedules))",
        "headroom, forecast and schedules shape what the operator asks for, and with signals the provider asks nobody; leave them out, "
        "or signals, or write provider: Operator",
        lambda a: not (_compares(a) and a.model_fields_set.intersection(_DIALS)),
        ".provider",
    ),
)
