"""An API server in a dictionary: uids, resource versions, compare-and-swap, server-side apply without field ownership.

Only what the code under test relies on; the real server's part in it is tested on the dev cluster.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tidegate.cluster.client import Api, NotFound
from tidegate.cluster.metadata import ListedObject
from tidegate.errors import Conflict, TidegateError
from tidegate.names import FIELD_MANAGER
from tidegate.plan.plan import Manifest, ObjectKey


class FakeApi(Api):
    """What the methods of Api do, without a network. `log` has every request that could change something."""

    def __init__(self, *objects: Manifest) -> None:
        self.objects: dict[ObjectKey, dict[str, Any]] = {}
        self.log: list[tuple[str, ObjectKey]] = []
        self.failures: dict[tuple[str, ObjectKey], TidegateError] = {}
        """Raised, once, by the next request of this kind to this object."""
        self.writes = 0
        self._version = 100
        for manifest in objects:
            self.objects[ObjectKey.of(manifest)] = copy.deepcopy(dict(manifest))

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        self._fail("get", key)
        return copy.deepcopy(self.objects.get(key))

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        key = self._write("create", ObjectKey.of(manifest))
        if key in self.objects:
            raise Conflict(f"{key} already exists")
        return self._keep(key, manifest, uid=f"uid-{self._version}")

    async def server_side_apply(self, manifest: Manifest) -> dict[str, Any]:
        key = self._write("apply", ObjectKey.of(manifest))
        live = self._found(key)
        if manifest["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise Conflict("uid mismatch")
        if _without_version(live) == _without_version(_over(live, manifest)):
            return copy.deepcopy(live)
        return self._keep(key, _over(live, manifest), uid=live["metadata"]["uid"])

    async def merge(self, manifest: Manifest, manager: str = FIELD_MANAGER) -> dict[str, Any]:
        key = self._write("merge", ObjectKey.of(manifest))
        live = self._found(key)
        if manifest["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise Conflict("uid mismatch")
        return self._keep(key, merge(live, manifest), uid=live["metadata"]["uid"])

    async def json_patch(self, key: ObjectKey, operations: list[dict[str, Any]]) -> dict[str, Any]:
        self._write("json_patch", key)
        live = self._found(key)
        for operation in operations:
            assert operation["op"] == "replace", "a failed test would be a refusal"
            if operation["path"] == "/metadata/resourceVersion":
                if operation["value"] != live["metadata"]["resourceVersion"]:
                    raise Conflict("the object has been modified")
                continue
            *parents, last = operation["path"].strip("/").split("/")
            target: Any = live
            for step in parents:
                target = target[int(step)] if isinstance(target, list) else target[step]
            target[last] = operation["value"]
        return self._keep(key, live, uid=live["metadata"]["uid"])

    async def adopt(self, key: ObjectKey, uid: str, metadata: Manifest) -> dict[str, Any]:
        self._write("adopt", key)
        live = self._found(key)
        if live["metadata"]["uid"] != uid:
            raise Conflict("uid mismatch")
        return self._keep(key, merge(live, {"metadata": dict(metadata)}), uid=uid)

    async def merge_status(self, key: ObjectKey, body: dict[str, Any]) -> dict[str, Any]:
        self._write("status", key)
        live = self._found(key)
        for field, value in body["metadata"].items():
            if live["metadata"][field] != value:
                raise Conflict(f"{field} is {live['metadata'][field]}")
        merged = {**live, "status": merge(live.get("status", {}), body["status"])}
        return self._keep(key, merged, uid=live["metadata"]["uid"])

    async def delete(self, key: ObjectKey, uid: str) -> None:
        self._write("delete", key)
        if key in self.objects and self.objects[key]["metadata"]["uid"] != uid:
            raise Conflict("uid mismatch")
        self.objects.pop(key, None)

    async def list_metadata(self, api_version: str, kind: str, labels: str = "") -> list[ListedObject]:
        mine = (o for key, o in self.objects.items() if (key.api_version, key.kind) == (api_version, kind))
        name, _, value = labels.partition("=")
        return [
            ListedObject.model_validate(o["metadata"])
            for o in mine
            if not labels or o["metadata"].get("labels", {}).get(name) == value
        ]

    async def request(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """A PUT with resourceVersion: compare-and-swap."""
        assert method == "PUT", f"{method} {url}"
        key = self._write("put", ObjectKey.of(body))
        live = self._found(key)
        if body["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        return self._keep(key, body, uid=live["metadata"]["uid"])

    def changed_by_others(self, key: ObjectKey, uid: str = "", **parts: Any) -> dict[str, Any]:
        """Somebody else replaces parts of the object (or the whole object, with a new uid); returns what is there now."""
        live = self._found(key)
        if "spec" in parts and not uid:
            live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        return self._keep(key, {**live, **parts}, uid=uid or live["metadata"]["uid"])

    def _found(self, key: ObjectKey) -> dict[str, Any]:
        if key not in self.objects:
            raise NotFound(f"{key} not found")
        return copy.deepcopy(self.objects[key])

    def _write(self, what: str, key: ObjectKey) -> ObjectKey:
        self.writes += 1
        self.log.append((what, key))
        self._fail(what, key)
        return key

    def _fail(self, what: str, key: ObjectKey) -> None:
        failure = self.failures.pop((what, key), None)
        if failure:
            raise failure

    def _keep(self, key: ObjectKey, manifest: Manifest, uid: str) -> dict[str, Any]:
        self._version += 1
        kept = copy.deepcopy(dict(manifest))
        kept["metadata"] = {**kept["metadata"], "uid": uid, "resourceVersion": str(self._version)}
        self.objects[key] = kept
        return copy.deepcopy(kept)


def merge(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


def _over(live: Any, wanted: Any) -> Any:
    """The live object with everything that is wanted; what is not mentioned stays."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{key: _over(live.get(key), value) for key, value in wanted.items()}} | _owners(live, wanted)
    return copy.deepcopy(wanted)


def _owners(live: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Owner references are merged by their uid."""
    if "ownerReferences" not in wanted:
        return {}
    uids = {reference["uid"] for reference in wanted["ownerReferences"]}
    others = [reference for reference in live.get("ownerReferences", []) if reference["uid"] not in uids]
    return {"ownerReferences": [*others, *wanted["ownerReferences"]]}


def _without_version(manifest: Manifest) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": ""}}
