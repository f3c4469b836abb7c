"""What a router's Pods are told."""

from __future__ import annotations

from dataclasses import replace

from tests.support.builders import policy
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.plan.router.workload import pod_spec
from tidegate.settings import from_environment


def test_brains_log_as_the_operator_does() -> None:
    """Text is what a brain writes anyway, so that installations which never asked for JSON keep their Pods' template."""
    read = RoutingPolicy.model_validate(policy("chat"))
    for form, said in {"text": [], "json": ["json"]}.items():
        (brain,) = pod_spec(read, replace(from_environment({}).defaults, log_format=form))["initContainers"]
        assert [v["value"] for v in brain["env"] if v["name"] == "TIDEGATE_LOG_FORMAT"] == said
