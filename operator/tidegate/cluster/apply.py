"""Making children as a plan wants them: create, server-side apply, delete, and never a stranger's object.

live (in the store)   on the API server       then
-------------------   ---------------------   -------------------------------------------------
none                  none                    created
none                  ours                    applied
none                  somebody else's         NotOurs, left alone
ours, as wanted       -                       nothing
ours, different       same uid                applied, with its uid as precondition; merged where that is not enough
ours, different       other uid, or gone      Conflict: the next pass sees what is there

Ours is what this owner controls, and what nobody controls and our labels name this owner on: a claim that outlives it, and what
`kubectl delete --cascade=orphan` left behind, which is adopted again.

Made once, and afterwards only adopted: what a Secret keeps (`stringData`), and a ControllerRevision, whose `data` the API
server never lets anybody change.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
"""

from __future__ import annotations

from typing import Any, Final

from tidegate import names
from tidegate.cluster.client import Api, Invalid
from tidegate.cluster.covers import covers, stamped, without_additions, without_content
from tidegate.errors import Conflict, NotOurs
from tidegate.plan.kube.objects import controlled_by
from tidegate.plan.plan import Manifest, ObjectKey

OWNER_LABELS: Final = (names.MANAGED_BY_LABEL, names.MODEL_LABEL, names.POLICY_LABEL, names.CACHE_LABEL)


async def apply(api: Api, manifest: Manifest, live: Manifest | None, owner: Manifest) -> dict[str, Any] | None:
    """Makes one child as wanted; returns what the API server has now, or None when nothing had to be written."""
    wanted = stamped(without_content(manifest))
    if live is None:
        return await _create(api, manifest, wanted, owner)
    if not belongs(live, manifest, owner):
        raise NotOurs(manifest["kind"], manifest["metadata"]["name"])
    return None if _settled(live, wanted) else await _update(api, wanted, live)


def leaving(live: Manifest) -> bool:
    """Whether an object is on its way out: it is not written any more, and its end is an event."""
    return bool(live["metadata"].get("deletionTimestamp"))


def up_to_date(manifest: Manifest, live: Manifest | None, owner: Manifest) -> bool:
    """Whether apply() would write nothing."""
    if live is not None and leaving(live):
        return True
    return live is not None and belongs(live, manifest, owner) and _settled(live, stamped(without_content(manifest)))


def belongs(live: Manifest, manifest: Manifest, owner: Manifest) -> bool:
    """Whether an object is a child of this owner, or may be adopted as one."""
    if controlled_by(live, owner["metadata"]["uid"]):
        return True
    if any(ref.get("controller") for ref in live["metadata"].get("ownerReferences", [])):
        return False
    labels = {key: value for key, value in manifest["metadata"]["labels"].items() if key in OWNER_LABELS}
    return len(labels) > 1 and covers(live["metadata"].get("labels", {}), labels)


def _settled(live: Manifest, wanted: Manifest) -> bool:
    if wanted["kind"] == "ControllerRevision":
        return covers(live["metadata"], _lasting_metadata(wanted, live))
    return covers(live, wanted)


def _lasting_metadata(wanted: Manifest, live: Manifest) -> dict[str, Any]:
    """What may change of a record: its labels, and our reference among its owners."""
    return {"labels": wanted["metadata"].get("labels", {}), "ownerReferences": _owners(wanted, live)}


def _owners(wanted: Manifest, live: Manifest) -> list[Any]:
    """Our reference after those of others."""
    ours = wanted["metadata"].get("ownerReferences", [])
    uids = {reference["uid"] for reference in ours}
    return [*(r for r in live["metadata"].get("ownerReferences", []) if r.get("uid") not in uids), *ours]


async def _create(api: Api, manifest: Manifest, wanted: Manifest, owner: Manifest) -> dict[str, Any] | None:
    """A create, because an apply would take over an object that somebody else made a moment ago."""
    try:
        return await api.create({**manifest, **wanted})
    except Conflict:
        live = await api.get(ObjectKey.of(wanted))
    if live is None:
        raise Conflict(f"{ObjectKey.of(wanted)} came and went")
    if leaving(live):
        raise Conflict(f"{ObjectKey.of(wanted)} is being deleted, and is made anew when it is gone")
    if not belongs(live, wanted, owner):
        raise NotOurs(wanted["kind"], wanted["metadata"]["name"])
    return live if _settled(live, wanted) else await _update(api, wanted, live)


async def _update(api: Api, wanted: Manifest, live: Manifest) -> dict[str, Any]:
    pinned = {**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}}
    if wanted["kind"] == "ControllerRevision":
        return await _record(api, wanted, live)
    if wanted["kind"] == "Secret":
        return await api.merge(pinned)  # an apply would take away what it does not name
    await _own_by_apply(api, live)
    try:
        applied = await api.server_side_apply(pinned)
    except Invalid:
        # an apply leaves items that others put into a list: a port under another number beside ours of the same name, say
        return await api.merge(_whole(pinned, live))
    # it leaves, too, what others added to a selector or to an environment
    return applied if _settled(applied, wanted) else await api.merge(_whole(pinned, applied))


async def _record(api: Api, wanted: Manifest, live: Manifest) -> dict[str, Any]:
    """Its labels and owners. One that was not encoded as the API server does it refuses every change: it stays as it is."""
    try:
        return await api.adopt(ObjectKey.of(wanted), live["metadata"]["uid"], _lasting_metadata(wanted, live))
    except Invalid:
        return dict(live)


def _whole(pinned: Manifest, live: Manifest) -> dict[str, Any]:
    """A patch that says every list as a whole, owners of others included."""
    metadata = {**pinned["metadata"], "ownerReferences": _owners(pinned, live)}
    patch: dict[str, Any] = without_additions({**pinned, "metadata": metadata}, live)
    return patch


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
