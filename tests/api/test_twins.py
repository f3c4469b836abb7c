"""The Python rules and the API server give the same verdict, and our rules' messages are the same text in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from e2e.devcluster import Cluster
from e2e.devcluster.api import ApiError
from tests.api.tables import Row, changed, rows, smallest
from tidegate.api import KINDS
from tidegate.api.base import REPEATED, BrokenRule
from tidegate.api.directives import MERGE_KEYS, ONE_OF
from tidegate.api.validate import check
from tidegate.names import API_VERSION, PLURALS

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).resolve().parents[2]
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
    ours = messages_of_rules(row.manifest)
    assert [message for message in ours if message not in said] == [], said


@pytest.mark.parametrize("row", rows("unseen.yaml"), ids=str)
def test_what_the_api_server_cannot_see(api_server: Cluster, row: Row) -> None:
    """It accepts; the operator says the same as `tidegate validate` in the object's status."""
    assert refusal(api_server, row.manifest) == ""
    assert check(row.manifest)


def messages_of_rules(manifest: dict[str, Any]) -> list[str]:
    """What our own rules say, in words that the API server has too; of a name that stands twice it speaks in its own."""
    try:
        KINDS[manifest["kind"]].model_validate(manifest)
    except (KeyError, ValidationError) as error:
        details = error.errors() if isinstance(error, ValidationError) else []
        causes = [detail.get("ctx", {}).get("error") for detail in details]
        broken = [message for cause in causes if isinstance(cause, BrokenRule) for _, message in cause.broken]
        return [message for message in broken if message != REPEATED]
    return []


def test_a_crd_read_back_is_its_file(api_server: Cluster) -> None:
    """Otherwise Argo CD and Flux would write it again for ever; spec.conversion is the API server's own addition."""
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        wanted = yaml.safe_load(file.read_text())
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{wanted['metadata']['name']}"
        there = api_server.api.get(path)["spec"]
        assert there.pop("conversion") == {"strategy": "None"}
        assert there == wanted["spec"]


def test_merge_keys_are_kubernetes(api_server: Cluster) -> None:
    """MERGE_KEYS is what the API server's OpenAPI document says of a Pod's and a container's lists."""
    definitions = api_server.api.get("/openapi/v2")["definitions"]
    merged = dict(merge_keys(definitions, "io.k8s.api.core.v1.PodSpec"))
    assert {name: key for name, (key, _) in merged.items()} == MERGE_KEYS
    assert {name for name, (_, strategy) in merged.items() if "retainKeys" in strategy} == set(ONE_OF)


