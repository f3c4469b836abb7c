"""Tiers below host memory as vLLM's `fs` tiers lay them out: a file for each block, in folders by the first digits of its hash.

https://docs.vllm.ai/en/v0.32.0/features/kv_offloading_usage/
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_MASK = 2**64 - 1


class BlockFiles:
    """The same block in each of these folders; `size` bytes stand for its keys and values."""

    def __init__(self, roots: Sequence[str], model: str, size: int) -> None:
        name = model.replace("/", "_")
        self._bases = [Path(root) / f"{name}_000000000000_r0" for root in roots]
        self._size = size

    def has(self, block_hash: int) -> bool:
        """Whether some folder has it."""
        return any((base / _place(block_hash)).exists() for base in self._bases)

    def keep(self, block_hash: int) -> None:
        """Writes it where it is not; as vLLM, whoever cannot goes on without."""
        for base in self._bases:
            path = base / _place(block_hash)
            if not path.exists():
                with suppress(OSError):
                    self._write(path)

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}_{os.getpid()}.tmp")
        half.write_bytes(b"\1" * self._size)
        half.replace(path)


def _place(block_hash: int) -> str:
    digits = f"{block_hash & _MASK:016x}"
    return f"{digits[:3]}/{digits[3:5]}_g0/{digits}.bin"
