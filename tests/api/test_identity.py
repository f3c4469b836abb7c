"""Two spellings of the same Pods are one revision; everything that shapes a Pod is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import model
from tests.support.simulation import revision_of

CLAIM = {"size": "50Gi", "storageClassName": "fast"}


def of(engine: Any = None, source: Any = None) -> str:
    return revision_of(model(engine=engine, source=source))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"resources": {"requests": {"cpu": 8}}}, {"resources": {"requests": {"cpu": "8"}}}),
        ({"resources": {"requests": {"cpu": "8"}}}, {"resources": {"requests": {"cpu": "8000m"}}}),
        ({"resources": {"limits": {"memory": "32Gi"}}}, {"resources": {"limits": {"memory": "32768Mi"}}}),
        ({}, {"gpus": {"count": 1, "resourceName": "nvidia.com/gpu"}}),
        ({}, {"dtype": "auto"}),
        ({}, {"maxNumSeqs": 256, "args": [], "env": [], "scheduling": {}, "podMetadata": {"labels": {}}}),
        ({}, {"parallelism": {"tensor": 1}}),
        ({"gpus": {"count": 2}}, {"gpus": {"count": 2}, "parallelism": {"tensor": 2, "pipeline": 1}}),
        ({"startupTimeout": "20m"}, {}),
        ({"startupTimeout": "90m"}, {"startupTimeout": "1h30m"}),
        ({"gpuMemoryUtilization": "90%"}, {"gpuMemoryUtilization": "90.00%"}),
        ({"sharedMemory": "1Gi"}, {"sharedMemory": "1024Mi"}),
    ],
)  # fmt: skip
def test_spellings_of_an_engine(one: Any, two: Any) -> None:
    assert of(one) == of(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"servedNames": ["llama"]}),
        ({}, {"storage": {"ephemeral": {}}}),
        ({"storage": {"claim": CLAIM}}, {"storage": {"claim": {**CLAIM, "size": "80Gi"}}}),
        ({"storage": {"claim": CLAIM}}, {"storage": {"claim": {**CLAIM, "retention": {"whenDeleted": "Retain"}}}}),
        ({"storage": {"claim": CLAIM}}, {"storage": {"claim": {**CLAIM, "accessMode": "ReadWriteMany"}}}),
    ],
)
def test_spellings_of_a_source(one: Any, two: Any) -> None:
    assert of(source=one) == of(source=two)


@pytest.mark.parametrize(
    "engine",
    [
        {"gpus": {"count": 2}},
        {"resources": {"requests": {"cpu": "9"}}},
        {"gpus": {"count": 2}, "parallelism": {"tensor": 1, "pipeline": 2}},
        {"env": [{"name": "A", "value": "8"}]},
        {"env": [{"name": "A", "value": "8000m"}]},
        {"args": ["--seed", "1"]},
        {"podTemplatePatch": {"spec": {"hostIPC": True}}},
        {"podTemplatePatch": {"spec": {"hostIPC": False}}},
        {"maxWaitingRequests": 0},
    ],
)
def test_what_shapes_pods_is_another_revision(engine: Any) -> None:
    assert of(engine) != of()


def test_each_is_another() -> None:
    every = [
        {},
        {"servedNames": ["a"]},
        {"servedNames": ["llama", "a"]},
        {"storage": {"ephemeral": {"sizeLimit": "1Gi"}}},
    ]
    every += [{"storage": {"claim": CLAIM}}, {"storage": {"existingClaim": {"claimName": "llama-weights"}}}]
    assert len({of(source=source) for source in every}) == len(every)
