"""What we know of the cluster: the newest version of every object that we watch, and who belongs to whom.

Fed by watch events and by the answers to our own writes, so that a pass never acts on something older than its own last
write. A sweep compares it with the API server's list, because a watch that was interrupted never tells of what was deleted
in the meantime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from tidegate.cluster.metadata import ListedObject
from tidegate.control.terms import Term, controlled_by, of_kind, terms
from tidegate.names import PLURALS
from tidegate.plan.kube.reading import maps
from tidegate.plan.plan import Manifest, ObjectKey

AUTOSCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject")
"""Of these it is the status but for its conditions: what they measure changes every 15 s."""
UNREAD: Final = dict.fromkeys((*PLURALS, "Deployment", "StatefulSet", "LeaderWorkerSet")) | {
    "Secret": "data",
    "Pod": "spec",
}
"""The part of an object that no plan depends on, by kind; of all others it is the status (of budgets it changes often)."""


REMEMBERED: Final = 1000


class Store:
    """Objects by key, and an inverted index: a pass looks at what it is about and never at everything."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, Manifest] = {}
        self._ended: dict[str, None] = {}
        """uids of what we deleted lately, the oldest first."""
        self._index: defaultdict[Term, set[ObjectKey]] = defaultdict(set)

    def put(self, manifest: Manifest) -> bool:
        """Remembers an object unless a newer version, of it or of its successor, is known; returns whether this was news:
        whether anything changed that a plan may depend on."""
        key = ObjectKey.of(manifest)
        known = self._objects.get(key)
        if _uid(manifest) in self._ended:
            return False
        if known and _version(known) >= _version(manifest):
            return False
        slim = _slim(manifest)
        if known:
            self.drop(key)
        self._objects[key] = slim
        for term in terms(slim):
            self._index[term].add(key)
        return known is None or essence(known) != essence(slim)

    def drop(self, key: ObjectKey, uid: str = "") -> bool:
        """Forgets an object (only this very one, if a uid is given); returns whether it was known."""
        known = self._objects.get(key)
        if known is None or (uid and _uid(known) != uid):
            return False
        del self._objects[key]
        for term in terms(known):
            self._index[term].discard(key)
            if not self._index[term]:
                del self._index[term]
        return True

    def end(self, key: ObjectKey, uid: str) -> None:
        """Forgets an object that was deleted, for good: an event of before may still come."""
        self.drop(key, uid)
        self._ended[uid] = None
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def get(self, key: ObjectKey) -> Manifest | None:
        """The newest known version."""
        return self._objects.get(key)

    def find(self, term: Term) -> tuple[Manifest, ...]:
        """Objects with this term, in a stable order."""
        return tuple(self._objects[key] for key in sorted(self._index.get(term, ()), key=str))

    def children(self, uid: str) -> tuple[Manifest, ...]:
        """Objects whose controller has this uid, in a stable order."""
        return self.find(controlled_by(uid))

    def owners(self) -> list[ObjectKey]:
        """Every custom resource of ours."""
        return [key for kind in PLURALS for key in self._index.get(of_kind(kind), ())]

    def missing(self, api_version: str, kind: str, listed: Iterable[ListedObject]) -> list[ObjectKey]:
        """Known objects of a kind that a complete list does not have."""
        uids = {meta.uid for meta in listed}
        of_it = (key for key in self._index.get(of_kind(kind), ()) if key.api_version == api_version)
        return sorted((key for key in of_it if _uid(self._objects[key]) not in uids), key=str)

    def behind(self, api_version: str, kind: str, listed: Iterable[ListedObject]) -> list[ObjectKey]:
        """Listed objects that are unknown here, or known in an older version."""
        out = []
        for meta in listed:
            key = ObjectKey(api_version, kind, meta.namespace, meta.name)
            known = self._objects.get(key)
            if known is None or _version(known) < meta.resource_version:
                out.append(key)
        return out


def _version(manifest: Manifest) -> int:
    """Resource versions of one kind grow and may be compared (KEP-5504)."""
    return int(manifest["metadata"]["resourceVersion"])


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])


def _slim(manifest: Manifest) -> dict[str, Any]:
    """Without what nobody here reads, and of who owns which field only whether there is an Update of ours, which the next
    apply has to turn into an Apply."""
    unread = UNREAD.get(manifest["kind"], "status")
    slim = {key: value for key, value in manifest.items() if key != unread}
    if manifest["kind"] in AUTOSCALERS:
        slim["status"] = {"conditions": maps(manifest.get("status"), "conditions")}
    metadata = dict(manifest["metadata"])
    if "managedFields" in metadata:
        metadata["managedFields"] = [
            {k: v for k, v in entry.items() if k in ("manager", "operation", "subresource")}
            for entry in metadata["managedFields"]
        ]
    return {**slim, "metadata": metadata}


def essence(manifest: Manifest) -> dict[str, Any]:
    """What a plan may depend on: not the version, and not who wrote it."""
    slim = _slim(manifest)
    metadata = {
        key: value for key, value in slim["metadata"].items() if key not in ("resourceVersion", "managedFields")
    }
    return {**slim, "metadata": metadata}
