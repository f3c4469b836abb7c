"""The CRDs: current, structural, described, bounded, and as the style guide of the API wants them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from tidegate.api import KINDS, crd
from tidegate.api.base import Part

ROOT = Path(__file__).resolve().parents[2]
Schema = dict[str, Any]


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema below this one, with its path; list items as `[]`, map values as `{}`."""
    yield path, schema
    for name, piece in schema.get("properties", {}).items():
        yield from walk(piece, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


@cache
def made(kind: str) -> Schema:
    """The CRD, which takes a quarter of a second to make: to be read only."""
    return crd.crd(kind)


def root(kind: str) -> Schema:
    schema: Schema = made(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


PIECES = [
    (f"{kind}{path}", piece)
    for kind in KINDS
    for part in ("spec", "status")
    for path, piece in walk(root(kind)["properties"][part], f".{part}")
]
KINDS_OF_OURS = pytest.mark.parametrize("kind", KINDS)


def test_generated_files_are_current() -> None:
    for path, text in crd.files(ROOT).items():
        assert path.read_text() == text, f"{path.relative_to(ROOT)} is not current; run make crds"


@KINDS_OF_OURS
def test_the_chart_has_the_same_crd(kind: str) -> None:
    text = crd.chart_yaml(kind)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("{{-"))
    wanted = made(kind)
    wanted["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    assert yaml.safe_load(body) == wanted


def test_every_field_is_described() -> None:
    fields = [
        (path, piece) for path, piece in PIECES if not path.endswith(("[]", "{}"))
    ]  # an item is its list's business
    assert [path for path, piece in fields if not piece.get("description", "").rstrip().endswith(".")] == []


def test_no_map_is_empty() -> None:
    """The API server drops an empty map, and GitOps tools would see a difference for ever."""

    def empty(value: Any, path: str) -> Iterator[str]:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if value in ({}, []):
            yield path
        for key, inner in pairs:
            yield from empty(inner, f"{path}.{key}")

    found = [path for kind in KINDS for path in empty(made(kind), kind)]
    assert found == [
        f"{kind}.spec.versions.0.subresources.status" for kind in KINDS
    ]  # `status: {}` is how it is switched on


def test_a_status_has_room_for_all_that_a_spec_can_name() -> None:
    """Whoever raises a bound of a spec raises that of the status, or this fails."""
    model, policy = root("ModelDeployment")["properties"], root("RoutingPolicy")["properties"]
    source, revision = field(model["spec"], "model"), field(model["status"], "revisions")
    assert_room(field(revision, "servedNames"), field(source, "servedNames"))
    assert_room(field(revision, "adapters"), field(source, "adapters"), "name")
    routes = field(policy["spec"], "routes")
    assert_room(field(policy["status"], "models"), field(routes, "models"), times=routes["maxItems"])
    live = field(policy["status"], "configuration")
    assert_room(field(live, "backends"), field(policy["spec"], "backends"), "name", "name")


def field(schema: Schema, name: str) -> Schema:
    """A field of a map, or of the items of a list."""
    found: Schema = schema.get("items", schema)["properties"][name]
    return found


def assert_room(status: Schema, spec: Schema, spec_name: str = "", status_name: str = "", times: int = 1) -> None:
    """The status' list holds as many words of the same length as the spec's, so many times."""
    told = field(status, status_name) if status_name else status["items"]
    written = field(spec, spec_name) if spec_name else spec["items"]
    assert status["maxItems"] >= spec["maxItems"] * times
    assert told["maxLength"] >= written["maxLength"]


def test_everything_that_grows_has_a_maximum() -> None:
    assert [path for path, piece in PIECES if not bounded(path, piece)] == []


def bounded(path: str, piece: Schema) -> bool:
    if piece.get("x-kubernetes-int-or-string") or piece["type"] == "string":
        return "maxLength" in piece or "enum" in piece
    if piece["type"] == "array":
        return "maxItems" in piece
    if piece["type"] == "integer":
        return {"minimum", "maximum"} <= piece.keys() or ".status" in path
    if "additionalProperties" in piece:
        return "maxProperties" in piece
    passed_on = piece.get("x-kubernetes-preserve-unknown-fields", False)
    return (
        piece["type"] == "boolean"
        or "properties" in piece
        or passed_on
        or path.endswith(("anonymous", "stickyBy.client"))
    )


SCALED = ("ModelDeployment.spec.replicas", "RoutingPolicy.spec.router", "RoutingPolicy.spec.router.replicas")
"""What /scale needs a default of."""


def test_structural() -> None:
    assert [path for path, piece in PIECES if not structural(path, piece)] == []


def structural(path: str, piece: Schema) -> bool:
    typed = ("type" in piece) != bool(piece.get("x-kubernetes-int-or-string"))
    foreign = {"anyOf", "oneOf", "allOf", "not", "$ref", "title", "const", "nullable"} & piece.keys()
    defaulted = "default" in piece and path not in SCALED
    keys = set(piece.get("x-kubernetes-list-map-keys", []))
    keyed = piece.get("x-kubernetes-list-type") != "map" or (keys and keys <= set(piece["items"]["required"]))
    return (
        typed
        and not foreign
        and not defaulted
        and bool(keyed)
        and piece.get("additionalProperties", {}) not in (True, False)
    )


def test_no_field_is_a_boolean_in_yaml() -> None:
    words = {"on", "off", "yes", "no", "y", "n", "true", "false"}
    assert [path for path, _ in PIECES if path.rsplit(".", 1)[-1].lower() in words] == []


def test_lists_of_named_things_are_keyed_by_name() -> None:
    named = [
        (path, piece)
        for path, piece in PIECES
        if piece.get("type") == "array"
        and "name" in piece["items"].get("required", [])
        and "podTemplatePatch" not in path  # a patch is merged by its own rules
    ]
    assert [path for path, piece in named if piece.get("x-kubernetes-list-map-keys") != ["name"]] == []
    assert len(named) >= 8


@KINDS_OF_OURS
def test_rules_say_what_to_write(kind: str) -> None:
    rules = [r for _, piece in walk(root(kind)) for r in piece.get("x-kubernetes-validations", [])]
    assert rules
    for rule in rules:
        assert rule.keys() <= {"rule", "message", "messageExpression", "fieldPath"}
        assert len(rule["message"].split()) >= 6
        assert not rule["message"].endswith(".")


@KINDS_OF_OURS
def test_a_rule_points_to_a_field_that_exists(kind: str) -> None:
    for path, piece in walk(root(kind)):
        for rule in piece.get("x-kubernetes-validations", []):
            found = piece
            for step in rule.get("fieldPath", "").split(".")[1:]:
                assert step in found["properties"], f"{path}: {rule}"
                found = found["properties"][step]


def test_names_in_clusters() -> None:
    said = {kind: made(kind) for kind in KINDS}
    assert {d["metadata"]["name"] for d in said.values()} == {
        "modeldeployments.tidegate.dev",
        "routingpolicies.tidegate.dev",
        "cachetiers.tidegate.dev",
    }
    names = {kind: d["spec"]["names"] for kind, d in said.items()}
    assert {kind: n["shortNames"] for kind, n in names.items()} == {
        "ModelDeployment": ["mdep"],
        "RoutingPolicy": ["rpol"],
        "CacheTier": ["ctier"],
    }
    assert all(n["categories"] == ["tidegate"] for n in names.values())
    assert all(d["spec"]["scope"] == "Namespaced" for d in said.values())


@KINDS_OF_OURS
def test_printer_columns_show_fields_that_exist(kind: str) -> None:
    version = made(kind)["spec"]["versions"][0]
    columns = {c["name"]: c for c in version["additionalPrinterColumns"]}
    assert {"Status", "Ready", "Age", "Message"} <= columns.keys()
    assert columns["Message"]["priority"] == 1
    for column in columns.values():
        steps = column["jsonPath"].split("[")[0].split(".")[1:]
        found = version["schema"]["openAPIV3Schema"]
        for step in steps if steps[0] != "metadata" else ():
            found = found["properties"][step]


def test_scale() -> None:
    subresources = {kind: made(kind)["spec"]["versions"][0]["subresources"] for kind in KINDS}
    assert all(s["status"] == {} for s in subresources.values())
    assert subresources["ModelDeployment"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    assert root("ModelDeployment")["properties"]["spec"]["properties"]["replicas"]["default"] == 1
    router = root("RoutingPolicy")["properties"]["spec"]["properties"]["router"]
    assert (router["default"], router["properties"]["replicas"]["default"]) == ({"replicas": 2}, 2)


def test_a_union_is_refused() -> None:
    class Mixed(Part):
        """x"""

        value: int | str = Field(description="x")

    schema = Mixed.model_json_schema()
    with pytest.raises(crd.Unstructural, match="a union"):
        crd.structural(schema, {})


def test_main_writes_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crd.main(tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert (tmp_path / "crds/cachetiers.yaml").read_text() == (ROOT / "crds/cachetiers.yaml").read_text()
