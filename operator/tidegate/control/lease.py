"""Who acts: a Lease by compare-and-swap. https://kubernetes.io/docs/concepts/architecture/leases/

    holder          renewed less than DURATION ago   then
    -------------   ------------------------------   ------------------------
    nobody          -                                take it
    us              -                                renew it
    another one     yes                              wait
    another one     no                               take it

"Ago" is measured by our own clock, from the moment at which we saw the Lease change, so that clocks need not agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidegate.cluster.client import Api, path
from tidegate.errors import TidegateError
from tidegate.names import OPERATOR_LEASE
from tidegate.plan.plan import Manifest, ObjectKey

log = logging.getLogger("tidegate.lease")

DURATION: Final = 15.0
RENEW: Final = 5.0
RETRY: Final = 1.0
HURRY: Final = 0.5
"""Seconds until a renewal that failed is tried again: the Lease is at stake. Eleven tries fit in; while every fifth request
fails, less than one renewal in 100,000 fails with all of them."""
PATIENCE: Final = DURATION - 2 * RENEW
"""Seconds that reading and writing the Lease may take: the holder gives up before anybody else may take it."""
NAME: Final = OPERATOR_LEASE
API_VERSION: Final = "coordination.k8s.io/v1"


@dataclass(frozen=True)
class Sighting:
    """The Lease as it was last seen to change, and when (seconds of a monotonic clock)."""

    version: str
    at: float


def may_take(lease: Manifest | None, identity: str, seen: Sighting | None, now: float) -> bool:
    """The table above."""
    holder = (lease or {}).get("spec", {}).get("holderIdentity", "")
    if not holder or holder == identity:
        return True
    return seen is not None and now - seen.at > DURATION


class Election:
    """Holds the Lease for as long as it can."""

    def __init__(self, api: Api, namespace: str, identity: str, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._key = ObjectKey(API_VERSION, "Lease", namespace, NAME)
        self._identity = identity
        self._clock = clock
        self._seen: Sighting | None = None
        self._mine: Manifest | None = None
        """The Lease as we wrote it last: renewed without reading it, for as long as that goes well."""
        self._renewed = 0.0
        self._complaint = ""
        self.leading = False

    async def wait_until_leading(self) -> None:
        """Returns once the Lease is ours."""
        while not await self._try():
            await asyncio.sleep(RETRY)
        self.leading = True

    async def keep(self) -> None:
        """Renews, sooner after a failure; returns when the Lease was lost, or could not be renewed in time."""
        loop = asyncio.get_running_loop()
        pause, latest = RENEW, DURATION - PATIENCE
        while loop.time() - self._renewed < latest:
            await asyncio.sleep(min(pause, self._renewed + latest - loop.time()))
            pause = RENEW if await self._try() else HURRY
        self.leading = False

    async def release(self) -> None:
        """Lets the next replica begin at once."""
        if not self.leading:
            return
        self.leading = False
        try:
            async with asyncio.timeout(PATIENCE):
                await self._give_up()
        except (TidegateError, TimeoutError):
            return

    async def _give_up(self) -> None:
        lease = await self._api.get(self._key)
        if lease and lease["spec"].get("holderIdentity") == self._identity:
            await self._replace({**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    async def _try(self) -> bool:
        """One row of the table; False also when the API server does not answer, or not in time."""
        asked = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PATIENCE):
                taken = await self._take()
        except (TidegateError, TimeoutError) as error:
            self._complain(str(error) or f"no answer within {PATIENCE:.0f} s")
            return False
        if taken:
            self._renewed, self._complaint = asked, ""
        return taken

    def _complain(self, complaint: str) -> None:
        """Says once why the Lease cannot be had: without it nothing happens at all."""
        if complaint != self._complaint:
            log.warning("the Lease %s: %s", self._key.name, complaint)
        self._complaint = complaint

    async def _take(self) -> bool:
        mine, self._mine = self._mine, None
        lease = mine or await self._api.get(self._key)
        now = asyncio.get_running_loop().time()
        self._remember(lease, now)
        if not may_take(lease, self._identity, self._seen, now):
            return False
        self._mine = await (self._replace(self._held(lease)) if lease else self._api.create(self._held(None)))
        return True

    def _remember(self, lease: Manifest | None, now: float) -> None:
        version = lease["metadata"]["resourceVersion"] if lease else ""
        if self._seen is None or self._seen.version != version:
            self._seen = Sighting(version, now)

    async def _replace(self, lease: Manifest) -> dict[str, Any]:
        """A PUT with resourceVersion: the compare-and-swap."""
        url = path(API_VERSION, "Lease", self._key.namespace, NAME)
        return await self._api.request("PUT", url, None, lease)

    def _held(self, lease: Manifest | None) -> dict[str, Any]:
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = (lease or {}).get("spec", {})
        same = before.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": before.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions", 0)) + (0 if same or not lease else 1),
        }
        metadata = dict(lease["metadata"]) if lease else {"name": NAME, "namespace": self._key.namespace}
        return {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
