"""What the leader tells Prometheus of every object: its conditions, how many engines it has, how far a rollout is.

A standby tells nothing of them, so that each is there once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate import names
from tidegate.plan.conditions import METRICS_AVAILABLE, READY, RESPONSE_CACHE, STALLED, SUSPENDED, known
from tidegate.plan.kube.reading import integer, text
from tidegate.plan.plan import Manifest

TOLD: Final = (READY, STALLED, SUSPENDED, RESPONSE_CACHE, METRICS_AVAILABLE)
"""Conditions that people are called for."""
OBJECT: Final = ("namespace", "name")
TEXTS: Final = {
    "tidegate_condition": "1 for what a condition (Ready, Stalled, Suspended, ResponseCache, MetricsAvailable) of an object says at present, with its reason.",
    "tidegate_model_engines": "Engines of a model: desired, and those of the active revision that answer (ready).",
    "tidegate_rollout_share_percent": "Percent of a model's requests that the revision on trial gets, with its phase.",
}
LABELS: Final = {
    "tidegate_condition": ("kind", *OBJECT, "type", "status", "reason"),
    "tidegate_model_engines": (*OBJECT, "state"),
    "tidegate_rollout_share_percent": (*OBJECT, "revision", "phase"),
}


class Objects(Collector):
    """prometheus-client's collector of them."""

    def __init__(self, objects: Callable[[], Iterable[Manifest]], leads: Callable[[], bool]) -> None:
        self._objects, self._leads = objects, leads

    def describe(self) -> Iterable[Metric]:
        """The families, without a look at the objects."""
        return self._families().values()

    def collect(self) -> Iterable[Metric]:
        """Of every object, in one walk."""
        found = self._families()
        for manifest in self._objects() if self._leads() else ():
            _conditions(found["tidegate_condition"], manifest)
            if manifest["kind"] == names.MODEL_DEPLOYMENT:
                _model(found, manifest)
        return found.values()

    @staticmethod
    def _families() -> dict[str, GaugeMetricFamily]:
        return {name: GaugeMetricFamily(name, TEXTS[name], labels=LABELS[name]) for name in TEXTS}


def _object(manifest: Manifest) -> list[str]:
    return [manifest["metadata"]["namespace"], manifest["metadata"]["name"]]


def _conditions(family: GaugeMetricFamily, manifest: Manifest) -> None:
    for condition in known(manifest):
        if condition["type"] in TOLD:
            said = [condition["type"], condition["status"], text(condition, "reason")]
            family.add_metric([manifest["kind"], *_object(manifest), *said], 1)


def _model(found: dict[str, GaugeMetricFamily], manifest: Manifest) -> None:
    status, who = manifest.get("status") or {}, _object(manifest)
    for state, field in (("desired", "desiredReplicas"), ("ready", "readyReplicas")):
        found["tidegate_model_engines"].add_metric([*who, state], integer(status, field))
    rollout = status.get("rollout")
    if text(rollout, "revision"):
        said = [text(rollout, "revision"), text(rollout, "phase")]
        found["tidegate_rollout_share_percent"].add_metric([*who, *said], integer(rollout, "traffic"))
