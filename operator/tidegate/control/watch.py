"""What kopf watches, and what becomes of an event: it is remembered, and the owners' keys are queued. Nothing else.

Children are watched by our label, so that other people's objects never reach this process; but HorizontalPodAutoscalers, because one may
target a Deployment of ours. kopf never tells of what was
deleted while its watch was interrupted; sweep() does.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Protocol

import kopf

from tidegate import names
from tidegate.cluster.client import PLURALS, Api
from tidegate.control.keys import interested
from tidegate.control.store import Store
from tidegate.plan.kube.objects import API_VERSIONS
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.world import Capabilities

log = logging.getLogger("tidegate.watch")

OURS: Final = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
WATCHED: Final = (
    *((names.API_VERSION, kind) for kind in names.PLURALS),
    ("v1", "Pod"),
    *((version, kind) for kind, version in API_VERSIONS.items()),
)
"""Every kind that is watched, as (apiVersion, kind): our three first."""


class Queue(Protocol):
    """Takes a key, and whether a user has edited that very object."""

    def __call__(self, key: ObjectKey, edited: bool = False) -> None: ...


def register(registry: kopf.OperatorRegistry, store: Store, queue: Queue) -> None:
    """One handler for all kinds."""

    async def seen(event: Any, **_: Any) -> None:
        remember(store, queue, event["type"], event["object"])

    for api_version, kind in WATCHED:
        group, _, version = api_version.rpartition("/")
        kopf.on.event(group, version, PLURALS[kind], registry=registry, id=f"see-{kind.lower()}")(seen)


def select(settings: kopf.OperatorSettings) -> None:
    """Asks the API server for our children only."""
    for api_version, kind in WATCHED:
        if selector := labels(kind):
            group = api_version.rpartition("/")[0]
            settings.watching.label_selectors[group, PLURALS[kind]] = selector


def labels(kind: str) -> str:
    """The label selector of what we watch of a kind: every custom resource of ours, and of other kinds our children."""
    return "" if kind in names.PLURALS or kind == "HorizontalPodAutoscaler" else OURS


def remember(store: Store, queue: Queue, what: str | None, manifest: Manifest) -> None:
    """Updates the store and queues everybody whose plan may change."""
    key = ObjectKey.of(manifest)
    known = store.get(key)
    if what == "DELETED":
        store.drop(key, manifest["metadata"]["uid"])
        known = None  # everybody who read it reads that it is gone
    elif not store.put(manifest):
        return
    changed = key if edited(manifest) else None
    for interested_key in interested(manifest, known, store):
        queue(interested_key, interested_key == changed)


def edited(manifest: Manifest) -> bool:
    """Whether somebody waits for this: a custom resource that was settled, and is changed. A new one is not."""
    observed = manifest.get("status", {}).get("observedGeneration")
    return observed is not None and observed != manifest["metadata"].get("generation")


async def fill(api: Api, store: Store, api_version: str, kind: str) -> None:
    """Everything that there is of a kind, before anybody acts: kopf says that it is ready before its first lists are
    complete, and half a picture looks like objects that do not exist."""
    for manifest in await api.list_objects(api_version, kind, labels(kind)):
        store.put(manifest)


async def sweep(api: Api, store: Store, queue: Queue, api_version: str, kind: str) -> None:
    """Compares the store with a list of a kind's metadata: drops what is gone, fetches what was missed."""
    listed = await api.list_metadata(api_version, kind, labels(kind))
    for key in store.missing(api_version, kind, listed):
        await _settle(api, store, queue, key)
    for key in store.behind(api_version, kind, listed):
        await _settle(api, store, queue, key)


async def _settle(api: Api, store: Store, queue: Queue, key: ObjectKey) -> None:
    """The list may be older than the store: one read decides."""
    known, live = store.get(key), await api.get(key)
    if live is None and known is not None:
        log.info("%s was deleted unseen", key)
        remember(store, queue, "DELETED", known)
    elif live is not None:
        if known and known["metadata"]["uid"] != live["metadata"]["uid"]:
            store.drop(key)
        remember(store, queue, "MODIFIED", live)


async def capabilities(api: Api) -> Capabilities:
    """Which optional kinds the cluster has at present."""
    return Capabilities(
        pod_monitor=await api.serves(API_VERSIONS["PodMonitor"], "PodMonitor"),
        leader_worker_set=await api.serves(API_VERSIONS["LeaderWorkerSet"], "LeaderWorkerSet"),
        scaled_object=await api.serves(API_VERSIONS["ScaledObject"], "ScaledObject"),
    )
