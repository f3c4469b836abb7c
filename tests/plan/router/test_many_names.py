"""A policy may name as many public models as its routes can hold, and its status tells of all of them."""

from __future__ import annotations

import json

import pytest

from tests.support.builders import DEFAULTS, NOW, policy
from tidegate.api import RoutingPolicy
from tidegate.cli.render import followed
from tidegate.names import ROUTER_CONFIG_KEY
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import RouterWorld

CONFIG_MAP_BYTES = 1_048_576
"""Most that Kubernetes stores in one ConfigMap."""


@pytest.mark.parametrize(("routes", "models"), [(1, 1), (33, 32), (64, 32)])
def test_names(routes: int, models: int) -> None:
    names = [[f"m{route}-{number}".ljust(128, "x") for number in range(models)] for route in range(routes)]
    to = {"backends": [{"name": "to-llama"}]}
    written = [{"name": f"r{index}", "models": some, "to": to} for index, some in enumerate(names)]
    owner = policy(routes=written)
    plan = followed(lambda children: plan_router(RouterWorld(owner, DEFAULTS, children), NOW))
    assert sorted(plan.status["models"]) == sorted(name for some in names for name in some)
    RoutingPolicy.model_validate({**owner, "status": plan.status})
    [text] = [m["data"][ROUTER_CONFIG_KEY] for m in plan.apply if m["kind"] == "ConfigMap"]
    assert len(json.dumps(text)) < CONFIG_MAP_BYTES
