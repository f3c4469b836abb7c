"""Promise: a real vLLM takes the tiers that we write, and loses nothing but blocks when one is swept (`make e2e-vllm`)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from e2e.vllm import quickstart

pytestmark = pytest.mark.vllm
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "operator"),
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}
NO_GPU = "CPU Offloading is currently only supported on CUDA-alike and XPU GPUs"


def _run(*command: str, seconds: int) -> subprocess.CompletedProcess[str]:
    binaries = quickstart.home() / "v/bin"
    return subprocess.run(
        [str(binaries / command[0]), *command[1:]],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_its_file_tier_is_swept_and_shared(tmp_path: Path) -> None:
    done = _run("python", str(ROOT / "e2e/vllm/kv_tier.py"), str(tmp_path), seconds=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {
        "written": 40,
        "found": 40,
        "removed": 22,
        "lost": 22,
        "left": 18,
        "shared": 18,
        "same bytes": True,
        "written again": 22,
    }


def test_the_flag_is_taken_until_there_has_to_be_a_gpu(tmp_path: Path) -> None:
    """The only thing that is wrong is that there is none."""
    extra = {
        "spec_name": "TieringOffloadingSpec",
        "cpu_bytes_to_use": 64 << 20,
        "secondary_tiers": [{"type": "fs", "root_dir": str(tmp_path)}],
    }
    connector = {"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_connector_extra_config": extra}
    done = _run(
        "vllm", "serve", str(quickstart.home() / "tiny"), *quickstart.FLAGS, "--dtype", "float32", "--max-model-len", "1024",
        "--host", "127.0.0.1", "--port", "18555", "--kv-transfer-config", json.dumps(connector), seconds=240,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Creating offloading spec with name: TieringOffloadingSpec" in done.stdout + done.stderr
    assert NO_GPU in done.stdout + done.stderr
