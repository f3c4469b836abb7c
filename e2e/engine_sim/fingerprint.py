"""`system_fingerprint`: version, parallelism and a hash of the engine's configuration."""

import zlib
from functools import cache

from e2e.engine_sim import VERSION
from e2e.engine_sim.settings import EngineSettings


def fingerprint(settings: EngineSettings) -> str:
    """For example `vllm-0.32.0-tp2-bc1e28ff`."""
    return _fingerprint(settings.root, settings.max_model_len, settings.block_size, settings.parallelism)


@cache
def _fingerprint(root: str, max_model_len: int, block_size: int, parallelism: tuple[tuple[str, int], ...]) -> str:
    digest = zlib.crc32(f"{root} {max_model_len} {block_size}".encode())
    return "-".join([f"vllm-{VERSION}", *(f"{name}{size}" for name, size in parallelism), f"{digest:08x}"])
