"""One pass over one custom resource: gather, plan, status, apply, delete."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from pydantic import ValidationError

from tidegate import names
from tidegate.api import CacheTier
from tidegate.api.validate import problems
from tidegate.cluster import events, routers, stores
from tidegate.cluster.apply import apply, up_to_date
from tidegate.cluster.client import Api, Refused
from tidegate.cluster.status import still_there, write_status
from tidegate.control.keys import interested, owner_key, policies_naming
from tidegate.control.store import Store
from tidegate.control.terms import models_of, pods_of
from tidegate.errors import Conflict, InvalidManifest, NotOurs, Stall
from tidegate.plan import conditions
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import AT_ONCE, Manifest, ObjectKey, Plan
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import CacheWorld, Capabilities, Defaults, ModelWorld, RouterWorld

log = logging.getLogger("tidegate.reconcile")

STALLED_CHECK = 60.0
"""Seconds until something that waits for a person is tried again anyway."""
ACTION_FAILED = (NotOurs.reason, Refused.reason)
"""Reasons of Stalled that the cluster gives, not the plan."""


@dataclass
class Reconciler:
    """Everything that a pass needs; `capabilities` changes when kinds come and go."""

    api: Api
    http: httpx.AsyncClient
    store: Store
    defaults: Defaults
    clock: Callable[[], datetime]
    capabilities: Capabilities = field(default_factory=Capabilities)
    tell: Callable[[ObjectKey], None] = lambda _: None
    """Queues another custom resource whose plan may change with what this pass wrote."""
    news: Callable[[list[dict[str, Any]]], None] = lambda _: None
    """Takes the Events that tell of what changed."""

    async def run(self, key: ObjectKey) -> float | None:
        """A pass, and the next one when the plan asks for it at once: whom its first half serves does not wait for the second
        behind everybody else. Returns the seconds until the next look. Raises Retry for another try with back-off."""
        wait = await self._pass(key)
        return await self._pass(key) if wait == AT_ONCE else wait

    async def _pass(self, key: ObjectKey) -> float | None:
        owner = self.store.get(key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return None  # the children go with their owner
        try:
            plan = await self._plan(owner)
        except Stall as stall:
            return await self._stall(owner, stall)
        announced = held(owner, plan.status, self.clock())
        stale = [manifest for manifest in plan.apply if not self._up_to_date(manifest, owner)]
        owner = await self._report(owner, announced, fence=bool(stale or plan.delete))
        for reason in plan.reasons:
            log.info("%s: %s", key, reason)
        try:
            await self._apply(owner, stale)
            await self._delete(owner, plan.delete)
        except Stall as stall:
            return await self._stall(owner, stall)
        if announced != plan.status:
            await self._report(owner, plan.status)
        return plan.next_check

    async def _stall(self, owner: Manifest, stall: Stall) -> float:
        """Reports what only a person can help with, on top of what was known."""
        status = stalled_status(owner, owner.get("status", {}), stall.reason, str(stall), self.clock())
        await self._report(owner, status)
        return STALLED_CHECK

    async def _plan(self, owner: Manifest) -> Plan:
        """Gathers the world of this kind and plans it."""
        kinds: dict[str, Callable[[Manifest], Awaitable[Plan]]] = {
            names.MODEL_DEPLOYMENT: self._model,
            names.ROUTING_POLICY: self._router,
            names.CACHE_TIER: self._cache,
        }
        try:
            return await kinds[owner["kind"]](owner)
        except ValidationError as error:
            raise InvalidManifest(problems(error)) from error

    async def _model(self, owner: Manifest) -> Plan:
        key = ObjectKey.of(owner)
        world = ModelWorld(
            owner=owner,
            defaults=self.defaults,
            capabilities=self.capabilities,
            children=(*self.store.children(owner["metadata"]["uid"]), *self._left_behind(key)),
            pods=self.store.find(pods_of(key)),
            policies=policies_naming(self.store, key),
        )
        return plan_model(world, self.clock())

    async def _router(self, owner: Manifest) -> Plan:
        key = ObjectKey.of(owner)
        pods = self.store.find(pods_of(key))
        world = RouterWorld(
            owner=owner,
            defaults=self.defaults,
            children=self.store.children(owner["metadata"]["uid"]),
            pods=pods,
            models=self._models(owner),
            reports=await routers.reports(self.http, pods),
        )
        return plan_router(world, self.clock())

    async def _cache(self, owner: Manifest) -> Plan:
        key = ObjectKey.of(owner)
        tier = CacheTier.model_validate(owner)
        world = CacheWorld(
            owner=owner,
            defaults=self.defaults,
            children=self.store.children(owner["metadata"]["uid"]),
            pods=self.store.find(pods_of(key)),
            check=await stores.check(self.api, owner, tier),
            new_password=secrets.token_urlsafe(32),
        )
        return plan_cache(world, self.clock())

    def _models(self, policy: Manifest) -> dict[str, Manifest]:
        """Those that it names, and that there are."""
        namespace = policy["metadata"]["namespace"]
        named = {name: self.store.get(owner_key(names.MODEL_DEPLOYMENT, namespace, name)) for name in models_of(policy)}
        return {name: model for name, model in named.items() if model}

    def _left_behind(self, key: ObjectKey) -> tuple[Manifest, ...]:
        """The claim that outlives its model, if there is one."""
        claim = ObjectKey("v1", "PersistentVolumeClaim", key.namespace, names.weights_claim(key.name))
        found = self.store.get(claim)
        return (found,) if found and not found["metadata"].get("ownerReferences") else ()

    async def _report(self, owner: Manifest, status: Manifest, *, fence: bool = False) -> Manifest:
        """Writes the status, or, when it stays what it was and something is to be done, looks whether the owner does too."""
        try:
            written = await write_status(self.api, owner, status)
            if written is None and fence:
                await still_there(self.api, owner)
        except Conflict:
            await self._refresh(owner)
            raise
        if written is None:
            return owner
        self.store.put(written)
        for other in interested(written, self.store) - {ObjectKey.of(owner)}:
            self.tell(other)
        self.news(events.transitions(owner, status, self.clock()))
        return written

    def _up_to_date(self, manifest: Manifest, owner: Manifest) -> bool:
        return up_to_date(manifest, self.store.get(ObjectKey.of(manifest)), owner)

    async def _refresh(self, owner: Manifest) -> None:
        """After a conflict: what is there now?"""
        key = ObjectKey.of(owner)
        live = await self.api.get(key)
        if live is None:
            self.store.drop(key, owner["metadata"]["uid"])
        else:
            self.store.put(live)

    async def _apply(self, owner: Manifest, stale: list[Manifest]) -> None:
        """Writes children in the plan's order; the first failure ends it, and the next pass goes on."""
        written = ""
        try:
            for manifest in stale:
                if await self._apply_one(owner, manifest):
                    written += f" {manifest['kind']}/{manifest['metadata']['name']}"
        finally:
            if written:
                log.info("%s: wrote%s", ObjectKey.of(owner), written)

    async def _apply_one(self, owner: Manifest, manifest: Manifest) -> bool:
        key = ObjectKey.of(manifest)
        try:
            written = await apply(self.api, manifest, self.store.get(key), owner)
        except Conflict:
            await self._forget_unless_there(key)
            raise
        if written is not None:
            self.store.put(written)
        return written is not None

    async def _forget_unless_there(self, key: ObjectKey) -> None:
        """After a conflict about a child: the store was behind."""
        live = await self.api.get(key)
        self.store.drop(key)
        if live is not None:
            self.store.put(live)

    async def _delete(self, owner: Manifest, unwanted: tuple[ObjectKey, ...]) -> None:
        for key in unwanted:
            live = self.store.get(key)
            if live is None or live["metadata"].get("deletionTimestamp"):
                continue
            try:
                await self.api.delete(key, live["metadata"]["uid"])
            except Conflict:
                await self._forget_unless_there(key)
                raise
            log.info("%s: deleted %s", ObjectKey.of(owner), key)


def held(owner: Manifest, status: Manifest, now: datetime) -> Manifest:
    """The status to write before the plan is carried out. When carrying it out failed last time, and the spec is the same,
    it stays Stalled until it succeeds: progress is not announced each time anew."""
    generation = owner["metadata"].get("generation", 0)
    for last in owner.get("status", {}).get("conditions", []):
        failed = last["type"] == conditions.STALLED and last["status"] == "True" and last["reason"] in ACTION_FAILED
        if failed and last["observedGeneration"] == generation:
            return stalled_status(owner, status, last["reason"], last["message"], now)
    return status


def stalled_status(owner: Manifest, status: Manifest, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """`status` with Stalled and the reason; whether it serves is what `status` says."""
    generation = owner["metadata"].get("generation", 0)
    verdict = conditions.stalled(reason, message, serving=conditions.holds({"status": status}, conditions.READY))
    current = {c["type"]: c for c in conditions.standard(verdict)}
    others = [c for c in status.get("conditions", []) if c["type"] not in current]
    before = owner.get("status", {}).get("conditions", [])
    dated = conditions.dated(current.values(), before, generation, now.isoformat())
    return {**status, "conditions": [*dated, *others], "observedGeneration": generation}
