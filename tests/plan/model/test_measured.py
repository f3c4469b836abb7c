"""MetricsAvailable: each row of the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.plan.model.test_scaling import SPEC
from tests.support.builders import DEFAULTS, NOW, owner
from tidegate import names
from tidegate.plan.model.plan import plan_model
from tidegate.plan.plan import Manifest
from tidegate.plan.scaling.gaps import Gap
from tidegate.plan.world import ModelWorld

SILENT = Gap("EngineSilent", "small-x", "small-x says nothing: TimeoutError", NOW.timestamp() - 30)
OWN: dict[str, Any] = {"name": "own", "query": {"promQL": "sum(x)", "target": "0.5"}}
SERVES: Manifest = {
    "metadata": {"name": "small-x", "namespace": "shop", "uid": "x"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
TRUE: Manifest = {"type": "MetricsAvailable", "status": "True", "reason": "AsSpecified", "message": ""}


def world(gaps: tuple[Gap, ...] | None = (), *signals: Any, before: Manifest | None = None, **spec: Any) -> ModelWorld:
    scaled = {"autoscaling": {"maxReplicas": 8, "signals": list(signals)}}
    made = owner(names.MODEL_DEPLOYMENT, "small", SPEC | scaled | spec)
    made["status"] = {"conditions": [before] if before else []}
    return ModelWorld(made, DEFAULTS, pods=(SERVES,), scrape=15.0, gaps=gaps)


def said(known: ModelWorld) -> Manifest | None:
    found = plan_model(known, NOW).status["conditions"]
    return next((c for c in found if c["type"] == "MetricsAvailable"), None)


@pytest.mark.parametrize(
    ("known", "status", "reason", "words"),
    [
        (world((SILENT,), suspend=True), "Unknown", "NotAsked", "a suspended model's engines are not asked"),
        (world(None), "Unknown", "NotAsked", "the operator has just begun"),
        (world(None, before=TRUE), "True", "AsSpecified", ""),
        (
            world((SILENT,)),
            "False",
            "EngineSilent",
            "small-x says nothing: TimeoutError (since 2026-03-01T11:59:30+00:00)",
        ),
        (world((replace(SILENT, reason="MetricMissing"), SILENT)), "False", "MetricMissing", "small-x says nothing"),
        (replace(world(), pods=()), "Unknown", "NotAsked", "no engine serves"),
        (replace(world((), OWN), pods=()), "True", "AsSpecified", ""),
        (world(), "True", "AsSpecified", ""),
    ],
)
def test_each_row(known: ModelWorld, status: str, reason: str, words: str) -> None:
    found = said(known)
    assert found
    assert (found["status"], found["reason"]) == (status, reason)
    assert found["message"].startswith(words)


def test_only_of_models_that_scale() -> None:
    known = world((SILENT,))
    known.owner["spec"].pop("autoscaling")
    assert said(known) is None


def test_what_does_not_change_is_not_written_again() -> None:
    known = world((SILENT,))
    first = said(known)
    again = replace(known, owner={**known.owner, "status": {"conditions": [first]}})
    assert said(again) == first


def test_an_engine_s_image_is_what_runs() -> None:
    """The store keeps no Pod's spec."""
    running = {"name": "engine", "image": "vllm/vllm-openai:v0.32.0"}
    status = {**SERVES["status"], "podIP": "10.0.0.7", "containerStatuses": [{"name": "other"}, running]}
    found = plan_model(replace(world(), pods=({**SERVES, "status": status},)), NOW).scale
    assert found
    assert [one.image for one in found.engines] == ["vllm/vllm-openai:v0.32.0"]
