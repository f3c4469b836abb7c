"""An engine's Pod: shared memory and memory for what is offloaded, and processes that get their signals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.engine import pod_template


def pod(**engine: Any) -> Any:
    return pod_template(ModelDeployment.model_validate(model(engine=engine)), "r1", DEFAULTS)["spec"]


def shared_memory(spec: Any) -> str:
    [volume] = [volume for volume in spec["volumes"] if volume["name"] == "shared-memory"]
    return str(volume["emptyDir"]["sizeLimit"])


@pytest.mark.parametrize(
    ("engine", "size"),
    [
        ({}, "2Gi"),
        ({"gpus": {"count": 0}}, "2Gi"),
        ({"gpus": {"count": 8}}, "16Gi"),
        ({"sharedMemory": "1Gi"}, "1Gi"),
        ({"kvOffload": {"hostMemory": "16Gi"}}, "34816Mi"),
        ({"gpus": {"count": 8}, "kvOffload": {"hostMemory": "100Gi"}}, "221184Mi"),
        ({"kvOffload": {"hostMemory": "16Gi"}, "sharedMemory": "40Gi"}, "40Gi"),
        (
            {"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 2}, "kvOffload": {"hostMemory": "16Gi"}},
            "49152Mi",
        ),
        (
            {"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 3}, "kvOffload": {"hostMemory": "16Gi"}},
            "65536Mi",
        ),
    ],
)
def test_shared_memory_holds_what_is_offloaded(engine: Any, size: str) -> None:
    assert shared_memory(pod(**engine)) == size


@pytest.mark.parametrize(
    ("resources", "made"),
    [
        ({}, {"requests": {"memory": "32768Mi"}}),
        ({"requests": {"memory": "8Gi"}}, {"requests": {"memory": "40960Mi"}}),
        ({"limits": {"memory": "8Gi"}}, {"requests": {"memory": "40960Mi"}, "limits": {"memory": "40960Mi"}}),
        (
            {"requests": {"memory": "4Gi"}, "limits": {"memory": "8Gi"}},
            {"requests": {"memory": "36864Mi"}, "limits": {"memory": "40960Mi"}},
        ),
    ],
)
def test_memory_follows_what_is_offloaded(resources: Any, made: Any) -> None:
    spec = pod(kvOffload={"hostMemory": "16Gi"}, resources=resources)
    gpu = {"nvidia.com/gpu": "1"}
    made = {"requests": made["requests"] | gpu, "limits": made.get("limits", {}) | gpu}
    assert spec["containers"][0]["resources"] == made


@pytest.mark.parametrize(("timeout", "failures"), [("30s", 15), ("10m", 300), ("601s", 301), ("24h", 43_200)])
def test_an_engine_has_its_whole_startup_timeout(timeout: str, failures: int) -> None:
    """Asked every 2 s, a probe that hangs included."""
    probe = pod(startupTimeout=timeout)["containers"][0]["startupProbe"]
    assert (probe["periodSeconds"], probe["timeoutSeconds"], probe["failureThreshold"]) == (2, 2, failures)


def test_vllm_is_not_pid_1() -> None:
    assert pod()["shareProcessNamespace"] is True
