"""`spec.autoscaling` against its Python rules, and the schema that an API server would get."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.api.tables import Row, row_of
from tests.api.test_crd import walk
from tidegate.api.autoscaling import BESIDE_REPLICAS, Autoscaling
from tidegate.api.base import Rule
from tidegate.api.crd import structural
from tidegate.api.validate import Problem, problems

TABLES = yaml.safe_load((Path(__file__).parent / "autoscaling.yaml").read_text())
GOOD, BAD, UNSEEN = ([row_of(entry) for entry in TABLES[name]] for name in ("good", "bad", "unseen"))


def check(row: Row) -> list[Problem]:
    try:
        Autoscaling.model_validate(row.manifest["spec"]["autoscaling"])
    except ValidationError as error:
        found = problems(error)
        return [(f"spec.autoscaling.{field}".rstrip("."), message) for field, message in found]
    return []


@pytest.mark.parametrize("row", GOOD, ids=str)
def test_good(row: Row) -> None:
    assert check(row) == []


@pytest.mark.parametrize("row", BAD + UNSEEN, ids=str)
def test_bad(row: Row) -> None:
    found = check(row)
    assert any(field == row.field and row.says in message for field, message in found), found


def test_every_rule_has_a_row_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()
    said = Rule.said

    def record(rule: Rule, parsed: object) -> str:
        told.add(rule.message)
        return said(rule, parsed)

    monkeypatch.setattr(Rule, "said", record)
    for row in BAD + UNSEEN:
        check(row)
    schema = Autoscaling.model_json_schema(by_alias=True)
    rules = [
        rule["message"]
        for _, piece in walk(structural(schema, schema["$defs"]))
        for rule in piece.get("x-kubernetes-validations", [])
    ]
    assert len(rules) > 10
    assert set(rules) - told == set()


def spec(replicas: int, provider: str | None) -> Any:
    return SimpleNamespace(replicas=replicas, autoscaling=SimpleNamespace(provider=provider) if provider else None)


@pytest.mark.parametrize(
    ("replicas", "provider", "allowed"),
    [
        (3, None, True),
        (1, "Operator", True),
        (3, "Operator", False),
        (0, "Operator", False),
        (3, "HPA", True),
        (3, "KEDA", True),
    ],
)
def test_replicas_beside_autoscaling(replicas: int, provider: str | None, allowed: bool) -> None:
    """1 is what an absent spec.replicas is; HPA and KEDA write it through /scale."""
    assert BESIDE_REPLICAS.holds(spec(replicas, provider)) is allowed
