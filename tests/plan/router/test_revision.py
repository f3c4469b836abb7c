"""What makes new router Pods, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, live, policy
from tidegate.api import RoutingPolicy
from tidegate.names import REVISION_LABEL
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.router.decision import _hash, template_revision
from tidegate.plan.router.facts import read
from tidegate.plan.world import RouterWorld

SPELLED: dict[str, Any] = {"resources": {"requests": {"cpu": "0.25"}}}
TRACING = {"tracing": {"otlpEndpoint": "http://collector:4318"}}


def revision(observability: dict[str, Any], *records: str, **router: Any) -> str:
    """Where templates are kept under these revisions."""
    owner = policy("chat", router=router, observability=observability)
    labels = router_labels("chat")
    kept = [
        live(child("ControllerRevision", f"chat-router-{name}", owner, labels | {REVISION_LABEL: name}, {"data": {}}))
        for name in records
    ]
    facts = read(RouterWorld(owner, DEFAULTS, tuple(kept)))
    return template_revision(owner, RoutingPolicy.model_validate(owner), facts)


@pytest.mark.parametrize(
    ("observability", "router", "same"),
    [
        ({"accessLog": {}}, {}, True),
        ({}, {"cors": {"allowOrigins": ["*"]}}, True),
        ({}, {"replicas": 3}, True),
        (TRACING, {}, False),
        ({"tracing": TRACING["tracing"] | {"sampling": "5%"}}, {}, False),
        ({}, SPELLED, False),
    ],
)
def test_what_makes_new_pods(observability: dict[str, Any], router: dict[str, Any], same: bool) -> None:
    assert (revision(observability, **router) == revision({})) == same


def test_how_many_are_traced_makes_none() -> None:
    often = {"tracing": TRACING["tracing"] | {"sampling": "5%"}}
    assert revision(often) == revision(TRACING)


def test_a_template_of_before_is_kept_until_it_lacks_a_collector() -> None:
    before = _hash(SPELLED)
    assert revision({}, before, **SPELLED) == before
    assert revision(TRACING, before, **SPELLED) == revision(TRACING, **SPELLED) != before
