"""vLLM's own file tier and our sweeper on one folder, without an engine: kv_tier.py FOLDER. Run by the Python that vLLM is installed in.

Prints what came of it as JSON: how many of 40 blocks were written, found, removed, lost without harm, found by a second tier, and written again.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from vllm.v1.kv_offload.base import LookupResult, ReqContext, make_offload_key  # type: ignore[import-not-found]
from vllm.v1.kv_offload.config import (  # type: ignore[import-not-found]
    OffloadingCacheConfig,
    OffloadingConfig,
    OffloadingGroupConfig,
    OffloadingModelConfig,
    OffloadingParallelConfig,
)
from vllm.v1.kv_offload.tiering.base import TransferJob  # type: ignore[import-not-found]
from vllm.v1.kv_offload.tiering.spec import TieringOffloadingSpec  # type: ignore[import-not-found]

from tidegate.sweep.folder import sweep

BLOCKS, BYTES = 40, 1 << 20


def tier(folder: Path, name: str) -> Any:
    """The file tier below 64 MiB of host memory, as vLLM makes it of kv_connector_extra_config."""
    extra = {"cpu_bytes_to_use": 64 << 20, "secondary_tiers": [{"type": "fs", "root_dir": str(folder)}]}
    config = OffloadingConfig(
        groups=(OffloadingGroupConfig(16, ("layer",), 0),),
        worker_kv_bytes_per_block=BYTES,
        enable_kv_cache_events=False,
        extra_config=extra,
        engine_id=f"{name}-{os.getpid()}",
        model=OffloadingModelConfig("tiny", "float32"),
        cache=OffloadingCacheConfig(16, 1),
        parallel=OffloadingParallelConfig(0, 1, 1, 1, 1, 1, 0, 1, None, is_parallelism_agnostic=True),
    )
    manager = TieringOffloadingSpec(config).get_manager()
    return manager.secondary_tiers[0]


def carried(files: Any, numbers: list[int], *, load: bool) -> list[bool]:
    """Whether each block could be written, or read."""
    submit = files.submit_load if load else files.submit_store
    for number in numbers:
        submit(TransferJob(number, [KEYS[number]], np.array([number]), load, ReqContext("r")))
    done: dict[int, bool] = {}
    while len(done) < len(numbers):
        done |= {job.job_id: job.success for job in files.get_finished_jobs()}
        time.sleep(0.01)
    return [done[number] for number in numbers]


def found(files: Any, request: str) -> list[int]:
    """Numbers of blocks that a new request finds."""
    context, results = ReqContext(request), [LookupResult.RETRY]
    while LookupResult.RETRY in results:
        results = [files.lookup(key, context) for key in KEYS]
        files.on_schedule_end(None)
        time.sleep(0.01)
    files.on_request_finished(context)
    return [number for number, result in enumerate(results) if result is LookupResult.HIT]


def content(files: Any, number: int) -> bytes:
    """A block in a tier's host memory."""
    return bytes(files._primary_kv_view.cast("B")[number * BYTES : (number + 1) * BYTES])


KEYS = [make_offload_key(bytes([number]) * 32, 0) for number in range(BLOCKS)]


def main(folder: Path) -> dict[str, Any]:
    """The story."""
    one = tier(folder, "one")
    one._primary_kv_view.cast("B")[: BLOCKS * BYTES] = os.urandom(BLOCKS * BYTES)
    everything = list(range(BLOCKS))
    written, before = sum(carried(one, everything, load=False)), len(found(one, "before"))
    for age, block in enumerate(sorted(folder.rglob("*.bin"))):
        os.utime(block, (1e9 + 100 * age, 1e9 + 100 * age))
    swept = sweep(folder, BLOCKS // 2 * BYTES)
    lost = carried(one, everything, load=True).count(False)
    left, other = found(one, "after"), tier(folder, "other")
    shared = found(other, "other")
    read = sum(carried(other, shared, load=True))
    same = all(content(one, number) == content(other, number) for number in shared)
    again = sum(carried(one, [number for number in everything if number not in left], load=False))
    return {
        "written": written,
        "found": before,
        "removed": swept.blocks,
        "lost": lost,
        "left": len(left),
        "shared": read,
        "same bytes": same,
        "written again": again,
    }


if __name__ == "__main__":
    said = main(Path(sys.argv[1]))
    print(json.dumps(said), flush=True)
    for left in Path("/dev/shm").glob(f"vllm_offload_*-{os.getpid()}.mmap"):
        left.unlink()
    os._exit(0)  # a tier's threads wait for an engine's end
