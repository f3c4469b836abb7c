"""Two spellings of the same Pods are one revision; everything that shapes a Pod is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.api.test_examples import MANIFESTS
from tests.plan.test_every_field import Path, changed, leaves
from tests.support.builders import DEFAULTS, model
from tests.support.simulation import revision_of
from tidegate.api import ModelDeployment
from tidegate.api.identity import identity
from tidegate.plan.model.argv import group_size
from tidegate.plan.model.workload import rendered
from tidegate.plan.plan import Manifest

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


RICH: dict[str, Any] = {
    "dnsPolicy": "Default",
    "hostNetwork": True,
    "securityContext": {"runAsUser": 1000, "supplementalGroups": [7]},
    "volumes": [{"name": "scratch", "hostPath": {"path": "/mnt/nvme", "type": "Directory"}}],
    "initContainers": [{"name": "warm", "image": "warm:v1"}],
    "containers": [
        {
            "name": "engine",
            "imagePullPolicy": "Always",
            "env": [{"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
            "volumeMounts": [{"mountPath": "/scratch", "name": "scratch", "subPath": "a", "readOnly": True}],
            "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}},
        },
        {"name": "sidecar", "image": "sidecar:v1", "args": ["--port", "9"]},
    ],
}
"""A patch of which no field but the names is declared in our API."""
EXAMPLES = [(m, root) for _, m in MANIFESTS if m["kind"] == "ModelDeployment" for root in ("model", "engine")]
RICH_MODEL = {**model(engine={"podTemplatePatch": {"metadata": {"labels": {"a": "b"}}, "spec": RICH}}), "status": None}
MUTATIONS = [
    (manifest, ("spec", root, *path), value)
    for manifest, root in [*EXAMPLES, (RICH_MODEL, "engine")]
    for path, value in leaves(manifest["spec"][root])
]


def made(manifest: Manifest) -> str | None:
    """What a revision keeps, under a name that is always the same; None if the manifest is not valid."""
    try:
        parsed = ModelDeployment.model_validate({**manifest, "status": None})
    except ValidationError:
        return None
    kind = "LeaderWorkerSet" if group_size(parsed.spec.engine) > 1 else "Deployment"
    return json.dumps(rendered(parsed, "revision", DEFAULTS, kind), sort_keys=True)


def others(value: Any) -> list[Any]:
    """Other values of the same type, some of which are valid in this place."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value * 2, value - 1]
    if isinstance(value, str):
        return [f"{value}x", f"x{value}", *(["7Gi", "95%", "77m", "7", "Never", "ReadWriteOnce"])]
    return [{}] if value == [] else []


def without(manifest: Manifest, path: Path) -> Manifest:
    out = copy.deepcopy(manifest)
    place: Any = out
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return out


@pytest.mark.parametrize(
    ("manifest", "path", "value"),
    MUTATIONS,
    ids=[f"{m['metadata']['name']}-{'.'.join(map(str, p))}" for m, p, _ in MUTATIONS],
)
def test_what_is_rendered_differently_is_another_revision(manifest: Manifest, path: Path, value: Any) -> None:
    """Otherwise the change would never reach an engine; of every field that an example or a rich patch writes."""
    before, now = made(manifest), identity_of(manifest)
    assert before
    changes = [changed(manifest, path, instead) for instead in others(value)] + [without(manifest, path)]
    different = [changed_ for changed_ in changes if made(changed_) not in (None, before)]
    assert [c for c in different if identity_of(c) == now] == []


def test_most_of_these_changes_are_valid_and_count() -> None:
    """So that the test above says something."""
    counted = sum(
        any(made(changed(m, p, v)) not in (None, made(m)) for v in others(value)) for m, p, value in MUTATIONS
    )
    assert counted > 0.6 * len(MUTATIONS)


def identity_of(manifest: Manifest) -> str:
    return identity(ModelDeployment.model_validate({**manifest, "status": None}))


def test_each_is_another() -> None:
    every = [
        {},
        {"servedNames": ["a"]},
        {"servedNames": ["llama", "a"]},
        {"storage": {"ephemeral": {"sizeLimit": "1Gi"}}},
    ]
    every += [{"storage": {"claim": CLAIM}}, {"storage": {"existingClaim": {"claimName": "llama-weights"}}}]
    assert len({of(source=source) for source in every}) == len(every)
