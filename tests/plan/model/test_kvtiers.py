"""Tiers below host memory: the table of plan/model/kvtiers.py, and whose blocks are whose."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.api.identity import identity
from tidegate.plan.model.engine import pod_template
from tidegate.plan.model.kvtiers import computed_by, kv_tiers

DISK = {"size": "100Gi"}
SHARED = {"cacheTierRef": {"name": "shared"}, "weightsVersion": "1"}


def parsed(offload: Any, name: str = "llama", source: Any = None, **engine: Any) -> ModelDeployment:
    kv = {"kvOffload": {"hostMemory": "16Gi", **offload}} if offload is not None else {}
    return ModelDeployment.model_validate(model(name, engine={**kv, **engine}, source=source))


def spec_of(found: ModelDeployment) -> Any:
    return pod_template(found, "r1", DEFAULTS)["spec"]


def flag(found: ModelDeployment, name: str) -> str | None:
    args = spec_of(found)["containers"][0]["args"]
    return str(args[args.index(name) + 1]) if name in args else None


@pytest.mark.parametrize(
    ("offload", "size", "tiers"),
    [
        (None, None, None),
        ({}, "16", None),
        ({"disk": DISK}, None, ["/kv/disk"]),
        ({"shared": SHARED}, None, ["/kv/shared/"]),
        ({"disk": DISK, "shared": SHARED}, None, ["/kv/disk", "/kv/shared/"]),
    ],
)
def test_flags(offload: Any, size: str | None, tiers: list[str] | None) -> None:
    found = parsed(offload)
    assert flag(found, "--kv-offloading-size") == size
    said = flag(found, "--kv-transfer-config")
    assert (said is None) == (tiers is None)
    if said and tiers:
        config = json.loads(said)
        extra = config.pop("kv_connector_extra_config")
        assert config == {"kv_connector": "OffloadingConnector", "kv_role": "kv_both"}
        assert (extra["spec_name"], extra["cpu_bytes_to_use"]) == ("TieringOffloadingSpec", 16 << 30)
        roots = [tier["root_dir"] for tier in extra["secondary_tiers"]]
        assert [root.startswith(begin) for root, begin in zip(roots, tiers, strict=True)] == [True] * len(tiers)
        assert {tier["type"] for tier in extra["secondary_tiers"]} == {"fs"}


def test_every_data_parallel_copy_has_its_part_of_host_memory() -> None:
    said = flag(parsed({"disk": DISK}, gpus={"count": 4}, parallelism={"data": 4}), "--kv-transfer-config")
    assert json.loads(str(said))["kv_connector_extra_config"]["cpu_bytes_to_use"] == 4 << 30


def test_a_pod_has_the_disk_and_who_keeps_it_small() -> None:
    spec = spec_of(parsed({"disk": DISK}))
    [sweeper] = spec["initContainers"]
    assert sweeper["restartPolicy"] == "Always"
    assert sweeper["args"][:5] == ["sweep", "--folder", "/kv/disk", "--size", str(100 << 30)]
    assert {"name": "kv-disk", "emptyDir": {"sizeLimit": "128000Mi"}} in spec["volumes"]
    assert spec["containers"][0]["resources"]["requests"]["ephemeral-storage"] == "128000Mi"


def test_a_volume_of_a_class_is_not_the_nodes_disk() -> None:
    spec = spec_of(parsed({"disk": DISK | {"storageClassName": "fast"}}))
    [volume] = [v for v in spec["volumes"] if v["name"] == "kv-disk"]
    claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"] == {"requests": {"storage": "128000Mi"}}
    assert "ephemeral-storage" not in spec["containers"][0]["resources"]["requests"]


def test_nobody_sweeps_what_is_shared_but_the_tier() -> None:
    spec = spec_of(parsed({"shared": SHARED}))
    assert "initContainers" not in spec
    assert {"name": "kv-shared", "persistentVolumeClaim": {"claimName": "shared-kv"}} in spec["volumes"]


def test_another_tier_is_another_revision() -> None:
    offloads: list[Any] = [None, {}, {"disk": DISK}, {"disk": {"size": "200Gi"}}, {"shared": SHARED}]
    offloads.append({"shared": SHARED | {"weightsVersion": "2"}})
    assert len({identity(parsed(offload)) for offload in offloads}) == len(offloads)
    assert identity(parsed({"disk": DISK})) == identity(parsed({"disk": {"size": "102400Mi"}}))


PINNED = {"uri": "hf://acme/llama@" + "0" * 40}


def whose(**parts: Any) -> str:
    return computed_by(parsed({"shared": SHARED}, **parts), DEFAULTS)


@pytest.mark.parametrize(
    "parts",
    [
        {"source": {"uri": "hf://acme/other"}},
        {"source": PINNED},
        {"source": {"adapters": [{"name": "a", "uri": "hf://acme/a"}]}},
        {"source": {"adapters": [{"name": "a", "uri": "hf://acme/b"}]}},
        {"image": "vllm/vllm-openai:v0.33.0"},
        {"dtype": "float16"},
        {"quantization": "fp8"},
        {"args": ["--kv-cache-dtype", "fp8"]},
        {"env": [{"name": "VLLM_ATTENTION_BACKEND", "value": "X"}]},
        {"podTemplatePatch": {"spec": {"containers": [{"name": "engine", "image": "x"}]}}},
    ],
)
def test_whoever_may_compute_otherwise_reads_no_blocks_of_others(parts: Any) -> None:
    assert whose(**parts) != whose()


def test_another_version_of_the_weights_reads_none_of_before() -> None:
    other = parsed({"shared": SHARED | {"weightsVersion": "2"}})
    assert computed_by(other, DEFAULTS) != whose()


def test_a_newer_engine_of_the_operators_reads_none_of_before() -> None:
    newer = replace(DEFAULTS, engine_image="vllm/vllm-openai:v2")
    assert computed_by(parsed({"shared": SHARED}), newer) != whose()


@pytest.mark.parametrize(
    "parts",
    [
        {"name": "other"},
        {"source": {"servedNames": ["x"]}},
        {"source": {"storage": {"ephemeral": {"sizeLimit": "1Gi"}}}},
        {"maxNumSeqs": 8},
        {"gpuMemoryUtilization": "80%"},
        {"gpus": {"count": 4}},
        {"startupTimeout": "1h"},
    ],
)
def test_models_and_revisions_that_compute_the_same_share(parts: Any) -> None:
    assert whose(**parts) == whose()


def test_nothing_without_a_tier_below_memory() -> None:
    assert kv_tiers(parsed({}), DEFAULTS) == kv_tiers(parsed(None), DEFAULTS)
    assert kv_tiers(parsed({}), DEFAULTS).volumes == ()
