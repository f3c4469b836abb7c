"""What a router's containers ask for: never more than their limits, and limits for both where a quota counts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, policy
from tidegate.api import RoutingPolicy
from tidegate.plan.router.workload import pod_spec
from tidegate.settings import from_environment

ENVOY = {"cpu": "250m", "memory": "256Mi"}
BRAIN = {"cpu": "100m", "memory": "128Mi"}


def pod(**router: Any) -> Any:
    return pod_spec(RoutingPolicy.model_validate(policy(router=router)), DEFAULTS)


LOW = {"cpu": "100m", "memory": "128Mi"}


@pytest.mark.parametrize(
    ("router", "envoy", "brain"),
    [
        ({}, {"requests": ENVOY}, {"requests": BRAIN}),
        ({"resources": {"limits": LOW}}, {"requests": LOW, "limits": LOW}, {"requests": BRAIN}),
        (
            {"resources": {"limits": {"memory": "1Gi"}}, "brain": {"resources": {"limits": {"memory": "64Mi"}}}},
            {"requests": ENVOY, "limits": {"memory": "1Gi"}},
            {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        ),
        (
            {"brain": {"resources": {"requests": {"cpu": "1"}}}},
            {"requests": ENVOY},
            {"requests": {"cpu": "1", "memory": "128Mi"}},
        ),
    ],
    ids=["defaults", "low limits", "limits of both", "a request of the brain"],
)
def test_resources(router: Any, envoy: Any, brain: Any) -> None:
    made = pod(**router)
    assert made["containers"][0]["resources"] == envoy
    assert made["initContainers"][0]["resources"] == brain


def test_routers_are_spread_unless_the_user_says_how() -> None:
    [ours] = pod()["topologySpreadConstraints"]
    assert ours["topologyKey"] == "kubernetes.io/hostname"
    zone = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    assert pod(scheduling={"topologySpreadConstraints": [zone]})["topologySpreadConstraints"] == [zone]
    assert pod(scheduling={"nodeSelector": {"a": "b"}})["topologySpreadConstraints"] == [ours]


def test_brains_log_as_the_operator_does() -> None:
    """Text is what a brain writes anyway, so that installations which never asked for JSON keep their Pods' template."""
    read = RoutingPolicy.model_validate(policy("chat"))
    for form, said in {"text": [], "json": ["json"]}.items():
        (brain,) = pod_spec(read, replace(from_environment({}).defaults, log_format=form))["initContainers"]
        assert [v["value"] for v in brain["env"] if v["name"] == "TIDEGATE_LOG_FORMAT"] == said
