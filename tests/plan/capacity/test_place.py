"""Which nodes a Pod may go to: every row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.plan.capacity.nodes import Node, Taint
from tidegate.plan.capacity.place import REQUIRED, goes, tolerates

TAINT = Taint("gpu", "NoSchedule", "l4")
NODE = Node("a", 4, labels={"pool": "l4", "zone": "z1", "slots": "4"})


def required(*expressions: dict[str, Any], field: str = "matchExpressions") -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{field: list(expressions)}]}}}}


def says(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("toleration", "holds"),
    [
        ({"key": "gpu", "value": "l4", "effect": "NoSchedule"}, True),
        ({"key": "gpu", "value": "l4"}, True),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "value": "a100"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "gpu", "operator": "Gt", "value": "3"}, False),
        ({}, False),
    ],
)
def test_tolerations(toleration: dict[str, Any], holds: bool) -> None:
    assert tolerates(toleration, TAINT) is holds
    assert goes({"tolerations": [toleration]}, Node("a", 1, taints=(TAINT,))) is holds


def test_every_taint_has_to_be_tolerated() -> None:
    node = Node("a", 1, taints=(TAINT, Taint("maintenance", "NoExecute")))
    assert not goes({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, node)


def test_who_is_not_ready() -> None:
    assert goes({}, Node("a", 1))
    assert not goes({"tolerations": [{"operator": "Exists"}]}, Node("a", 1, ready=False))


@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        ({"nodeSelector": {"pool": "l4", "zone": "z1"}}, True),
        ({"nodeSelector": {"pool": "a100"}}, False),
        ({"nodeSelector": {"absent": ""}}, False),
        (required(says("pool", "In", "l4", "l40s")), True),
        (required(says("pool", "In", "a100")), False),
        (required(says("pool", "NotIn", "a100")), True),
        (required(says("absent", "NotIn", "a100")), True),
        (required(says("pool", "Exists"), says("absent", "DoesNotExist")), True),
        (required(says("pool", "Exists"), says("absent", "Exists")), False),
        (required(says("slots", "Gt", "3"), says("slots", "Lt", "5")), True),
        (required(says("slots", "Gt", "4")), False),
        (required(says("pool", "Gt", "4")), False),
        (required(says("slots", "Gt")), False),
        (required(says("pool", "Like", "l")), False),
        (required(says("metadata.name", "In", "a"), field="matchFields"), True),
        (required(says("metadata.name", "In", "b"), field="matchFields"), False),
        (required(), False),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}}, True),
        ({"affinity": None}, True),
    ],
)
def test_labels(spec: dict[str, Any], holds: bool) -> None:
    assert goes(spec, NODE) is holds


def test_one_term_is_enough() -> None:
    terms = [{"matchExpressions": [says("pool", "In", "a100")]}, {"matchExpressions": [says("zone", "In", "z1")]}]
    assert goes({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}}, NODE)
