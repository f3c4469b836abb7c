"""What a pass writes besides children: spec.replicas once, the cost of Pods, an eviction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.passes import Place
from tests.support.builders import model
from tidegate.cluster.client import Refused
from tidegate.control.reconcile import STALLED_CHECK
from tidegate.errors import TidegateError, Unavailable
from tidegate.plan.model.victims import ANNOTATION as DELETION_COST
from tidegate.plan.plan import Cost, Eviction, Manifest, ObjectKey, Plan

POD = ObjectKey("v1", "Pod", "shop", "llama-a")


class Pods:
    """Remembers what it is asked, and refuses it where it is told to."""

    def __init__(self, error: TidegateError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[Any, ...]] = []

    def _asked(self, *words: Any) -> None:
        self.asked.append(words)
        if self.error:
            raise self.error

    async def evict(self, key: ObjectKey, uid: str, grace: int) -> None:
        self._asked("evict", key, uid, grace)

    async def annotate(self, key: ObjectKey, uid: str, annotations: dict[str, str | None]) -> None:
        self._asked("annotate", key, uid, annotations)

    async def scale_to(self, owner: Manifest, replicas: int) -> None:
        self._asked("scale", owner["metadata"]["name"], replicas)


def place(monkeypatch: pytest.MonkeyPatch, pods: Pods, **parts: Any) -> Place:
    made = Place(model())
    for name in ("evict", "annotate", "scale_to"):
        monkeypatch.setattr(made.api, name, getattr(pods, name))
    monkeypatch.setattr(made.reconciler, "_plan", lambda _: Plan(status={"ready": "1/1"}, **parts))
    return made


COSTS = (Cost(POD, "a", "-1"), Cost(POD, "b", ""))
GOES = (Eviction(POD, "a", 30),)


async def test_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods()
    await place(monkeypatch, pods, costs=COSTS, evict=GOES, handover=4).run(model())
    assert pods.asked == [
        ("annotate", POD, "a", {DELETION_COST: "-1"}),
        ("annotate", POD, "b", {DELETION_COST: None}),
        ("evict", POD, "a", 30),
        ("scale", "llama", 4),
    ]


@pytest.mark.parametrize("error", [Refused("forbidden"), Unavailable("a disruption budget holds it")])
async def test_nothing_waits_for_pods(monkeypatch: pytest.MonkeyPatch, error: TidegateError) -> None:
    pods = Pods(error)
    made = place(monkeypatch, pods, costs=COSTS, evict=GOES)
    await made.run(model())
    assert len(pods.asked) == 3


async def test_who_cannot_hand_over_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = place(monkeypatch, Pods(Unavailable("it is busy")), handover=4)
    with pytest.raises(Unavailable):
        await made.run(model())


async def test_a_refused_handover_stops_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods(Refused("modeldeployments/scale is forbidden"))
    made = place(monkeypatch, pods, costs=COSTS[:1], evict=GOES, handover=4)
    assert await made.run(model()) == STALLED_CHECK
    assert [words[0] for words in pods.asked] == ["annotate", "evict", "scale"]
