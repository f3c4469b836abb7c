"""Why a workload makes no Pods, in Kubernetes' own words."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.plan.kube.workloads import about_pods_of, gave_up, refused
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Complaint, Sample

QUOTA = 'pods "llama-1-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 1, limited: 1'
ACCOUNT = 'pods "llama-1-" is forbidden: error looking up service account shop/llama-reader: serviceaccount not found'


def workload(kind: str = "Deployment", *conditions: Any, **status: Any) -> dict[str, Any]:
    version = "leaderworkerset.x-k8s.io/v1" if kind == "LeaderWorkerSet" else "apps/v1"
    meta = {"name": "llama-1", "namespace": "shop"}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": meta,
        "status": {"conditions": list(conditions), **status},
    }


def failure(message: str, reason: str = "FailedCreate", status: str = "True") -> dict[str, str]:
    return {"type": "ReplicaFailure", "status": status, "reason": reason, "message": message}


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("found", "late"),
    [
        (workload("Deployment", LATE), True),
        (workload("Deployment", failure(QUOTA), LATE), True),
        (workload("Deployment", {**LATE, "reason": "ReplicaSetUpdated"}), False),
        (workload("Deployment", {**LATE, "type": "Available"}), False),
        (workload(), False),
        (workload(conditions="?"), False),
        ({}, False),
    ],
)
def test_gave_up(found: dict[str, Any], late: bool) -> None:
    assert gave_up(found) == late


@pytest.mark.parametrize("message", [QUOTA, ACCOUNT])
def test_a_deployment_says_so_itself(message: str) -> None:
    assert refused(workload("Deployment", LATE, failure(message)), {}) == ("FailedCreate", message)


@pytest.mark.parametrize(
    "condition",
    [failure(QUOTA, status="False"), LATE, {"type": "ReplicaFailure"}, "?"],
)
def test_a_deployment_that_is_not_refused(condition: Any) -> None:
    assert refused(workload("Deployment", condition), {}) is None


def test_a_failure_without_a_reason() -> None:
    assert refused(workload("Deployment", failure("words", reason="")), {}) == ("ReplicaFailure", "words")


@pytest.mark.parametrize("kind", ["LeaderWorkerSet", "StatefulSet", "Deployment"])
@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (Sample(Complaint("FailedCreate", QUOTA), 1.0), ("FailedCreate", QUOTA)),
        (Sample(Complaint("FailedCreate", QUOTA), 99.0, "no answer"), ("FailedCreate", QUOTA)),
        (Sample(Complaint(), 1.0), None),
        (Sample(None, 1.0, "no answer"), None),
        (None, None),
    ],
)
def test_the_others_say_so_in_events(kind: str, sample: Sample | None, said: Any) -> None:
    found = workload(kind)
    assert refused(found, {about_pods_of(found): sample} if sample else {}) == said


@pytest.mark.parametrize("kind", ["LeaderWorkerSet", "StatefulSet"])
def test_a_stateful_set_makes_their_pods(kind: str) -> None:
    assert about_pods_of(workload(kind)) == Question(ObjectKey("apps/v1", "StatefulSet", "shop", "llama-1"))
