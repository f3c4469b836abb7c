"""Engines that hang, as a model's plan tells of them: routers read status.hungEngines, and a Pod whose time is over is evicted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tidegate.plan import conditions
from tidegate.plan.kube.reading import text
from tidegate.plan.plan import Eviction, Manifest, ObjectKey
from tidegate.plan.scaling.hung import Hung
from tidegate.plan.world import ModelWorld

GRACE: Final = 30
"""Seconds that an engine that hangs has to end: what it had begun made no token for longer."""


class Found(NamedTuple):
    """A verdict, and its Pod."""

    hung: Hung
    pod: Manifest


def found(world: ModelWorld) -> list[Found]:
    """Of engines that are still there; one that leaves is nobody's concern any more."""
    pods = {pod["metadata"]["uid"]: pod for pod in world.pods if not pod["metadata"].get("deletionTimestamp")}
    return [Found(one, pods[one.uid]) for one in world.hung if one.uid in pods]


def status(world: ModelWorld) -> list[dict[str, Any]]:
    """status.hungEngines."""
    return [
        {
            "pod": pod["metadata"]["name"],
            "address": text(pod.get("status"), "podIP"),
            "since": _moment(hung.since),
            "out": hung.out,
        }
        for hung, pod in found(world)
    ]


def condition(world: ModelWorld) -> list[dict[str, str]]:
    """EnginesHang, while one does."""
    words = [_words(one) for one in found(world)]
    message = conditions.listed(words)
    return [conditions.condition(conditions.ENGINES_HANG, True, conditions.NO_PROGRESS, message)] if words else []


def _words(one: Found) -> str:
    hung, name = one.hung, one.pod["metadata"]["name"]
    said = f"{name} has made no token since {_moment(hung.since)}, with {hung.requests} requests under way"
    if hung.evicted:
        return f"{said}; it is made anew"
    return (
        f"{said}; routers send it nothing"
        if hung.out
        else f"{said}; it stays with its routers, which have too few others"
    )


def evictions(world: ModelWorld) -> Iterator[Eviction]:
    """Pods whose time is over."""
    for hung, pod in found(world):
        if hung.evicted:
            yield Eviction(ObjectKey.of({**pod, "apiVersion": "v1", "kind": "Pod"}), hung.uid, GRACE)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat()