def merge_keys(definitions: dict[str, Any], kind: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Lists of this kind and of the kinds in its lists that are merged, with key and strategy."""
    for name, field in definitions[kind]["properties"].items():
        reference = field.get("items", field).get("$ref", "").rsplit("/", 1)[-1]
        if "x-kubernetes-patch-merge-key" in field:
            yield name, (field["x-kubernetes-patch-merge-key"], field["x-kubernetes-patch-strategy"])
        if "properties" in definitions.get(reference, {}) and "ObjectMeta" not in reference:
            yield from merge_keys(definitions, reference)


def claim(size: str, **more: Any) -> dict[str, Any]:
    """Storage of a model on a claim."""
    return {"claim": {"size": size, **more}}


OTHER_CLAIM = "make another claim of your own and name it in storage.existingClaim"
REFUSED_CLAIMS = [
    ("a smaller claim", claim("2Gi"), claim("1Gi"), f"a claim can grow but not shrink from 2Gi to 1Gi; {OTHER_CLAIM}"),
    ("a smaller claim in bytes", claim("1Gi"), claim("900M"), "shrink from 1Gi to 900M"),
    (
        "another mode",
        claim("1Gi"),
        claim("1Gi", accessMode="ReadWriteOnce"),
        f"accessMode of a claim cannot change; {OTHER_CLAIM}",
    ),
    (
        "another class",
        claim("1Gi", storageClassName="a"),
        claim("1Gi", storageClassName="b"),
        "storageClassName of a claim",
    ),
    ("no class any more", claim("1Gi", storageClassName="a"), claim("1Gi"), OTHER_CLAIM),
]
ACCEPTED_CLAIMS = [
    ("a bigger claim", claim("1Gi"), claim("1500Mi")),
    ("the same size in other words", claim("1Gi"), claim("1024Mi")),
    ("the mode in words", claim("1Gi"), claim("1Gi", accessMode="ReadWriteMany")),
    ("other retention of a claim", claim("1Gi"), claim("1Gi", retention={"whenDeleted": "Retain"})),
    ("no claim any more", claim("1Gi"), {"ephemeral": {}}),
]


@pytest.mark.parametrize(("what", "before", "after", "says"), REFUSED_CLAIMS, ids=[c[0] for c in REFUSED_CLAIMS])
def test_refused_change_of_a_claim(api_server: Cluster, what: str, before: Any, after: Any, says: str) -> None:
    assert says in change(api_server, before, after, "ModelDeployment", "spec.model.storage")


@pytest.mark.parametrize(("what", "before", "after"), ACCEPTED_CLAIMS, ids=[c[0] for c in ACCEPTED_CLAIMS])
def test_accepted_change_of_a_claim(api_server: Cluster, what: str, before: Any, after: Any) -> None:
    assert change(api_server, before, after, "ModelDeployment", "spec.model.storage") == ""


def storage(size: str, **more: Any) -> dict[str, Any]:
    """A managed store with a volume."""
    return {"managed": {"storage": {"size": size, **more}}}


EXISTING = {"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}
REFUSED_CHANGES = [
    (
        "a bigger volume",
        storage("1Gi"),
        storage("2Gi"),
        "size of a store's volume cannot change from 1Gi to 2Gi; delete",
    ),
    (
        "another class",
        storage("1Gi", storageClassName="a"),
        storage("1Gi", storageClassName="b"),
        "storageClassName of a",
    ),
    ("a first class", storage("1Gi"), storage("1Gi", storageClassName="b"), "a StatefulSet never changes its claims"),
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


def change(
    cluster: Cluster, before: dict[str, Any], after: dict[str, Any], kind: str = "CacheTier", field: str = "spec.store"
) -> str:
    """What the API server says against writing `after` where `before` stands."""
    path = f"/apis/{API_VERSION}/namespaces/default/{PLURALS[kind]}"
    manifest = smallest(kind)
    changed(manifest, field, before)
    cluster.api.post(path, manifest)
    try:
        operation = {"op": "replace", "path": "/" + field.replace(".", "/"), "value": after}
        cluster.api.json_patch(f"{path}/small?{STRICT}", [operation])
    except ApiError as error:
        return str(error)
    finally:
        cluster.api.delete(f"{path}/small")
    return ""


def test_the_largest_policy(api_server: Cluster) -> None:
    """64 routes of 32 names of 128 characters: the rules cost the API server less than it allows, and the status holds them."""
    manifest = largest_policy()
    assert check(manifest) == []
    path = f"/apis/{API_VERSION}/namespaces/default/routingpolicies"
    api_server.api.post(path, manifest)
    try:
        names = [name for route in manifest["spec"]["routes"] for name in route["models"]]
        assert len(names) == 2048
        written = api_server.api.merge(f"{path}/small/status?fieldValidation=Strict", {"status": {"models": names}})
        assert written["status"]["models"] == names
    finally:
        api_server.api.delete(f"{path}/small")


def test_the_largest_policy_with_an_unknown_backend(api_server: Cluster) -> None:
    manifest = largest_policy()
    changed(manifest, "spec.routes.63.to.backends.15.name", "nope")
    [(_, message)] = check(manifest)
    assert "names backend nope" in message
    assert message in refusal(api_server, manifest)


@pytest.mark.parametrize(("routes", "models"), [(64, 8), (16, 32)])
def test_a_name_twice_among_512(api_server: Cluster, routes: int, models: int) -> None:
    manifest = largest_policy(routes, models)
    changed(manifest, f"spec.routes.{routes - 1}.models.{models - 1}", manifest["spec"]["routes"][0]["models"][0])
    [(_, message)] = check(manifest)
    assert message in refusal(api_server, manifest)


def test_a_name_twice_among_more_is_said_by_the_operator(api_server: Cluster) -> None:
    manifest = largest_policy(64, 9)
    changed(manifest, "spec.routes.63.models.8", manifest["spec"]["routes"][0]["models"][0])
    assert "stands in several routes" in check(manifest)[0][1]
    assert refusal(api_server, manifest) == ""


def test_the_largest_engine(api_server: Cluster) -> None:
    """As many words, variables and mounts as there may be, and as long as they may be."""
    variables = [{"name": f"E{number:03}".ljust(253, "x"), "value": "x"} for number in range(128)]
    mounts = [{"mountPath": f"/{number}".ljust(1024, "x"), "name": "a"} for number in range(64)]
    container = {"name": "engine", "env": variables, "volumeMounts": mounts}
    manifest = smallest("ModelDeployment")
    manifest["spec"]["engine"] |= {"args": ["--max-x".ljust(4000, "x")] * 256, "env": variables}
    manifest["spec"]["engine"]["podTemplatePatch"] = {"spec": {"containers": [container]}}
    assert check(manifest) == []
    assert refusal(api_server, manifest) == ""
    manifest["spec"]["engine"]["args"] = ["--max-model-len=".ljust(4000, "1")] * 256
    assert refusal(api_server, manifest).count("--max-model-len is the operator's") >= 100


def largest_policy(routes: int = 64, models: int = 32) -> dict[str, Any]:
    """A policy with 64 backends, so many routes of 16 backends, and so many names in each."""
    backends = [f"b{number}".ljust(63, "x") for number in range(64)]
    manifest = smallest("RoutingPolicy")
    manifest["spec"] |= {
        "backends": [{"name": name, "modelDeploymentRef": {"name": name[:45]}} for name in backends],
        "routes": [
            {
                "name": f"r{route}".ljust(63, "x"),
                "models": [f"m{route}-{number}".ljust(128, "x") for number in range(models)],
                "to": {"backends": [{"name": name} for name in backends[-16:]]},
            }
            for route in range(routes)
        ],
    }
    return manifest


def test_scale_and_printer_columns(api_server: Cluster) -> None:
    """`kubectl scale` writes spec.replicas, and `kubectl get` has our columns."""
    path = f"/apis/{API_VERSION}/namespaces/default/modeldeployments"
    api_server.api.post(path, smallest("ModelDeployment"))
    try:
        api_server.kubectl("scale", "mdep/small", "--replicas=3")
        assert api_server.api.get(f"{path}/small")["spec"]["replicas"] == 3
        header = api_server.kubectl("get", "mdep").splitlines()[0].split()
        assert header == ["NAME", "STATUS", "READY", "REVISION", "MODEL", "AGE"]
    finally:
        api_server.api.delete(f"{path}/small")
