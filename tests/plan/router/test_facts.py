"""What a pass reads of a policy's world: who runs which configuration, and for how long silence counts for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, NOW, live, pod, policy
from tidegate.contract.router_config import READS
from tidegate.plan.kube.objects import child, router_labels
from tidegate.plan.plan import Manifest
from tidegate.plan.router.facts import SILENT_AFTER, RouterFacts, question, read
from tidegate.plan.router.plan import plan_router
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
        (Sample(NEWEST, 70.0, "no answer", 0.0), NEWEST),  # and one answer missed is no silence
        (Sample(NEWEST, 70.0, "no answer", SILENT_AFTER - 0.1), NEWEST),
        (Sample(NEWEST, SILENT_AFTER, "no answer", SILENT_AFTER), None),
        (Sample(None, 0.0, "no answer"), None),
        (Sample(None, 0.0, "no answer", 3600.0), None),
        (Sample(Complaint("x", "y"), 0.0), None),
        (None, None),
    ],
)
def test_a_routers_last_word(sample: Sample | None, heard: RouterReport | None) -> None:
    found = facts(ONE, said={"one": sample} if sample else {})
    assert found.reports == ({"one": heard} if heard else {})


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ({}, None),
        ({"one": Sample(NEWEST, 70.0)}, None),
        ({"one": Sample(NEWEST, 70.0, "no answer", 0.0)}, SILENT_AFTER),
        ({"one": Sample(NEWEST, 70.0, "no answer", 4.0), "two": Sample(OLD, 9.0, "no answer", 1.0)}, SILENT_AFTER - 4),
        ({"one": Sample(NEWEST, 70.0, "no answer", SILENT_AFTER)}, None),
    ],
)
def test_when_the_next_router_counts_as_silent(said: dict[str, Sample], wait: float | None) -> None:
    """Nothing happens then of which anybody would be told."""
    assert facts(ONE, TWO, said=said).next_silence == wait
    world = RouterWorld(
        OWNER,
        DEFAULTS,
        pods=(ONE, TWO),
        samples={question(p): said[p["metadata"]["name"]] for p in (ONE, TWO) if p["metadata"]["name"] in said},
    )
    assert plan_router(world, NOW).next_check == wait


@pytest.mark.parametrize(
    ("pods", "said", "unasked"),
    [
        ((), {}, False),
        ((STARTING,), {}, False),
        ((ONE,), {}, True),
        ((ONE, TWO), {"one": Sample(NEWEST, 0.0)}, True),
        ((ONE,), {"one": Sample(None, 0.0, "no answer")}, False),
        ((ONE, TWO, STARTING), {"one": Sample(NEWEST, 0.0), "two": Sample(NEWEST, 0.0)}, False),
    ],
)
def test_who_was_not_asked_yet(pods: tuple[Manifest, ...], said: dict[str, Sample], unasked: bool) -> None:
    assert facts(*pods, said=said).unasked == unasked


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


@pytest.mark.parametrize("configuration", [None, "?", 7, []])
def test_a_status_that_cannot_be_read(configuration: Any) -> None:
    found = facts(configuration=configuration)
    assert (found.last, found.reads) == ({}, READS)


@pytest.mark.parametrize(
    ("said", "written", "reads"),
    [
        ({}, None, READS),
        ({}, 5, 5),  # silent routers are still those that they were
        ({"one": RouterReport("new", reads=3), "two": RouterReport("new", reads=2)}, 5, 2),
        ({"one": RouterReport("new", reads=3)}, 1, 3),
    ],
)
def test_what_every_router_reads(said: dict[str, RouterReport], written: int | None, reads: int) -> None:
    samples = {name: Sample(report, 0.0) for name, report in said.items()}
    configuration = {} if written is None else {"reads": written}
    assert facts(ONE, TWO, said=samples, configuration=configuration).reads == reads


def test_a_routers_address_is_part_of_the_question() -> None:
    """A Pod that comes back under another address, or as another Pod, is asked anew."""
    reborn = {**ONE, "metadata": {**ONE["metadata"], "uid": "another"}}
    assert question(ONE) != question(reborn)
    assert question(ONE) != question(pod("one", LABELS, podIP="127.0.0.10"))
    assert question({**ONE, "status": {}}).address == ""


def test_children() -> None:
    deployment = live(child("Deployment", "chat-router", OWNER, LABELS, {"spec": {}}))
    record = live(child("ControllerRevision", "chat-router-r1", OWNER, LABELS | {"tidegate.dev/revision": "r1"}, {}))
    found = read(RouterWorld(OWNER, DEFAULTS, children=(record, deployment)))
    assert (found.deployment, found.records) == (deployment, {"r1": record})
    assert facts().deployment == {}
