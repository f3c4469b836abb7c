"""What the leader tells Prometheus of models that scale: `tidegate_autoscaling_*`, as it was at the newest look.

A standby looks at nothing, and so tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.control.scale import Figures

MODEL: Final = ("namespace", "name")
SIGNAL: Final = (*MODEL, "signal")
LOOKS: Final = "tidegate_autoscaling_looks"
GAUGES: Final = {
    "tidegate_autoscaling_current_replicas": "Engines that a model was asked to have at the newest look.",
    "tidegate_autoscaling_desired_replicas": "Engines that it should have by that look.",
    "tidegate_autoscaling_silent_engines": "Engines that should say something, and do not.",
    "tidegate_autoscaling_signal_value": "What a signal, or a row of the load, was: full engines, requests, seconds, a query's number.",
    "tidegate_autoscaling_signal_replicas": "Engines that it asks for, not rounded.",
    "tidegate_autoscaling_signal_age_seconds": "Age of the oldest reading behind it.",
}
TEXTS: Final = {**GAUGES, f"{LOOKS}_total": "Looks at a model, every 5 s, by what limited them."}


class ScalingMetrics(Collector):
    """prometheus-client's collector of them."""

    def __init__(self, figures: Callable[[], Iterable[Figures]]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """The families, without a look at the models."""
        return [*self._gauges().values(), self._looks()]

    def collect(self) -> Iterable[Metric]:
        """Of every model."""
        gauges, looks = self._gauges(), self._looks()
        for one in self._figures():
            model = [one.key.namespace, one.key.name]
            _model(gauges, model, one)
            _signals(gauges, model, one)
            for limit, count in one.limits.items():
                looks.add_metric([*model, limit], count)
        return [*gauges.values(), looks]

    @staticmethod
    def _gauges() -> dict[str, GaugeMetricFamily]:
        return {name: GaugeMetricFamily(name, text, labels=_labels(name)) for name, text in GAUGES.items()}

    @staticmethod
    def _looks() -> CounterMetricFamily:
        return CounterMetricFamily(LOOKS, TEXTS[f"{LOOKS}_total"], labels=(*MODEL, "limit"))


def _labels(name: str) -> tuple[str, ...]:
    return SIGNAL if name.startswith("tidegate_autoscaling_signal_") else MODEL


def _model(gauges: dict[str, GaugeMetricFamily], model: list[str], one: Figures) -> None:
    numbers = {
        "current_replicas": one.look.asked,
        "desired_replicas": one.look.decision.replicas,
        "silent_engines": one.silent,
    }
    for name, number in numbers.items():
        gauges[f"tidegate_autoscaling_{name}"].add_metric(model, number)


def _signals(gauges: dict[str, GaugeMetricFamily], model: list[str], one: Figures) -> None:
    """A signal that says nothing has an age, and neither value nor answer."""
    for answer in one.look.decision.answers:
        said = {} if answer.missing else {"value": answer.value, "replicas": answer.need}
        for name, number in {**said, "age_seconds": answer.age}.items():
            gauges[f"tidegate_autoscaling_signal_{name}"].add_metric([*model, answer.name], number)
