"""Tiers below the device: what the operator writes is understood, blocks are files, and another engine finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.engine_sim import argv
from e2e.engine_sim.connector import BadConnector, Connector, connector_of
from e2e.engine_sim.kvcache import BlockPool
from e2e.engine_sim.kvfiles import BlockFiles
from e2e.engine_sim.settings import engine_settings
from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.kvtiers import kv_tiers

FS = {"type": "fs", "root_dir": "/kv/disk"}
TIERING = {"spec_name": "TieringOffloadingSpec", "cpu_bytes_to_use": 1 << 29, "secondary_tiers": [FS]}


def config(**extra: Any) -> dict[str, Any]:
    return {"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_connector_extra_config": extra}


def test_what_the_operator_writes_is_understood() -> None:
    offload = {"hostMemory": "512Mi", "disk": {"size": "1Gi"}}
    found = ModelDeployment.model_validate(model(engine={"kvOffload": offload}))
    flags = kv_tiers(found, DEFAULTS).args
    settings = engine_settings(argv.parse(["serve-me", *flags]), {})
    assert (settings.host_blocks, settings.tiers) == (256, ("/kv/disk",))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, Connector()),
        ({}, Connector()),
        ({"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"}, Connector()),
        (config(cpu_bytes_to_use=1 << 30), Connector(1.0)),
        (config(cpu_bytes_to_use=1 << 30, secondary_tiers=[FS]), Connector(1.0)),
        (config(**TIERING), Connector(0.5, ("/kv/disk",))),
    ],
)
def test_connectors(given: Any, found: Connector) -> None:
    assert connector_of(given) == found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kv_connector": "OffloadingConnector"}, "Please specify kv_role"),
        (config(), "cpu_bytes_to_use must be specified"),
        (config(**TIERING | {"secondary_tiers": [{"type": "disk"}]}), "Unknown secondary tier type: 'disk'"),
        (config(**TIERING | {"secondary_tiers": [{"type": "fs"}]}), "with root_dir"),
    ],
)
def test_what_no_engine_starts_with(given: Any, says: str) -> None:
    with pytest.raises(BadConnector, match=says):
        connector_of(given)


def pool(*roots: Path, name: str = "acme/llama") -> BlockPool:
    return BlockPool(10, host_blocks=1, below=BlockFiles(list(map(str, roots)), name, 512))


def computed(engine: BlockPool, hashes: list[int]) -> None:
    for block, block_hash in zip(engine.allocate(len(hashes)) or [], hashes, strict=True):
        engine.fill(block, block_hash)


def test_another_engine_finds_what_one_computed(tmp_path: Path) -> None:
    one, other, stranger = pool(tmp_path), pool(tmp_path), pool(tmp_path, name="acme/other")
    computed(one, [1, -2, 3])
    assert other.offloaded([1, -2, 3, 4]) == (3, 3)
    assert stranger.offloaded([1, -2, 3]) == (0, 0)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".bin"}
    assert {path.stat().st_size for path in files} == {512}


def test_a_block_that_somebody_removed_is_not_there(tmp_path: Path) -> None:
    engine = pool(tmp_path)
    computed(engine, [1, 2])
    for path in tmp_path.rglob("*.bin"):
        path.unlink()
    assert engine.offloaded([1, 2]) == (0, 0)


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    engine = pool(file)
    computed(engine, [1])
    assert engine.offloaded([1]) == (0, 0)


def test_flags_are_json(tmp_path: Path) -> None:
    said = json.dumps(config(**TIERING | {"secondary_tiers": [{"type": "fs", "root_dir": str(tmp_path)}]}))
    settings = engine_settings(argv.parse(["m", "--kv-transfer-config", said]), {"ENGINE_SIM_KV_FILE_KIB": "64"})
    assert (settings.tiers, settings.block_file_bytes) == ((str(tmp_path),), 65536)
