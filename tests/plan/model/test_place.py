"""Weights on a volume of one node keep all Pods of a model there; other storage does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.engine import pod_template
from tidegate.plan.model.place import HOSTNAME, REQUIRED, evictable

ONE_NODE = {"storage": {"claim": {"size": "1Gi", "accessMode": "ReadWriteOnce"}}}
TOGETHER = {"labelSelector": {"matchLabels": {"tidegate.dev/claim": "llama-weights"}}, "topologyKey": HOSTNAME}
ZONE = {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": "zone"}
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def parsed(affinity: Any = None, source: Any = ONE_NODE) -> ModelDeployment:
    scheduling = {"scheduling": {"affinity": affinity}} if affinity is not None else {}
    return ModelDeployment.model_validate(model(source=source, engine=scheduling))


def affinity(found: ModelDeployment) -> Any:
    return pod_template(found, "r1", DEFAULTS)["spec"].get("affinity")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, {"podAffinity": {REQUIRED: [TOGETHER]}}),
        ({}, {"podAffinity": {REQUIRED: [TOGETHER]}}),
        ({"podAffinity": {REQUIRED: [ZONE]}}, {"podAffinity": {REQUIRED: [ZONE, TOGETHER]}}),
        ({"podAffinity": {PREFERRED: []}}, {"podAffinity": {PREFERRED: [], REQUIRED: [TOGETHER]}}),
        ({"podAffinity": None}, {"podAffinity": {REQUIRED: [TOGETHER]}}),
        ({"podAntiAffinity": {}}, {"podAntiAffinity": {}, "podAffinity": {REQUIRED: [TOGETHER]}}),
    ],
)
def test_the_users_affinity_stays(given: Any, made: Any) -> None:
    assert affinity(parsed(given)) == made


def test_pods_find_each_other_whatever_their_revision() -> None:
    for revision in ("r1", "r2"):
        labels = pod_template(parsed(), revision, DEFAULTS)["metadata"]["labels"]
        assert TOGETHER["labelSelector"]["matchLabels"].items() <= labels.items()  # type: ignore[index]


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"storage": {"claim": {"size": "1Gi"}}},
        {"storage": {"claim": {"size": "1Gi", "accessMode": "ReadWriteMany"}}},
        {"storage": {"ephemeral": {}}},
        {"storage": {"existingClaim": {"claimName": "cache"}}},
    ],
)
def test_other_storage_leaves_pods_apart(source: Any) -> None:
    assert affinity(parsed(source=source)) is None
    assert affinity(parsed({"podAffinity": {}}, source)) == {"podAffinity": {}}
    assert "tidegate.dev/claim" not in pod_template(parsed(source=source), "r1", DEFAULTS)["metadata"]["labels"]


def test_a_drain_takes_all_from_the_node_or_one_at_a_time() -> None:
    assert evictable(parsed()) == "100%"
    assert evictable(parsed(source={})) == 1
