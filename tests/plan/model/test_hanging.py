"""What a model's plan makes of engines that hang, and what a policy's plan tells its routers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.builders import DEFAULTS, NOW, model
from tidegate.plan.model import hanging
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Eviction, Manifest, ObjectKey
from tidegate.plan.router.avoided import avoided
from tidegate.plan.scaling.hung import Hung
from tidegate.plan.world import ModelWorld

SINCE = NOW.timestamp() - 30


def pod(uid: str, **metadata: str) -> Manifest:
    return {
        "metadata": {"name": f"llama-{uid}", "namespace": "shop", "uid": uid, **metadata},
        "status": {"podIP": "10.0.0.7"},
    }


def world(*hung: Hung, pods: tuple[Manifest, ...] = (pod("a"),)) -> ModelWorld:
    return replace(ModelWorld(model(), DEFAULTS), pods=pods, hung=hung)


OUT = Hung("a", SINCE, 12, out=True)


def test_it_is_told() -> None:
    found = world(OUT)
    assert hanging.status(found) == [
        {"pod": "llama-a", "address": "10.0.0.7", "since": "2026-03-01T11:59:30+00:00", "out": True}
    ]
    [said] = hanging.condition(found)
    assert (said["type"], said["status"], said["reason"]) == ("EnginesHang", "True", "NoProgress")
    assert (
        "made no token since 2026-03-01T11:59:30+00:00, with 12 requests under way; routers send it nothing"
        in said["message"]
    )
    assert list(hanging.evictions(found)) == []


def test_one_that_stays_says_why() -> None:
    [said] = hanging.condition(world(replace(OUT, out=False)))
    assert "it stays with its routers" in said["message"]


def test_its_pod_is_evicted() -> None:
    [gone] = hanging.evictions(world(replace(OUT, evicted=True)))
    assert gone == Eviction(ObjectKey("v1", "Pod", "shop", "llama-a"), "a", hanging.GRACE)


def test_one_that_leaves_is_nobody_s_concern() -> None:
    leaving = world(replace(OUT, evicted=True), pods=(pod("a", deletionTimestamp="2026-03-01T12:00:00Z"),))
    assert (hanging.status(leaving), hanging.condition(leaving), list(hanging.evictions(leaving))) == ([], [], [])


def test_routers_are_told_of_those_that_are_out() -> None:
    hung = [{"address": "10.0.0.7", "out": True}, {"address": "10.0.0.8", "out": False}, {"out": True}]
    assert avoided([model() | {"status": {"hungEngines": hung}}, model()]) == ["10.0.0.7"]


SAID = {"pod": "llama-a", "address": "10.0.0.7", "since": "2026-03-01T11:59:30+00:00", "out": True}


def unread(said: Manifest, **spec: Any) -> ModelWorld:
    """Nobody reads engines, and the status says this."""
    return replace(ModelWorld(model(**spec) | {"status": {"hungEngines": [said]}}, DEFAULTS), pods=(pod("a"),))


def test_the_status_stays_while_nobody_reads() -> None:
    known = unread(SAID)
    assert hanging.status(known) == [SAID]
    [said] = hanging.condition(known)
    assert said["message"] == "llama-a has made no token since 2026-03-01T11:59:30+00:00; routers send it nothing"
    assert list(hanging.evictions(known)) == []
    scale = plan_model(known, NOW).scale
    assert scale
    assert scale.hung == (Hung("a", SINCE, 0, out=True),), "the operator that has just begun goes on from it"


def test_a_suspended_model_does_not_give_it_requests_again() -> None:
    plan = plan_model(unread(SAID, suspend=True), NOW)
    assert plan.status["hungEngines"] == [SAID]
    assert {"Suspended", "EnginesHang"} <= {c["type"] for c in plan.status["conditions"]}


def test_what_is_said_of_another_pod_is_nothing() -> None:
    for other in ({"pod": "llama-b"}, {"address": "10.0.0.8"}, {"since": "?"}):
        assert hanging.status(unread(SAID | other)) == []


def test_an_eviction_that_is_held_is_tried_again() -> None:
    assert plan_model(world(replace(OUT, evicted=True)), NOW).next_check == hanging.AGAIN
