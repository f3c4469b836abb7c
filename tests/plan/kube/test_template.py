"""A container's resources: what is given over our defaults, and never a request above a limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import RESOURCES
from tidegate.api.engine import Resources
from tidegate.api.values import amount
from tidegate.plan.kube.template import resources

REQUESTS = {"cpu": "250m", "memory": "256Mi"}
LIMITS = {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("given_", "requests", "limits"),
    [
        ({}, REQUESTS, None),
        ({"limits": {"cpu": "100m", "memory": "128Mi"}}, {"cpu": "100m", "memory": "128Mi"}, None),
        ({"limits": {"cpu": "1"}}, REQUESTS, None),
        ({"limits": {"memory": "0.25Gi"}}, REQUESTS, None),
        ({"requests": {"cpu": "1"}}, {"cpu": "1", "memory": "256Mi"}, None),
        ({"requests": {"cpu": "50m"}, "limits": {"cpu": "75m"}}, {"cpu": "50m", "memory": "256Mi"}, None),
    ],
    ids=["nothing", "low limits", "a high limit", "a limit that is the default", "a request", "both"],
)
def test_a_default_request_gives_way_to_a_limit(given_: Any, requests: Any, limits: Any) -> None:
    made = resources(Resources.model_validate(given_), REQUESTS)
    assert made == {"requests": requests} | ({"limits": given_["limits"]} if "limits" in given_ else {})


def test_a_default_limit_gives_way_to_a_request() -> None:
    made = resources(Resources(requests={"memory": "2Gi"}), {"memory": "512Mi"}, LIMITS)
    assert made == {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}


def test_without_anything_there_are_no_resources() -> None:
    assert resources(Resources(), {}) == {}


@given(RESOURCES, st.sampled_from([None, LIMITS]))
def test_no_request_is_above_its_limit(given_: dict[str, Any], limits: dict[str, str] | None) -> None:
    made = resources(Resources.model_validate(given_), REQUESTS, limits)
    for kind, least in made["requests"].items():
        assert amount(least) <= amount(made.get("limits", {}).get(kind, least))
