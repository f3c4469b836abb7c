"""When a policy is looked at again: each row of next_look's table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import live, pod, policy
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest
from tidegate.plan.router.plan import CONFIRMED_CHECK, UNCONFIRMED_CHECK, next_look
from tidegate.plan.world import Defaults, RouterReport, RouterWorld
from tidegate.settings import from_environment

DEFAULTS: Defaults = from_environment({}).defaults
OWNER, LABELS = policy("chat"), router_labels("chat")
ACCOUNT = live(child("ServiceAccount", "chat", OWNER, LABELS, {}))
READY, STARTING = pod("a", LABELS), pod("b", LABELS, ready=False)
NEWEST, OLD = RouterReport("a", "new"), RouterReport("a", "old")


@pytest.mark.parametrize(
    ("children", "pods", "reports", "then"),
    [
        ([], [], [], 0.0),
        ([], [READY], [NEWEST], 0.0),
        ([ACCOUNT], [], [], None),
        ([ACCOUNT], [STARTING], [], None),
        ([ACCOUNT], [READY], [], UNCONFIRMED_CHECK),
        ([ACCOUNT], [READY, STARTING], [OLD], UNCONFIRMED_CHECK),
        ([ACCOUNT], [READY, STARTING], [NEWEST], CONFIRMED_CHECK),
    ],
)
def test_next_look(children: list[Any], pods: list[Manifest], reports: list[RouterReport], then: float | None) -> None:
    world = RouterWorld(OWNER, DEFAULTS, tuple(children), tuple(pods), reports=tuple(reports))
    assert next_look(world, "new") == then
