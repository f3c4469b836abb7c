"""Engines that hang, as a model's plan tells of them: routers read status.hungEngines, and a Pod whose time is over is evicted.

While nobody reads engines, because the operator has just begun or the model is suspended, the status stays as it is: an engine that was out does
not get requests again only because nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tidegate.plan import conditions
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import maps, moment, text, truth
from tidegate.plan.plan import Eviction, Manifest, ObjectKey
from tidegate.plan.scaling.hung import Hung
from tidegate.plan.world import ModelWorld

GRACE: Final = 30
"""Seconds that an engine that hangs has to end: what it had begun made no token for longer."""

AGAIN: Final = 10.0
"""Seconds until a Pod is evicted again that is still there: a disruption budget holds it, and nobody says when it does no longer."""


class Found(NamedTuple):
    """A verdict, and its Pod."""

    hung: Hung
    pod: Manifest


def hung(world: ModelWorld) -> tuple[Hung, ...]:
    """What was read; else what the status says."""
    return told(world) if world.hung is None else world.hung


def told(world: ModelWorld) -> tuple[Hung, ...]:
    """What the status says, of Pods that still have that name and address."""
    pods = {(pod["metadata"]["name"], text(pod.get("status"), "podIP")): pod["metadata"]["uid"] for pod in world.pods}
    said = (
        (one, pods.get((text(one, "pod"), text(one, "address"))))
        for one in maps(world.owner.get("status"), "hungEngines")
    )
    return tuple(
        Hung(uid, since.timestamp(), 0, truth(one, "out") or False)
        for one, uid in said
        if uid and (since := moment(one, "since"))
    )


def found(world: ModelWorld) -> list[Found]:
    """Of engines that are still there; one that leaves is nobody's concern any more."""
    pods = {pod["metadata"]["uid"]: pod for pod in world.pods if not pod["metadata"].get("deletionTimestamp")}
    return [Found(one, pods[one.uid]) for one in hung(world) if one.uid in pods]


def out(world: ModelWorld, pods: Sequence[Manifest]) -> int:
    """How many of these hang, count as ready, and are to get nothing because another engine of the model is well."""
    hang = {one.pod["metadata"]["uid"] for one in found(world) if one.hung.out}
    return sum(ready(pod) and pod["metadata"]["uid"] in hang for pod in pods)


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
    said = f"{name} has made no token since {_moment(hung.since)}"
    said += f", with {hung.requests} requests under way" if hung.requests else ""
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
