"""What we know of the cluster: the newest version of every object that we watch, and who belongs to whom.

Fed by watch events and by the answers to our own writes, so that a pass never acts on something older than its own last
write. A sweep compares it with the API server's list, because a watch that was interrupted never tells of what was deleted
in the meantime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.names import PLURALS
from tidegate.plan.plan import Manifest, ObjectKey


class Store:
    """Objects by key; children by the uid of their controller."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, Manifest] = {}
        self._children: defaultdict[str, set[ObjectKey]] = defaultdict(set)

    def put(self, manifest: Manifest) -> bool:
        """Remembers an object unless a newer version, of it or of its successor, is known; returns whether this was news."""
        key = ObjectKey.of(manifest)
        known = self._objects.get(key)
        if known and _version(known) >= _version(manifest):
            return False
        if known:
            self.drop(key)
        self._objects[key] = _slim(manifest)
        for uid in _controllers(manifest):
            self._children[uid].add(key)
        return True

    def drop(self, key: ObjectKey, uid: str = "") -> bool:
        """Forgets an object (only this very one, if a uid is given); returns whether it was known."""
        known = self._objects.get(key)
        if known is None or (uid and _uid(known) != uid):
            return False
        del self._objects[key]
        for controller in _controllers(known):
            self._children[controller].discard(key)
            if not self._children[controller]:
                del self._children[controller]
        return True

    def get(self, key: ObjectKey) -> Manifest | None:
        """The newest known version."""
        return self._objects.get(key)

    def children(self, uid: str) -> tuple[Manifest, ...]:
        """Objects whose controller has this uid, in a stable order."""
        return tuple(self._objects[key] for key in sorted(self._children.get(uid, ()), key=str))

    def of_kind(self, kind: str, namespace: str | None = None) -> Iterator[Manifest]:
        """Every known object of a kind."""
        for key, manifest in self._objects.items():
            if key.kind == kind and namespace in (None, key.namespace):
                yield manifest

    def owners(self) -> list[ObjectKey]:
        """Every custom resource of ours."""
        return [key for key in self._objects if key.kind in PLURALS]

    def missing(self, api_version: str, kind: str, listed: Iterable[Manifest]) -> list[ObjectKey]:
        """Known objects of a kind that a complete list does not have."""
        uids = {item["metadata"]["uid"] for item in listed}
        return [
            key
            for key, manifest in self._objects.items()
            if key.kind == kind and key.api_version == api_version and _uid(manifest) not in uids
        ]

    def behind(self, api_version: str, kind: str, listed: Iterable[Manifest]) -> list[ObjectKey]:
        """Listed objects that are unknown here, or known in an older version."""
        out = []
        for item in listed:
            meta = item["metadata"]
            key = ObjectKey(api_version, kind, meta["namespace"], meta["name"])
            known = self._objects.get(key)
            if known is None or _version(known) < _version(item):
                out.append(key)
        return out


def _version(manifest: Manifest) -> int:
    """Resource versions of one kind grow and may be compared (KEP-5504)."""
    return int(manifest["metadata"]["resourceVersion"])


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])


def _controllers(manifest: Manifest) -> list[str]:
    return [ref["uid"] for ref in manifest["metadata"].get("ownerReferences", []) if ref.get("controller")]


def _slim(manifest: Manifest) -> dict[str, Any]:
    """Without what nobody here reads: contents of Secrets, and who owns which field (but for whether there is an Update
    of ours, which the next apply has to turn into an Apply)."""
    slim = {key: value for key, value in manifest.items() if not (manifest["kind"] == "Secret" and key == "data")}
    metadata = dict(manifest["metadata"])
    if "managedFields" in metadata:
        metadata["managedFields"] = [
            {k: v for k, v in entry.items() if k in ("manager", "operation", "subresource")}
            for entry in metadata["managedFields"]
        ]
    return {**slim, "metadata": metadata}
