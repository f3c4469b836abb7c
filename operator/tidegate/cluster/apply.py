"""Making children as a plan wants them: create, server-side apply, delete, and never a stranger's object.

live (in the store)   on the API server       then
-------------------   ---------------------   -------------------------------------------------
none                  none                    created
none                  ours                    applied
none                  somebody else's         NotOurs, left alone
ours, as wanted       -                       nothing
ours, different       same uid                applied, with its uid as precondition; merged where that is not valid
ours, different       other uid, or gone      Conflict: the next pass sees what is there

Made once, and neither compared nor written again: what a Secret keeps (`stringData`), and a ControllerRevision. The API
server refuses every patch of one, even of a label, when its `data` is not encoded to the byte as Go's encoder would have it
(no spaces, <, > and & escaped): it compares the bytes before and after.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
"""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.cluster.client import Api, Invalid
from tidegate.cluster.covers import covers, lasting, stamped
from tidegate.errors import Conflict, NotOurs
from tidegate.plan.kube.objects import controlled_by
from tidegate.plan.plan import Manifest, ObjectKey


async def apply(api: Api, manifest: Manifest, live: Manifest | None, owner: Manifest) -> dict[str, Any] | None:
    """Makes one child as wanted; returns what the API server has now, or None when nothing had to be written."""
    wanted = stamped(lasting(manifest))
    if live is None:
        return await _create(api, manifest, wanted, owner)
    if not ours(live, manifest, owner):
        raise NotOurs(manifest["kind"], manifest["metadata"]["name"])
    return None if _settled(live, wanted) else await _update(api, wanted, live)


def up_to_date(manifest: Manifest, live: Manifest | None, owner: Manifest) -> bool:
    """Whether apply() would write nothing."""
    return live is not None and ours(live, manifest, owner) and _settled(live, stamped(lasting(manifest)))


def _settled(live: Manifest, wanted: Manifest) -> bool:
    return wanted["kind"] == "ControllerRevision" or covers(live, wanted)


def ours(live: Manifest, manifest: Manifest, owner: Manifest) -> bool:
    """Whether an object is a child of this owner. One that is to outlive its owner has no controller but our labels."""
    if controlled_by(live, owner["metadata"]["uid"]):
        return True
    if any(ref.get("controller") for ref in live["metadata"].get("ownerReferences", [])):
        return False
    outlives = manifest["kind"] == "PersistentVolumeClaim"
    return outlives and covers(live["metadata"].get("labels", {}), manifest["metadata"]["labels"])


async def _create(api: Api, manifest: Manifest, wanted: Manifest, owner: Manifest) -> dict[str, Any] | None:
    """A create, because an apply would take over an object that somebody else made a moment ago."""
    try:
        return await api.create({**manifest, **wanted})
    except Conflict:
        live = await api.get(ObjectKey.of(wanted))
    if live is None:
        raise Conflict(f"{ObjectKey.of(wanted)} came and went")
    if not ours(live, wanted, owner):
        raise NotOurs(wanted["kind"], wanted["metadata"]["name"])
    return live if _settled(live, wanted) else await _update(api, wanted, live)


async def _update(api: Api, wanted: Manifest, live: Manifest) -> dict[str, Any]:
    pinned = {**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}}
    if wanted["kind"] == "Secret":
        return await api.merge(pinned)  # an apply would take away what it does not name
    await _own_by_apply(api, live)
    try:
        return await api.server_side_apply(pinned)
    except Invalid:
        # an apply leaves items that others put into a list: a port under another number beside ours of the same name, say
        return await api.merge(pinned)


async def _own_by_apply(api: Api, live: Manifest) -> None:
    """Turns the field ownership that our create left (an Update) into an Apply, so that fields that we no longer want go.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
    """
    key = ObjectKey.of(live)
    managed = live["metadata"].get("managedFields", [])
    for i, entry in enumerate(managed):
        if entry["manager"] == names.FIELD_MANAGER and entry["operation"] == "Update" and "subresource" not in entry:
            # replaced by what it is: another version on the server is a Conflict, where a "test" would be a refusal
            version = {
                "op": "replace",
                "path": "/metadata/resourceVersion",
                "value": live["metadata"]["resourceVersion"],
            }
            change = {"op": "replace", "path": f"/metadata/managedFields/{i}/operation", "value": "Apply"}
            await api.json_patch(key, [version, change])
            return
