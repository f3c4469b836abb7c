"""What is asked of a policy's routers, and how often: each row of the table of questions(); and when to plan again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, key_of, live, pod, policy
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.kube.pods import EVENTS_EVERY
from tidegate.plan.plan import Manifest, Question
from tidegate.plan.router.facts import question, read
from tidegate.plan.router.plan import CONFIRMED_EVERY, UNCONFIRMED_EVERY, plan_router, questions
from tidegate.plan.samples import RouterReport, Sample
from tidegate.plan.world import RouterWorld

OWNER, LABELS = policy("chat"), router_labels("chat")
ACCOUNT = live(child("ServiceAccount", "chat-router", OWNER, LABELS, {}))
READY, STARTING = pod("a", LABELS), pod("b", LABELS, ready=False)
PLACED = [{"type": "PodScheduled", "status": "True"}]
CREATING = pod(
    "c",
    LABELS,
    ready=False,
    conditions=PLACED,
    containerStatuses=[{"name": "envoy", "state": {"waiting": {"reason": "PodInitializing"}}}],
)
NEWEST, OLD = RouterReport("new"), RouterReport("old")


@pytest.mark.parametrize(
    ("pods", "report", "asked"),
    [
        ([], None, {}),
        ([STARTING], None, {}),
        # ready, confirmed
        ([READY], NEWEST, {question(READY): CONFIRMED_EVERY}),
        ([READY, STARTING], NEWEST, {question(READY): CONFIRMED_EVERY}),
        # ready, not yet
        ([READY], None, {question(READY): UNCONFIRMED_EVERY}),
        ([READY, STARTING], OLD, {question(READY): UNCONFIRMED_EVERY}),
        # being created
        ([CREATING], None, {Question(key_of(CREATING), "uid-of-c"): EVENTS_EVERY}),
        (
            [READY, CREATING],
            NEWEST,
            {question(READY): CONFIRMED_EVERY, Question(key_of(CREATING), "uid-of-c"): EVENTS_EVERY},
        ),
    ],
)
def test_questions(pods: list[Manifest], report: RouterReport | None, asked: dict[Question, float]) -> None:
    samples = {question(READY): Sample(report, 0.0)} if report else {}
    world = RouterWorld(OWNER, DEFAULTS, pods=tuple(pods), samples=samples)
    assert questions(read(world), "new") == asked


@pytest.mark.parametrize(("children", "again"), [([], True), ([ACCOUNT], False)])
def test_the_pods_follow_their_account_in_the_same_run(children: list[Any], again: bool) -> None:
    plan = plan_router(RouterWorld(OWNER, DEFAULTS, tuple(children)), NOW)
    assert plan.again == again
    assert ("Deployment" in {m["kind"] for m in plan.apply}) != again


def test_the_pods_need_their_record() -> None:
    plan = plan_router(RouterWorld(OWNER, DEFAULTS, (ACCOUNT,)), NOW)
    keys = {key.kind: key for key in map(key_of, plan.apply)}
    assert plan.needs == {keys["Deployment"]: frozenset({keys["ControllerRevision"]})}
