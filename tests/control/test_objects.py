"""What the leader tells of objects, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tests.support.builders import model, policy
from tidegate.control.objects import Objects

SERVING = model("llama") | {
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving"},
            {"type": "Reconciling", "status": "False", "reason": "AsSpecified"},
            {"type": "Stalled", "status": "True", "reason": "RolledBack"},
            {"type": 7},
        ],
        "desiredReplicas": 3,
        "readyReplicas": 2,
        "rollout": {"revision": "abc", "phase": "RolledBack", "traffic": 0},
    }
}
NEW = policy("chat")


def told(*, leads: bool = True) -> list[str]:
    registry = CollectorRegistry()
    registry.register(Objects(lambda: iter((SERVING, NEW)), lambda: leads))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_everything() -> None:
    assert told() == [
        'tidegate_condition{kind="ModelDeployment",name="llama",namespace="shop",reason="Serving",status="True",type="Ready"} 1.0',
        'tidegate_condition{kind="ModelDeployment",name="llama",namespace="shop",reason="RolledBack",status="True",type="Stalled"} 1.0',
        'tidegate_model_engines{name="llama",namespace="shop",state="desired"} 3.0',
        'tidegate_model_engines{name="llama",namespace="shop",state="ready"} 2.0',
        'tidegate_rollout_share_percent{name="llama",namespace="shop",phase="RolledBack",revision="abc"} 0.0',
    ]


def test_a_standby_tells_nothing() -> None:
    assert told(leads=False) == []
