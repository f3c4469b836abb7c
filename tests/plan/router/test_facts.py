"""What a pass reads of a policy's world: who runs which configuration, and for how long silence counts for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, live, pod, policy
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest
from tidegate.plan.router.facts import SILENT_AFTER, RouterFacts, question, read
from tidegate.plan.samples import Complaint, RouterReport, Sample
from tidegate.plan.world import RouterWorld

OWNER, LABELS = policy("chat"), router_labels("chat")
ONE, TWO, STARTING = pod("one", LABELS), pod("two", LABELS), pod("starting", LABELS, ready=False)
NEWEST, OLD, REFUSES = RouterReport("new"), RouterReport("old"), RouterReport("old", "it cannot be read")


def facts(*pods: Manifest, said: dict[str, Sample] | None = None, **status: Any) -> RouterFacts:
    samples = {question(p): (said or {})[p["metadata"]["name"]] for p in pods if p["metadata"]["name"] in (said or {})}
    owner = OWNER | ({"status": status} if status else {})
    return read(RouterWorld(owner, DEFAULTS, pods=pods, samples=samples))


@pytest.mark.parametrize(
    ("sample", "heard"),
    [
        (Sample(NEWEST, 0.0), NEWEST),
        (Sample(REFUSES, 5.0), REFUSES),
        (Sample(NEWEST, 3600.0), NEWEST),  # asked once a minute, and never contradicted
        (Sample(NEWEST, SILENT_AFTER, "no answer"), NEWEST),
        (Sample(NEWEST, SILENT_AFTER + 0.1, "no answer"), None),
        (Sample(None, 0.0, "no answer"), None),
        (Sample(Complaint("x", "y"), 0.0), None),
        (None, None),
    ],
)
def test_a_routers_last_word(sample: Sample | None, heard: RouterReport | None) -> None:
    found = facts(ONE, said={"one": sample} if sample else {})
    assert found.reports == ({"one": heard} if heard else {})


@pytest.mark.parametrize(
    ("said", "running", "confirmed"),
    [
        ({"one": NEWEST, "two": NEWEST}, 2, True),
        ({"one": NEWEST, "two": OLD}, 1, False),
        ({"one": NEWEST}, 1, False),
        ({"one": OLD, "two": OLD}, 0, False),
        ({}, 0, False),
    ],
)
def test_confirmed(said: dict[str, RouterReport], running: int, confirmed: bool) -> None:
    found = facts(ONE, TWO, STARTING, said={name: Sample(report, 0.0) for name, report in said.items()})
    assert (found.running("new"), found.confirmed("new")) == (running, confirmed)


def test_without_routers_nothing_is_confirmed() -> None:
    assert not facts().confirmed("new")
    assert not facts(STARTING).confirmed("new")


def test_only_ready_routers_count() -> None:
    leaving = pod("leaving", LABELS)
    leaving["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    pods = (ONE, STARTING, leaving)
    found = facts(*pods, said={p["metadata"]["name"]: Sample(NEWEST, 0.0) for p in pods})
    assert [p["metadata"]["name"] for p in found.routers] == ["one", "starting"]
    assert [p["metadata"]["name"] for p in found.ready] == ["one"]
    assert found.reports == {"one": NEWEST}


@pytest.mark.parametrize(
    ("backend", "sent_to"),
    [
        (
            {"name": "b", "revisions": [{"name": "r1", "weight": 10}, {"name": "r2", "weight": 90}]},
            {"b": {"r1": 10, "r2": 90}},
        ),
        ({"name": "b", "revisions": [{"name": "r1"}]}, {"b": {"r1": 100}}),
        ({"name": "b", "revision": "r1"}, {"b": {"r1": 100}}),  # as an operator before 0.2 wrote it
        ({"name": "b"}, {"b": {}}),
        ({"name": "b", "revisions": "?"}, {"b": {}}),
    ],
)
def test_where_requests_were_sent(backend: dict[str, Any], sent_to: dict[str, Any]) -> None:
    assert facts(configuration={"backends": [backend, None]}).sent_to == sent_to


@pytest.mark.parametrize("configuration", [None, "?", {}, {"backends": 7}, {"added": 1}])
def test_a_status_that_cannot_be_read(configuration: Any) -> None:
    assert facts(configuration=configuration).sent_to == {}


def test_a_routers_address_is_part_of_the_question() -> None:
    """A Pod that comes back under another address is asked anew."""
    assert question(ONE) != question(pod("one", LABELS, podIP="127.0.0.10"))
    assert question({**ONE, "status": {}}).address == ""


def test_children() -> None:
    deployment = live(child("Deployment", "chat-router", OWNER, LABELS, {"spec": {}}))
    record = live(child("ControllerRevision", "r", OWNER, LABELS | {"tidegate.dev/revision": "r1"}, {}))
    found = read(RouterWorld(OWNER, DEFAULTS, children=(record, deployment)))
    assert (found.deployment, found.records) == (deployment, {"r1": record})
    assert facts().deployment == {}
