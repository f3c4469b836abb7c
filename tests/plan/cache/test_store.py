"""A managed store's StatefulSet: its resources, and the field that cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, managed_tier
from tidegate.api.cachetier import ManagedStore
from tidegate.plan.cache.store import network_policy, stateful_set
from tidegate.plan.kube.objects import beside_labels, model_labels, router_labels
from tidegate.plan.plan import Manifest


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


def selects(peer: Manifest, labels: dict[str, str]) -> bool:
    """Of the store's own namespace."""
    selector = peer.get("podSelector") or {}
    if "namespaceSelector" in peer:
        return False
    named = selector.get("matchLabels", {}).items() <= labels.items()
    return named and all(asked["key"] in labels for asked in selector.get("matchExpressions", ()))


@pytest.mark.parametrize(
    ("labels", "reaches"),
    [
        (router_labels("chat"), True),
        (model_labels("small") | beside_labels("chat"), True),
        (model_labels("small"), False),
        ({"app": "curl"}, False),
    ],
    ids=["a router", "an engine's Pod with one", "an engine's Pod without one", "somebody else"],
)
def test_who_reaches_it(labels: dict[str, str], reaches: bool) -> None:
    [rule] = network_policy(managed_tier(), DEFAULTS)["spec"]["ingress"]
    assert any(selects(peer, labels) for peer in rule["from"]) is reaches
