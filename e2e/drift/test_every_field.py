"""Promise: every field that is ours, of every kind that we make, is put right when somebody changes it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.devcluster.api import ApiError
from e2e.harness import API, Object, Place, model, policy

pytestmark = pytest.mark.cluster
TIER: Object = {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"},
                "spec": {"store": {"managed": {"memory": "64Mi"}}}}  # fmt: skip
MODEL = model(replicas=0, model={"storage": {"claim": {"size": "1Gi"}}})
CHILDREN = {
    "api/v1": ("serviceaccounts", "services", "configmaps", "secrets", "persistentvolumeclaims"),
    "apis/apps/v1": ("deployments", "statefulsets"),
    "apis/policy/v1": ("poddisruptionbudgets",),
    "apis/networking.k8s.io/v1": ("networkpolicies",),
    "apis/rbac.authorization.k8s.io/v1": ("roles", "rolebindings"),
}
"""A ControllerRevision is not among them: it is written once, and afterwards only adopted."""
PASSWORD = ("/data/password", "/data/auth.conf")
"""Of the store's Secret: made once and known to nobody but the store. A Secret that is gone is made anew."""
RUNNING = ("front-router", "shared-store")
"""Workloads with Pods: what is inside their templates is left alone here, because each edit would start to roll them. The
model's Deployment, of the same make, has none."""
LABEL = "/metadata/labels/app.kubernetes.io~1part-of"
PATIENCE = 10.0
SECOND = 1.0


@pytest.fixture
def served(place: Place) -> Place:
    """Everything that we make, at rest."""
    place.apply(MODEL, policy(), TIER)
    at_work(place)
    place.at_rest()
    return place


@pytest.mark.long
@pytest.mark.usefixtures("traffic")
def test_every_field_of_ours_is_put_right(served: Place) -> None:
    """Of which test_drift.py tries some, and tests/cluster/test_covers.py what counts as an edit."""
    seconds: dict[str, float] = {}
    refused = []
    for path in children(served):
        repaired(served, path, LABEL)  # with its first apply an object's defaults are no longer in the books as ours
        for pointer in owned(served.cluster.api.get(path)):
            what = f"{path.rpartition('/namespaces/')[2]}{pointer}"
            spent = repaired(served, path, pointer)
            if spent is None:
                refused.append(what)
            else:
                seconds[what] = spent
    late = {what: spent for what, spent in seconds.items() if spent > SECOND}
    print(
        f"{len(seconds)} fields put right, the slowest in {max(seconds.values()):.2f} s; {len(refused)} cannot be changed"
    )
    assert len(seconds) > 150
    assert len(late) <= len(seconds) // 20, late
    at_work(served)


def at_work(place: Place) -> None:
    """Everything is as it should be of a model without engines."""
    place.ready("mdep/small", "ctier/shared")
    place.ready_says("rpol/front", "ScaledToZero")


def children(place: Place) -> Iterator[str]:
    """The path of everything with our label."""
    for group, resources in CHILDREN.items():
        for resource in resources:
            collection = f"/{group}/namespaces/{place.name}/{resource}"
            found = place.cluster.api.get(f"{collection}?labelSelector=app.kubernetes.io/managed-by=tidegate")
            assert found["items"], resource
            for item in found["items"]:
                yield f"{collection}/{item['metadata']['name']}"


def owned(child: Object) -> list[str]:
    """JSON pointers of every value that the API server's books say is ours.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    ours = [e for e in child["metadata"]["managedFields"] if e["manager"] == "tidegate" and "subresource" not in e]
    found = {pointer for entry in ours for pointer in leaves(child, entry["fieldsV1"], "")}
    running = child["metadata"]["name"] in RUNNING
    left = ("/metadata/ownerReferences", *PASSWORD, *(("/spec/template", "/spec/replicas") if running else ()))
    return sorted(pointer for pointer in found if not pointer.startswith(left))


def leaves(value: Any, fields: Object, pointer: str) -> Iterator[str]:
    """Pointers of the values below one field set. A key by which a list's item is known is left out: another one is another
    item, and somebody else's."""
    inner = {key: below for key, below in fields.items() if key != "."}
    if not inner:
        yield pointer
    for key, below in inner.items():
        step = position(value, key)
        if step is not None:
            escaped = str(step).replace("~", "~0").replace("/", "~1")
            keys = json.loads(key[2:]) if key.startswith("k:") else ()
            others = {field: more for field, more in below.items() if field[2:] not in keys}
            if others.keys() - {"."} or not keys:
                yield from leaves(value[step], others, f"{pointer}/{escaped}")


def position(value: Any, key: str) -> Any:
    """The map key or the list index that a field set's key means; None when there is nothing any more."""
    kind, _, name = key.partition(":")
    if kind == "f":
        return name if isinstance(value, dict) and name in value else None
    if kind == "k":
        wanted = json.loads(name).items()
        return next((i for i, item in enumerate(value) if wanted <= item.items()), None)
    return next((i for i, item in enumerate(value) if item == json.loads(name)), None)


def repaired(place: Place, path: str, pointer: str) -> float | None:
    """Seconds until a changed value is what it was; None when the API server lets nobody change it."""
    api = place.cluster.api
    before = at(api.get(path), pointer)
    for operation in ({"op": "replace", "path": pointer, "value": other(before)}, {"op": "remove", "path": pointer}):
        try:
            answer = api.json_patch(path, [operation])
        except ApiError as error:
            if error.status not in (400, 403, 422):
                raise
            continue
        if at(answer, pointer) == before:
            continue  # the API server put its default there
        begin = time.monotonic()
        place.wait(lambda: at(api.get(path), pointer) == before, f"{path} {operation}", PATIENCE)
        return time.monotonic() - begin
    return None


def at(document: Any, pointer: str) -> Any:
    """The value of a JSON pointer, or None."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (KeyError, IndexError):
            return None
    return document


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return value[:-1] if isinstance(value, list) else {}
