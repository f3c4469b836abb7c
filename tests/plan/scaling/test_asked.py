"""What the user wrote, as the decision reads it."""

from __future__ import annotations

import pytest
import yaml

from tidegate.api.autoscaling import Autoscaling
from tidegate.plan.scaling.asked import settings
from tidegate.plan.scaling.policies import Direction, Policy
from tidegate.plan.scaling.schedules import Schedule
from tidegate.plan.scaling.settings import Settings, Signal

WRITTEN = """
minReplicas: 2
maxReplicas: 8
signals:
  - {name: queue, queueDepth: {target: 5}}
  - {name: kv, kvCacheUtilization: {target: 70%}}
  - {name: ttft, timeToFirstToken: {percentile: "95", target: 500ms}}
  - {name: tpot, timePerOutputToken: {percentile: "95", target: 50ms}}
  - {name: requests, requestsPerReplica: {target: 20}}
  - {name: gpu, query: {promQL: sum(x), target: "0.5"}}
schedules: [{name: office-hours, cron: "0 8 * * 1-5", timeZone: Europe/Berlin, duration: 10h, minReplicas: 4}]
behavior:
  scaleUp: {stabilizationWindowSeconds: 15, policies: [{type: Pods, value: 4, periodSeconds: 15}], selectPolicy: Min, tolerance: "0.05"}
  scaleDown: {stabilizationWindowSeconds: 300}
headroom: Strict
forecast: None
"""


def test_everything() -> None:
    found = settings(Autoscaling.model_validate(yaml.safe_load(WRITTEN)), 64)
    assert found == Settings(
        least=2,
        most=8,
        signals=(
            Signal("queue", "queueDepth", 5),
            Signal("kv", "kvCacheUtilization", 0.7),
            Signal("ttft", "timeToFirstToken", 0.5),
            Signal("tpot", "timePerOutputToken", 0.05),
            Signal("requests", "requestsPerReplica", 20),
            Signal("gpu", "query", 0.5),
        ),
        up=Direction(15.0, (Policy("Pods", 4, 15.0),), "Min", 0.05),
        down=Direction(300.0, (), "Max", 0.1),
        schedules=(Schedule("office-hours", "0 8 * * 1-5", "Europe/Berlin", 36_000.0, 4),),
        forecast=False,
        safety=3.0,
        headroom=0.99,
        sequences=64,
    )


def test_defaults_are_the_decisions_own() -> None:
    assert settings(Autoscaling.model_validate({"maxReplicas": 12}), 256) == Settings()


@pytest.mark.parametrize("wrong", [{"least": 3, "most": 2}, {"sequences": 0}, {"headroom": 1.0}, {"startup": 0.0}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least <= most"):
        Settings(**wrong)  # type: ignore[arg-type]
