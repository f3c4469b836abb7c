"""A reconciler and an API server in memory, for whole passes."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.builders import DEFAULTS, NOW, key_of, model
from tests.support.fake_api import FakeApi
from tidegate.control.gather import Gatherer
from tidegate.control.observe import Observer
from tidegate.control.reconcile import Reconciler
from tidegate.control.scale import Scaler
from tidegate.control.store import Store
from tidegate.engines.metrics import Unread
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey, Question

SERVICE = ObjectKey("v1", "Service", "shop", "llama")
OTHER = model(source={"uri": "hf://acme/other"})


async def nobody(_: Question) -> Any:
    """No router, store or Event answers."""
    raise Unavailable("no answer")


async def unread(_: str) -> Unread:
    """No engine has metrics."""
    return Unread("no page")


class Place:
    """An operator's reconciler and its API server; the store sees everything that is on the server."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.api = FakeApi(*objects)
        self.store = Store()
        self.news: list[dict[str, Any]] = []
        self.woken: list[ObjectKey] = []
        self.observer = Observer(nobody, lambda _: None)
        self.scaler = Scaler(unread, self.observer.samples, lambda _: None, NOW.timestamp)
        gatherer = Gatherer(self.store, self.observer.samples, DEFAULTS, lambda: "a password")
        self.reconciler = Reconciler(
            self.api, self.store, gatherer, self.observer, self.scaler, lambda: NOW, self.woken.append, self.news.extend
        )
        self.watch()

    def watch(self) -> None:
        """Every event arrives."""
        for manifest in self.api.objects.values():
            self.store.put(copy.deepcopy(manifest))

    async def run(self, owner: dict[str, Any]) -> float | None:
        self.api.log.clear()
        self.news.clear()
        self.woken.clear()
        return await self.reconciler.run(key_of(owner))

    def status(self, owner: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.api.objects[key_of(owner)]["status"]
        return found

    @property
    def written(self) -> list[tuple[str, str]]:
        """Writes, as (what, kind)."""
        return [(what, key.kind) for what, key in self.api.log]
