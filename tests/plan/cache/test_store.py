"""A managed store's StatefulSet: its resources, and the field that cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, managed_tier
from tidegate.api.cachetier import ManagedStore
from tidegate.plan.cache.store import stateful_set


def made(live: Any = None, **store: Any) -> Any:
    return stateful_set(managed_tier(), ManagedStore.model_validate(store), DEFAULTS, "uid", live)["spec"]


@pytest.mark.parametrize(
    ("live", "policy"),
    [
        (None, "Parallel"),
        ({"spec": {"podManagementPolicy": "OrderedReady"}}, "OrderedReady"),
        ({"spec": {"podManagementPolicy": "Parallel"}}, "Parallel"),
        ({"spec": {}}, "OrderedReady"),
    ],
    ids=["new", "of an older operator", "of this one", "unsaid, which is Kubernetes' default"],
)
def test_what_is_there_keeps_its_pod_management(live: Any, policy: str) -> None:
    assert made(live)["podManagementPolicy"] == policy


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ({}, {"cpu": "100m", "memory": "1280Mi"}, {"memory": "1280Mi"}),
        ({"memory": "64Mi"}, {"cpu": "100m", "memory": "80Mi"}, {"memory": "80Mi"}),
        (
            {"resources": {"limits": {"cpu": "50m", "memory": "4Gi"}}},
            {"cpu": "50m", "memory": "1280Mi"},
            {"cpu": "50m", "memory": "4Gi"},
        ),
        ({"resources": {"requests": {"memory": "2Gi"}}}, {"cpu": "100m", "memory": "2Gi"}, {"memory": "2Gi"}),
    ],
)
def test_resources(given: Any, requests: Any, limits: Any) -> None:
    [container] = made(**given)["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": requests, "limits": limits}
