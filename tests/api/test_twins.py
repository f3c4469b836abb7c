"""The Python rules and the API server give the same verdict, and our rules' messages are the same text in both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.devcluster import Cluster
from e2e.devcluster.api import ApiError
from tests.api.tables import Row, changed, rows, smallest
from tests.api.test_rules import parts
from tidegate.api.validate import check
from tidegate.names import API_VERSION, PLURALS

pytestmark = pytest.mark.cluster
STRICT = "dryRun=All&fieldValidation=Strict"


def refusal(cluster: Cluster, manifest: dict[str, Any]) -> str:
    """What the API server says against a new object; empty when nothing."""
    kind = manifest["kind"] if manifest["kind"] in PLURALS else "ModelDeployment"
    try:
        cluster.api.post(f"/apis/{API_VERSION}/namespaces/default/{PLURALS[kind]}?{STRICT}", manifest)
    except ApiError as error:
        if error.status >= 500:
            raise
        return str(json.loads(str(error).partition(": ")[2])["message"])
    return ""


@pytest.mark.parametrize("row", rows("good.yaml"), ids=str)
def test_good(api_server: Cluster, row: Row) -> None:
    assert refusal(api_server, row.manifest) == ""


@pytest.mark.parametrize("row", rows("bad.yaml"), ids=str)
def test_bad(api_server: Cluster, row: Row) -> None:
    said = refusal(api_server, row.manifest)
    assert said
    rules = {rule.message for part in parts() for rule in part.rules}
    ours = {message for _, message in check(row.manifest)} & rules
    assert {message for message in ours if message in said} == ours, said


def storage(size: str, **more: Any) -> dict[str, Any]:
    """A managed store with a volume."""
    return {"managed": {"storage": {"size": size, **more}}}


EXISTING = {"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}
REFUSED_CHANGES = [
    ("a bigger volume", storage("1Gi"), storage("2Gi"), "size and storageClassName of a store's volume cannot be"),
    ("another class", storage("1Gi", storageClassName="a"), storage("1Gi", storageClassName="b"), "cannot be changed"),
    ("a first class", storage("1Gi"), storage("1Gi", storageClassName="b"), "cannot be changed"),
    ("no volume any more", storage("1Gi"), {"managed": {}}, "storage cannot be added to or removed from a store"),
    ("a volume for the first time", {"managed": {}}, storage("1Gi"), "storage cannot be added to or removed"),
    ("a store of another kind", {"managed": {}}, EXISTING, "a store cannot change between managed and existing"),
    ("a store of the other kind", EXISTING, {"managed": {}}, "create another CacheTier and point to it"),
]
ACCEPTED_CHANGES = [
    ("other retention", storage("1Gi"), storage("1Gi", retention={"whenDeleted": "Retain"})),
    ("more memory", {"managed": {}}, {"managed": {"memory": "2Gi"}}),
    ("another Secret", EXISTING, {"existing": {"urlSecretRef": {"name": "other", "key": "url"}}}),
]


@pytest.mark.parametrize(("what", "before", "after", "says"), REFUSED_CHANGES, ids=[c[0] for c in REFUSED_CHANGES])
def test_refused_change(api_server: Cluster, what: str, before: Any, after: Any, says: str) -> None:
    assert says in change(api_server, before, after)


@pytest.mark.parametrize(("what", "before", "after"), ACCEPTED_CHANGES, ids=[c[0] for c in ACCEPTED_CHANGES])
def test_accepted_change(api_server: Cluster, what: str, before: Any, after: Any) -> None:
    assert change(api_server, before, after) == ""


def change(cluster: Cluster, before: dict[str, Any], after: dict[str, Any]) -> str:
    """What the API server says against replacing one store by another."""
    path = f"/apis/{API_VERSION}/namespaces/default/cachetiers"
    manifest = smallest("CacheTier")
    changed(manifest, "spec.store", before)
    made = cluster.api.post(path, manifest)
    try:
        # a merge patch in which everything of the old spec that the new one lacks is null
        store = {key: None for key in before if key not in after} | {
            key: dict.fromkeys(before.get(key, {})) | value for key, value in after.items()
        }
        cluster.api.merge(f"{path}/small?{STRICT}", {"spec": {"store": store}})
    except ApiError as error:
        return str(error)
    finally:
        cluster.api.delete(f"{path}/{made['metadata']['name']}")
    return ""


def test_scale_and_printer_columns(api_server: Cluster) -> None:
    """`kubectl scale` writes spec.replicas, and `kubectl get` has our columns."""
    path = f"/apis/{API_VERSION}/namespaces/default/modeldeployments"
    api_server.api.post(path, smallest("ModelDeployment"))
    try:
        api_server.kubectl("scale", "mdep/small", "--replicas=3")
        assert api_server.api.get(f"{path}/small")["spec"]["replicas"] == 3
        header = api_server.kubectl("get", "mdep").splitlines()[0].split()
        assert header == ["NAME", "STATUS", "READY", "WANTED", "REVISION", "MODEL", "AGE"]
    finally:
        api_server.api.delete(f"{path}/small")
