"""The two tables against the Python twins of the API's rules."""

from __future__ import annotations

import pytest

from tests.api.tables import Row, rows, smallest
from tests.api.test_crd import root, walk
from tidegate.api import KINDS
from tidegate.api.base import Part, Rule
from tidegate.api.validate import check, doubts

GOOD, BAD, UNSEEN = rows("good.yaml"), rows("bad.yaml"), rows("unseen.yaml")


@pytest.mark.parametrize("row", GOOD, ids=str)
def test_good(row: Row) -> None:
    assert check(row.manifest) == []


@pytest.mark.parametrize("row", BAD, ids=str)
def test_bad(row: Row) -> None:
    problems = check(row.manifest)
    assert any(field == row.field and row.says in message for field, message in problems), problems


def test_every_rule_of_one_manifest_has_a_row_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()
    said = Rule.said

    def record(rule: Rule, parsed: object) -> str:
        told.add(rule.message)
        return said(rule, parsed)

    monkeypatch.setattr(Rule, "said", record)
    for row in BAD + UNSEEN:
        told |= {message for _, message in check(row.manifest)}
    about_one = {rule["message"] for rule in in_crds() if "oldSelf" not in rule["rule"]}
    assert about_one - told == set()
    assert {rule.message for part in parts() for rule in part.rules if not rule.cel} - told == set()


@pytest.mark.parametrize("row", UNSEEN, ids=str)
def test_unseen_by_the_api_server(row: Row) -> None:
    assert any(field == row.field and row.says in message for field, message in check(row.manifest))


def in_crds() -> list[dict[str, str]]:
    """Every rule that the API server has."""
    return [
        rule for kind in KINDS for _, piece in walk(root(kind)) for rule in piece.get("x-kubernetes-validations", [])
    ]


def test_names_in_the_tables_are_unique() -> None:
    assert len({row.what for row in GOOD + BAD + UNSEEN}) == len(GOOD) + len(BAD) + len(UNSEEN)


def test_other_api_groups_are_not_looked_at() -> None:
    assert check({"apiVersion": "apps/v1", "kind": "Deployment"}) == []


@pytest.mark.parametrize(
    "version", ["tidegate.io/v1alpha1", "tidgate.dev/v1alpha1", "tidegate-dev/v1alpha1", "tidegate.dev"]
)
def test_a_group_that_is_almost_ours(version: str) -> None:
    [(field, message)] = check(smallest("CacheTier") | {"apiVersion": version})
    assert field == "apiVersion"
    assert message.endswith("write tidegate.dev/v1alpha1")


@pytest.mark.parametrize("version", ["serving.kserve.io/v1alpha1", "example.com/v1", "v1", ""])
def test_a_group_that_is_not_ours(version: str) -> None:
    assert check({"apiVersion": version, "kind": "ModelDeployment"}) == []


@pytest.mark.parametrize("thing", [None, 3, "text", ["a"]])
def test_what_is_not_an_object(thing: object) -> None:
    assert check(thing) == [("", "a manifest is a map with apiVersion, kind, metadata and spec")]


def test_several_problems_are_told_at_once() -> None:
    manifest = smallest("ModelDeployment")
    manifest["spec"]["replicas"] = -1
    manifest["spec"]["engine"]["gpus"]["count"] = -1
    assert [field for field, _ in check(manifest)] == ["spec.engine.gpus.count", "spec.replicas"]


def test_a_null_in_a_patch_is_doubtful() -> None:
    manifest = smallest("ModelDeployment")
    patch = {"spec": {"securityContext": {"fsGroup": None}, "containers": [{"name": "a", "tty": None, "image": "b"}]}}
    manifest["spec"]["engine"]["podTemplatePatch"] = patch
    assert check(manifest) == []
    assert [field for field, _ in doubts(manifest)] == [
        "spec.engine.podTemplatePatch.spec.securityContext.fsGroup",
        "spec.engine.podTemplatePatch.spec.containers[0].tty",
    ]
    assert all("write $patch: replace or $retainKeys" in message for _, message in doubts(manifest))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_doubtful(kind: str) -> None:
    assert doubts(smallest(kind)) == []


def parts() -> set[type[Part]]:
    """Every piece that a kind has."""
    found: set[type[Part]] = set()
    todo: list[type[Part]] = [Part]
    while todo:
        below = todo.pop().__subclasses__()
        found.update(below)
        todo.extend(below)
    had = {name for kind in KINDS.values() for name in (kind.__name__, *kind.model_json_schema()["$defs"])}
    return {part for part in found if part.__name__ in had}
