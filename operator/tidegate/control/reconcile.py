"""One pass over one custom resource: gather, plan, status, apply, delete."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tidegate import names
from tidegate.api.validate import problems
from tidegate.cluster import events
from tidegate.cluster.client import Api, Invalid
from tidegate.cluster.status import still_there, write_status
from tidegate.control.carry_out import ACTION_FAILED, CarryOut, Failures, Imposed
from tidegate.control.gather import Gatherer
from tidegate.control.keys import interested
from tidegate.control.observe import Observer
from tidegate.control.scale import Scaler
from tidegate.control.store import Store
from tidegate.errors import Conflict, InvalidManifest, Stall, TidegateError
from tidegate.plan import conditions
from tidegate.plan.cache.plan import plan_cache
from tidegate.plan.conditions import stalled_status, still_failing
from tidegate.plan.model.plan import plan_model
from tidegate.plan.model.victims import ANNOTATION as DELETION_COST
from tidegate.plan.plan import Manifest, ObjectKey, Plan
from tidegate.plan.router.plan import plan_router

log = logging.getLogger("tidegate.reconcile")

PASSES = 3
"""In a row, at most: the end of a blue/green's way back is three."""
STALLED_CHECK = 60.0
"""Seconds until something that waits for a person is tried again anyway."""


class StatusRefused(Stall):
    """The API server does not take the status of a plan."""

    reason = conditions.STATUS_REFUSED


@dataclass
class Reconciler:
    """Everything that a pass needs."""

    api: Api
    store: Store
    gatherer: Gatherer
    observer: Observer
    scaler: Scaler
    clock: Callable[[], datetime]
    wake: Callable[[ObjectKey], None] = lambda _: None
    """Queues another custom resource whose plan may change with what this pass wrote."""
    post: Callable[[list[dict[str, Any]]], None] = lambda _: None
    """Takes the Events that tell of what changed."""
    imposed: Imposed = field(default_factory=Imposed)

    async def run(self, key: ObjectKey) -> float | None:
        """A pass, and the next ones when the plan asks for them: whom its first half serves does not wait for the second behind
        everybody else. Returns the seconds until the next look. Raises Retry for another try with back-off."""
        for _ in range(PASSES):
            again, wait = await self._pass(key)
            if not again:
                return wait
        return 0.0  # it has its turn again behind everybody else

    async def _pass(self, key: ObjectKey) -> tuple[bool, float | None]:
        """Whether to plan again at once, and the seconds until the next look."""
        owner = self.store.get(key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            self.observer.forget(key)
            self.scaler.want(key, None)
            return False, None  # the children go with their owner
        try:
            plan = self._plan(owner)
            self.observer.want(key, plan.ask)
            self.scaler.want(key, plan.scale)
            failures = await self._carry_out(owner, plan)
        except Stall as stall:
            return False, await self._stall(key, stall.reason, str(stall))
        if failures.reason:
            await self._stall(key, failures.reason, failures.message)
        if failures.retry:
            raise failures.retry
        return (False, STALLED_CHECK) if failures.reason else (plan.again, plan.next_check)

    async def _carry_out(self, owner: Manifest, plan: Plan) -> Failures:
        """Status, apply, delete; then the status of the plan, if another one was announced and nothing failed."""
        announced = still_failing(owner, plan.status, ACTION_FAILED, self.clock())
        work = CarryOut(self.api, self.store, self.imposed, plan, owner)
        owner = await self._report(owner, announced, fence=work.pending())
        for reason in plan.reasons:
            log.info("%s: %s", ObjectKey.of(owner), reason)
        await self._price(plan)
        failures = await work.run(owner)
        await self._evict(plan)
        if announced != plan.status and not failures.reason and not failures.retry:
            owner = await self._report(owner, plan.status)
        if plan.handover is not None:  # last: whoever refuses it refuses nothing else
            await self.api.scale_to(owner, plan.handover)
        return failures

    async def _price(self, plan: Plan) -> None:
        """Without it a ReplicaSet chooses by itself: no reason to keep the rest of the plan back."""
        for each in plan.costs:
            try:
                await self.api.annotate(each.key, each.uid, {DELETION_COST: each.value or None})
            except TidegateError as error:
                log.warning("%s: its deletion cost cannot be written: %s", each.key, error)

    async def _evict(self, plan: Plan) -> None:
        """One that a disruption budget holds is tried again at the next pass."""
        for each in plan.evict:
            try:
                await self.api.evict(each.key, each.uid, each.grace)
                log.info("%s is evicted: it hangs", each.key)
            except TidegateError as error:
                log.warning("%s hangs, and cannot be evicted: %s", each.key, error)

    async def _stall(self, key: ObjectKey, reason: str, message: str) -> float:
        """Reports what only a person can help with, on top of what was known."""
        owner = self.store.get(key)
        if owner is not None:
            status = stalled_status(owner, owner.get("status", {}), reason, message, self.clock())
            await self._report(owner, status)
        return STALLED_CHECK

    def _plan(self, owner: Manifest) -> Plan:
        """Gathers the world of this kind and plans it."""
        plans: dict[str, Callable[[], Plan]] = {
            names.MODEL_DEPLOYMENT: lambda: plan_model(self.gatherer.model(owner), self.clock()),
            names.ROUTING_POLICY: lambda: plan_router(self.gatherer.router(owner), self.clock()),
            names.CACHE_TIER: lambda: plan_cache(self.gatherer.cache(owner), self.clock()),
        }
        try:
            return plans[owner["kind"]]()
        except ValidationError as error:
            raise InvalidManifest(problems(error)) from error

    async def _report(self, owner: Manifest, status: Manifest, *, fence: bool = False) -> Manifest:
        """Writes the status, or, when it stays what it was and something is to be done, looks whether the owner does too."""
        try:
            written = await self._write(owner, status)
            if written is None and fence:
                await still_there(self.api, owner)
        except Conflict:
            await self._refresh(owner)
            raise
        if written is None:
            return owner
        self.store.put(written)
        for other in interested(written, owner, self.store) - {ObjectKey.of(owner)}:
            self.wake(other)
        self.post(events.transitions(owner, status, self.clock()))
        return written

    async def _write(self, owner: Manifest, status: Manifest) -> dict[str, Any] | None:
        """Raises StatusRefused, which is told in the conditions: those the API server takes."""
        try:
            return await write_status(self.api, owner, status)
        except Invalid as invalid:
            log.error("%s: its status is refused: %s", ObjectKey.of(owner), invalid)
            raise StatusRefused(str(invalid)) from invalid

    async def _refresh(self, owner: Manifest) -> None:
        """After a conflict: what is there now?"""
        key = ObjectKey.of(owner)
        live = await self.api.get(key)
        if live is None:
            self.store.drop(key, owner["metadata"]["uid"])
        else:
            self.store.put(live)
