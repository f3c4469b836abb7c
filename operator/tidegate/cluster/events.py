"""Kubernetes Events: one for each change of a condition that people care about, and none while nothing changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from tidegate.cluster.client import Api
from tidegate.errors import Conflict, TidegateError
from tidegate.names import short_hash
from tidegate.plan.conditions import (
    ENGINES_HANG,
    LAYER_IDLE,
    METRICS_AVAILABLE,
    NATIVE_FILTERS,
    ON_ITS_WAY,
    READY,
    RECONCILING,
    RESOLVED_REFS,
    RESPONSE_CACHE,
    STALLED,
    known,
)
from tidegate.plan.kube.reading import integer, part, text
from tidegate.plan.plan import Manifest

log = logging.getLogger("tidegate.events")

TOLD: Final = (READY, STALLED, RESOLVED_REFS, NATIVE_FILTERS, ENGINES_HANG, RESPONSE_CACHE, METRICS_AVAILABLE)
PACE: Final = 0.1
"""Seconds between two Events."""
BUSY_PACE: Final = 1.0
"""Seconds between two Events while passes wait for their turn."""
ROOM: Final = 5000
"""Events that wait, at most."""


def transitions(owner: Manifest, status: Manifest, now: datetime) -> list[dict[str, Any]]:
    """An Event for each condition whose status or reason is new."""
    before = {c["type"]: (c["status"], text(c, "reason")) for c in known(owner)}
    changed = [
        c
        for c in status.get("conditions", [])
        if c["type"] in TOLD and before.get(c["type"]) != (c["status"], c["reason"])
    ]
    stalled = {c["reason"] for c in changed if c["type"] == STALLED and c["status"] == "True"}
    news = [c for c in changed if not _unremarkable(c, before) and not (c["type"] == READY and c["reason"] in stalled)]
    return [_event(owner, c["reason"], _note(c), now, alarming=_alarming(c)) for c in news] + _scaled(
        owner, status, now
    )


def _scaled(owner: Manifest, status: Manifest, now: datetime) -> list[dict[str, Any]]:
    """One when another number of engines is wanted than before, and none when it is the first number or for another reason."""
    before, after = part(owner.get("status"), "autoscaling"), part(status, "autoscaling")
    old, new = integer(before, "desiredReplicas", -1), integer(after, "desiredReplicas", -1)
    if old == new or min(old, new) < 0:
        return []
    why = f"{text(after, 'limit')}: {text(after, 'message')}"
    return [_event(owner, "ScaledUp" if new > old else "ScaledDown", f"{new} engines instead of {old}; {why}", now)]


def _unremarkable(condition: Manifest, before: dict[str, tuple[str, str]]) -> bool:
    """A new object is neither stalled nor without its references, filters or caches: no news. Nor is a layer of a cache that is away for a
    moment, as each is before a new router is connected: the condition tells of it. Nor is whether metrics are asked for at all."""
    if condition["type"] == METRICS_AVAILABLE:
        return "False" not in (condition["status"], before.get(METRICS_AVAILABLE, ("",))[0])
    over = condition["status"] == "True" and before.get(condition["type"]) == ("False", LAYER_IDLE)
    if over or condition["reason"] == LAYER_IDLE:
        return True
    good = {STALLED: "False", RESOLVED_REFS: "True", NATIVE_FILTERS: "True", RESPONSE_CACHE: "True"}.get(
        condition["type"]
    )
    return condition["type"] not in before and condition["status"] == good


def _alarming(condition: Manifest) -> bool:
    if condition["type"] == READY:
        return condition["reason"] not in ON_ITS_WAY
    return bool(
        condition["status"] == ("True" if condition["type"] in (STALLED, RECONCILING, ENGINES_HANG) else "False")
    )


def _note(condition: Manifest) -> str:
    return f"{condition['type']} is {condition['status']}: {condition['message'] or condition['reason']}"


def _event(owner: Manifest, reason: str, note: str, now: datetime, *, alarming: bool = False) -> dict[str, Any]:
    meta = owner["metadata"]
    said = "|".join((meta["uid"], reason, note, now.isoformat()))
    stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{short_hash(said, 16)}", "namespace": meta["namespace"]},
        "eventTime": stamp,
        "reportingController": "tidegate.dev/operator",
        "reportingInstance": "tidegate",
        "action": "Reconcile",
        "reason": reason,
        "regarding": {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "note": note[:1024],
        "type": "Warning" if alarming else "Normal",
    }


class Recorder:
    """Posts Events behind the passes' back and at its own pace, slowly while there is more work than workers: work is not kept
    waiting by news of it, and the conditions that they tell of are there already.

    https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ calls them "informative, best-effort": what
    finds no room, and what the API server does not take, is dropped.
    """

    def __init__(self, api: Api, busy: Callable[[], bool] = lambda: False) -> None:
        self._api = api
        self._busy = busy
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(ROOM)

    def post(self, events: Iterable[dict[str, Any]]) -> None:
        """Posts them later."""
        for event in events:
            if not self._waiting.full():
                self._waiting.put_nowait(event)

    @property
    def waiting(self) -> int:
        """Events that were not posted yet."""
        return self._waiting.qsize()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._waiting.get()
            try:
                await self._api.create(event)
            except Conflict:
                pass  # it was told already: its name is a hash of what it says
            except TidegateError as error:
                log.warning("an Event is dropped: %s", error)
            await asyncio.sleep(BUSY_PACE if self._busy() else PACE)
