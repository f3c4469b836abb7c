"""Tiers below host memory, as what an engine needs for them: a flag, volumes and mounts; and the container that keeps a disk within its size.

kvOffload            --kv-offloading-size   --kv-transfer-config
------------------   --------------------   --------------------------------------------------------------
absent               -                      what the user's args say
hostMemory alone     that                   -
disk                 -                      host memory, and /kv/disk
shared               -                      host memory, and /kv/shared/<what these weights compute>
both                 -                      host memory, then the disk, then what is shared

vLLM knows a block by its tokens and by the model's path, not by the weights: two sets of files behind one path would read each other's blocks.
So engines share a folder only where all that shapes a block is the same, which `computed_by` says.

https://docs.vllm.ai/en/v0.32.0/features/kv_offloading_usage/
"""

from __future__ import annotations

import json
from typing import Any, Final

from tidegate import names
from tidegate.api.engine import Engine
from tidegate.api.identity import normal
from tidegate.api.kvoffload import KVDisk, KVOffload, SharedKV
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import amount
from tidegate.plan.kube.objects import empty_dir
from tidegate.plan.kube.sweeper import sweeper, with_spare
from tidegate.plan.model.argv import spread
from tidegate.plan.model.weights import Weights
from tidegate.plan.world import Defaults

DISK: Final = "kv-disk"
SHARED: Final = "kv-shared"
FOLDERS: Final = {DISK: "/kv/disk", SHARED: "/kv/shared"}
SHAPING: Final = ("dtype", "quantization", "args", "env", "podTemplatePatch")
"""Fields of spec.engine that may change what a block holds. vLLM itself tells apart by how it is spread over GPUs."""


def kv_tiers(model: ModelDeployment, defaults: Defaults) -> Weights:
    """Beside what the weights need; nothing where there is no tier below host memory."""
    offload = model.spec.engine.kv_offload
    if offload is None or not offload.beyond_memory():
        return Weights("")
    disks = [_disk(offload.disk)] if offload.disk else []
    volumes = disks + ([_claim(offload.shared)] if offload.shared else [])
    there = [volume["name"] for volume in volumes]
    roots = FOLDERS | {SHARED: f"{FOLDERS[SHARED]}/{computed_by(model, defaults)}"}
    return Weights(
        "",
        ("--kv-transfer-config", transfer_config(model.spec.engine, offload, [roots[name] for name in there])),
        volumes=tuple(volumes),
        mounts=tuple({"name": name, "mountPath": FOLDERS[name]} for name in there),
    )


def transfer_config(engine: Engine, offload: KVOffload, roots: list[str]) -> str:
    """The flag's value; every data parallel copy has host memory of its own."""
    extra = {
        "spec_name": "TieringOffloadingSpec",
        "cpu_bytes_to_use": int(amount(offload.host_memory)) // spread(engine).data,
        "secondary_tiers": [{"type": "fs", "root_dir": root} for root in roots],
    }
    connector = {"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_connector_extra_config": extra}
    return json.dumps(connector, separators=(",", ":"))


def computed_by(model: ModelDeployment, defaults: Defaults) -> str:
    """A hash of all that shapes a block: weights, adapters, the engine's version, and what may make it compute otherwise."""
    source, engine = model.spec.model, model.spec.engine
    shared = engine.kv_offload.shared if engine.kv_offload else None
    said = normal(engine)
    shape: dict[str, Any] = {
        "uri": source.uri,
        "adapters": {adapter.name: adapter.uri for adapter in source.adapters},
        "weightsVersion": shared.weights_version if shared else None,
        "image": engine.image or defaults.engine_image,
        **{field: said[field] for field in SHAPING if field in said},
    }
    return names.short_hash(json.dumps(shape, sort_keys=True), 16)


def sweepers(engine: Engine, defaults: Defaults) -> list[dict[str, Any]]:
    """For the Pod's own disk; a tier looks after what is shared."""
    disk = engine.kv_offload.disk if engine.kv_offload else None
    return [sweeper(defaults, DISK, FOLDERS[DISK], disk.size) | {"restartPolicy": "Always"}] if disk else []


def ephemeral_storage(engine: Engine) -> str:
    """What the node's own disk has to set aside for blocks; empty where it need not."""
    disk = engine.kv_offload.disk if engine.kv_offload else None
    return with_spare(disk.size) if disk and not disk.storage_class_name else ""


def _disk(disk: KVDisk) -> dict[str, Any]:
    if not disk.storage_class_name:
        return empty_dir(DISK, with_spare(disk.size))
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": disk.storage_class_name,
        "resources": {"requests": {"storage": with_spare(disk.size)}},
    }
    return {"name": DISK, "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


def _claim(shared: SharedKV) -> dict[str, Any]:
    return {"name": SHARED, "persistentVolumeClaim": {"claimName": names.kv_tier(shared.cache_tier_ref.name)}}
