"""What the leader tells of models that scale, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tests.support.builders import key_of, model
from tidegate.control.scale import Figures
from tidegate.control.scaling_metrics import ScalingMetrics
from tidegate.plan.scaling.account import Look
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.signals import Answer
from tidegate.plan.scaling.state import State

LOAD = Answer("under way", 4.25, 4.5, "", value=2.75, age=2.0)
TTFT = Answer("ttft", missing="no answer", age=95.0)
LOOK = Look(0.0, 4, Decision(5, "Signal", "", (LOAD, TTFT), State()))


def test_everything() -> None:
    registry = CollectorRegistry()
    figures = Figures(key_of(model("llama")), LOOK, 1, {"Signal": 3, "Steady": 40})
    registry.register(ScalingMetrics(lambda: [figures]))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    of = 'name="llama",namespace="shop"'
    assert lines == [
        f"tidegate_autoscaling_current_replicas{{{of}}} 4.0",
        f"tidegate_autoscaling_desired_replicas{{{of}}} 5.0",
        f"tidegate_autoscaling_silent_engines{{{of}}} 1.0",
        f'tidegate_autoscaling_signal_value{{{of},signal="under way"}} 2.75',
        f'tidegate_autoscaling_signal_replicas{{{of},signal="under way"}} 4.25',
        f'tidegate_autoscaling_signal_age_seconds{{{of},signal="under way"}} 2.0',
        f'tidegate_autoscaling_signal_age_seconds{{{of},signal="ttft"}} 95.0',
        f'tidegate_autoscaling_looks_total{{limit="Signal",{of}}} 3.0',
        f'tidegate_autoscaling_looks_total{{limit="Steady",{of}}} 40.0',
    ]
