"""Carrying out a plan: each child by itself, so that one that is refused stops only what needs it.

an object of the plan                       then
-----------------------------------------   ------------------------------------------
is as wanted, or gone already               nothing
is what came back of the same write         nothing: something in between changes it
needs one that failed, or waits itself      waits for the next pass
any other                                   is applied or deleted; a failure is noted

All failures are told together; those that pass by themselves are tried again with back-off, the others when something changes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from tidegate.cluster.apply import apply, up_to_date
from tidegate.cluster.client import Api, Refused
from tidegate.cluster.covers import part
from tidegate.control.store import Store
from tidegate.errors import Conflict, NotOurs, Overridden, Stall, TidegateError
from tidegate.plan import conditions
from tidegate.plan.plan import Manifest, ObjectKey, Plan

log = logging.getLogger("tidegate.reconcile")

ACTION_FAILED: Final = (NotOurs.reason, Refused.reason, Overridden.reason, conditions.STATUS_REFUSED)
"""Reasons of Stalled that the cluster gives, not the plan."""
TRY_AGAIN: Final = 300.0
"""Seconds after which what something in between changes is written once more."""


class Failures:
    """What could not be done, by object."""

    def __init__(self, found: Mapping[ObjectKey, TidegateError]) -> None:
        self._stalls = {key: error for key, error in found.items() if isinstance(error, Stall)}
        self.retry = next((error for error in found.values() if not isinstance(error, Stall)), None)
        """Something that passes by itself."""

    @property
    def reason(self) -> str:
        """What only a person can help with, in one word; empty when there is nothing."""
        return next((error.reason for error in self._stalls.values()), "")

    @property
    def message(self) -> str:
        """The API server's own words; with the objects' names when there are several."""
        if len(self._stalls) == 1:
            return str(*self._stalls.values())
        return "; ".join(f"{key.kind} {key.name}: {error}" for key, error in self._stalls.items())


class Imposed:
    """What admission made of our writes, where that is not what we wrote: writing it again at once would never end. After TRY_AGAIN
    seconds it is, because what changed it may be gone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[ObjectKey, tuple[Manifest, Manifest, float]] = {}
        """What was wanted, what came back, and when."""

    def remember(self, wanted: Manifest, made: Manifest) -> None:
        """What came back when this was written."""
        key = ObjectKey.of(wanted)
        if key not in self._made:
            log.warning("%s is changed by something else whenever it is written; it stays so", key)
        self._made[key] = wanted, part(made, wanted), self._clock()

    def forget(self, key: ObjectKey) -> None:
        """It is as it was written, or gone."""
        self._made.pop(key, None)

    def of_services(self, plan: Plan) -> dict[ObjectKey, TidegateError]:
        """Services of a plan that lead elsewhere because something changes them whenever they are written."""
        keys = (ObjectKey.of(manifest) for manifest in plan.apply if manifest["kind"] == "Service")
        return {key: Overridden(key.kind, key.name) for key in keys if key in self._made}

    def holds(self, wanted: Manifest, live: Manifest | None) -> bool:
        """Whether this object is what came back when the same was written last."""
        known = self._made.get(ObjectKey.of(wanted))
        if known is None or live is None:
            return False
        before, made, at = known
        return self._clock() - at < TRY_AGAIN and (before, made) == (wanted, part(live, wanted))


class CarryOut:
    """One plan of an owner on its way. What is to be written is looked for once in a pass."""

    def __init__(self, api: Api, store: Store, imposed: Imposed, plan: Plan, owner: Manifest) -> None:
        self._api = api
        self._store = store
        self._imposed = imposed
        self._plan = plan
        self._failures: dict[ObjectKey, TidegateError] = {}
        self._without: set[ObjectKey] = set()
        """What failed, and what waits for it."""
        self._stale = [manifest for manifest in plan.apply if not self._settled(manifest, owner)]

    def pending(self) -> bool:
        """Whether anything is to be done at all."""
        return bool(self._stale or self._unwanted())

    async def run(self, owner: Manifest) -> Failures:
        """Applies and deletes in the plan's order."""
        written = [str(ObjectKey.of(m)) for m in self._stale if await self._apply(owner, m)]
        if written:
            log.info("%s: wrote %s", ObjectKey.of(owner), ", ".join(written))
        for key in self._unwanted():
            await self._delete(owner, key)
        return Failures(self._failures | self._imposed.of_services(self._plan))

    def _settled(self, manifest: Manifest, owner: Manifest) -> bool:
        key = ObjectKey.of(manifest)
        live = self._store.get(key)
        if up_to_date(manifest, live, owner):
            self._imposed.forget(key)
            return True
        return self._imposed.holds(manifest, live)

    def _unwanted(self) -> list[ObjectKey]:
        live = {key: self._store.get(key) for key in self._plan.delete}
        return [key for key, there in live.items() if there and not there["metadata"].get("deletionTimestamp")]

    def _waits(self, key: ObjectKey) -> bool:
        if not self._plan.needs.get(key, frozenset()) & self._without:
            return False
        self._without.add(key)
        return True

    async def _apply(self, owner: Manifest, manifest: Manifest) -> bool:
        key = ObjectKey.of(manifest)
        if self._waits(key):
            return False
        try:
            written = await apply(self._api, manifest, self._store.get(key), owner)
        except TidegateError as error:
            await self._failed(key, error)
            return False
        if written is None:
            return False
        self._store.put(written)
        if up_to_date(manifest, written, owner):
            self._imposed.forget(key)
        else:
            self._imposed.remember(manifest, written)
        return True

    async def _delete(self, owner: Manifest, key: ObjectKey) -> None:
        live = self._store.get(key)
        if live is None or self._waits(key):
            return
        uid = live["metadata"]["uid"]
        try:
            await self._api.delete(key, uid)
        except TidegateError as error:
            await self._failed(key, error)
            return
        self._imposed.forget(key)
        if not live["metadata"].get("finalizers"):
            self._store.end(key, uid)  # the next pass must not take it for alive because its event is late
        log.info("%s: deleted %s", ObjectKey.of(owner), key)

    async def _failed(self, key: ObjectKey, error: TidegateError) -> None:
        self._without.add(key)
        self._failures[key] = error
        if isinstance(error, Conflict):
            await self._look_again(key)

    async def _look_again(self, key: ObjectKey) -> None:
        """After a conflict about a child: the store was behind."""
        try:
            live = await self._api.get(key)
        except TidegateError as error:
            self._failures[key] = error
            return
        self._store.drop(key)
        if live is not None:
            self._store.put(live)
