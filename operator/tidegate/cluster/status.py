"""Writing the status: only when it changed, and never of an object that was replaced in the meantime.

The write carries uid and resourceVersion, so that a stale or dead object ends the pass before anything is created
(Conflict). When the status stays what it was but children have to be written, a read does the same.
"""

from __future__ import annotations

from typing import Any

from tidegate.cluster.client import Api
from tidegate.errors import Conflict
from tidegate.plan.plan import Manifest, ObjectKey


async def write_status(api: Api, owner: Manifest, status: Manifest) -> dict[str, Any] | None:
    """Writes the status if it changed; returns the object as it is now, or None when nothing had to be written."""
    patch = merge_patch(owner.get("status", {}), status)
    if not patch:
        return None
    fence = {key: owner["metadata"][key] for key in ("uid", "resourceVersion")}
    return await api.merge_status(ObjectKey.of(owner), {"metadata": fence, "status": patch})


async def still_there(api: Api, owner: Manifest) -> None:
    """Raises Conflict unless the API server has this very object, unchanged and not being deleted."""
    live = await api.get(ObjectKey.of(owner))
    meta = live["metadata"] if live else {}
    if meta.get("uid") != owner["metadata"]["uid"] or meta.get("deletionTimestamp"):
        raise Conflict(f"{ObjectKey.of(owner)} is gone")
    if meta["resourceVersion"] != owner["metadata"]["resourceVersion"]:
        raise Conflict(f"{ObjectKey.of(owner)} changed")


def merge_patch(old: Manifest, new: Manifest) -> dict[str, Any]:
    """The RFC 7386 patch that turns `old` into `new`; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new or new[key] is None}
    for key, value in new.items():
        before = old.get(key)
        if value is None or value == before:
            continue
        if not (isinstance(value, dict) and isinstance(before, dict)):
            patch[key] = value
        elif inner := merge_patch(before, value):
            patch[key] = inner
    return patch
