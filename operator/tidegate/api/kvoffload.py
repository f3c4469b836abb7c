"""`spec.engine.kvOffload`: KV-cache blocks that leave the GPU, for host memory, for a disk, and for a volume that engines share."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api.base import LocalRef, ObjectName, Part, Rule, cel_string
from tidegate.api.values import Quantity, amount

SPARE: Final = Decimal("1.25")
"""Bytes of a volume for each byte of its blocks: blocks are written faster than old ones are removed, and a Pod that fills its own
volume is evicted."""


_TOO_OLD: Final = r"(^|/)vllm[a-z0-9_-]*:v?0\.([0-9]|1[0-9]|2[01])([.-]|$)"
"""Images whose tag says a vLLM before 0.22, the first with tiers below host memory. An image under another name, or by its digest, says
nothing."""
_PINNED: Final = r"^(hf://.+@[0-9a-f]{40}|oci://.+@sha256:[0-9a-f]{64})$"
_TRANSFER: Final = r"^--kv[-_]t"
"""--kv-transfer-config, as far as argparse needs it written."""


def too_old_cel(image: str) -> str:
    """`too_old` in CEL."""
    return f"{image}.matches({cel_string(_TOO_OLD)})"


def pinned_cel(uri: str) -> str:
    """`pinned` in CEL."""
    return f"{uri}.matches({cel_string(_PINNED)})"


def transfers_cel(arg: str) -> str:
    """`transfers` in CEL."""
    return f"{arg}.matches({cel_string(_TRANSFER)})"


def too_old(image: str) -> bool:
    """Whether an image says that it is a vLLM without tiers below host memory."""
    return re.search(_TOO_OLD, image) is not None


def pinned(uri: str) -> bool:
    """Whether a uri means the same files for ever: a commit, or a digest."""
    return re.fullmatch(_PINNED, uri) is not None


def transfers(arg: str) -> bool:
    """Whether a word of the command line is --kv-transfer-config."""
    return re.search(_TRANSFER, arg) is not None


class KVDisk(Part):
    """A disk of each Pod's own."""

    size: Quantity
    """Room for blocks. When it is full, those that were not used for longest are removed; a quarter more is set aside for what is written
    meanwhile."""
    storage_class_name: ObjectName | None = None
    """StorageClass of a volume that is made for each Pod and goes with it. Default: the node's own disk, counted as ephemeral storage."""


class SharedKV(Part):
    """Blocks that engines of several Pods and models have together."""

    cache_tier_ref: LocalRef
    """The CacheTier that has `kv`, in the same namespace."""
    weights_version: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Which weights are behind the model's uri, in your own words; blocks of other ones are never read. Needed where the uri, or an
    adapter's, can mean other files tomorrow: everything but hf:// with a commit and oci:// with a digest."""


class KVOffload(Part):
    """KV-cache blocks that leave the GPU."""

    host_memory: Quantity
    """Host memory for KV blocks, per Pod (`--kv-offloading-size` of the whole replica). The blocks lie in /dev/shm, where models
    with several kinds of attention take up to twice as much: so much is added to /dev/shm, and to the memory request and limit."""
    disk: KVDisk | None = None
    """A disk below host memory, per Pod. Needs vLLM 0.22. Default: none."""
    shared: SharedKV | None = None
    """A volume below host memory and disk that a CacheTier keeps for several models: a new Pod finds what others computed. Needs vLLM 0.22.
    Default: none."""

    rules: ClassVar = (
        Rule(
            "!has(self.disk) || quantity(string(self.disk.size)).isGreaterThan(quantity(string(self.hostMemory)))",
            "disk.size must be above hostMemory, because every block of host memory is on the disk too: 100Gi below 16Gi of memory",
            lambda k: k.disk is None or amount(k.disk.size) > amount(k.host_memory),
            ".disk",
        ),
    )

    def beyond_memory(self) -> bool:
        """Whether there is a tier below host memory."""
        return self.disk is not None or self.shared is not None
