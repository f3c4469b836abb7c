"""What a model's plan makes of engines that hang, and what a policy's plan tells its routers."""

from __future__ import annotations

from dataclasses import replace

from tests.support.builders import DEFAULTS, NOW, model
from tidegate.plan.model import hanging
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
