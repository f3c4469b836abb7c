"""The two tables against the Python twins of the API's rules."""

from __future__ import annotations

import pytest

from tests.api.tables import Row, rows, smallest
from tidegate.api import KINDS
from tidegate.api.base import Part
from tidegate.api.validate import check

GOOD, BAD = rows("good.yaml"), rows("bad.yaml")


@pytest.mark.parametrize("row", GOOD, ids=str)
def test_good(row: Row) -> None:
    assert check(row.manifest) == []


@pytest.mark.parametrize("row", BAD, ids=str)
def test_bad(row: Row) -> None:
    problems = check(row.manifest)
    assert any(field == row.field and row.says in message for field, message in problems), problems


def test_every_rule_of_one_manifest_has_a_row_that_breaks_it() -> None:
    told = {message for row in BAD for _, message in check(row.manifest)}
    about_changes = {rule.message for part in parts() for rule in part.rules if "oldSelf" in rule.cel}
    rules = {rule.message for part in parts() for rule in part.rules}
    assert rules - told - about_changes == set()


def test_names_in_the_tables_are_unique() -> None:
    assert len({row.what for row in GOOD + BAD}) == len(GOOD) + len(BAD)


def test_other_api_groups_are_not_looked_at() -> None:
    assert check({"apiVersion": "apps/v1", "kind": "Deployment"}) == []


@pytest.mark.parametrize("thing", [None, 3, "text", ["a"]])
def test_what_is_not_an_object(thing: object) -> None:
    assert check(thing) == [("", "a manifest is a map with apiVersion, kind, metadata and spec")]


def test_several_problems_are_told_at_once() -> None:
    manifest = smallest("ModelDeployment")
    manifest["spec"]["replicas"] = -1
    manifest["spec"]["engine"]["gpus"]["count"] = -1
    assert [field for field, _ in check(manifest)] == ["spec.engine.gpus.count", "spec.replicas"]


def parts() -> set[type[Part]]:
    """Every piece of the API."""
    found: set[type[Part]] = set()
    todo: list[type[Part]] = [Part]
    while todo:
        below = todo.pop().__subclasses__()
        found.update(below)
        todo.extend(below)
    assert set(KINDS.values()) <= found
    return found
