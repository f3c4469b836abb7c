"""The container that keeps a folder of KV blocks within its size."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from tidegate import names
from tidegate.api.kvoffload import SPARE
from tidegate.api.values import amount, bytes_quantity
from tidegate.plan.kube.objects import OURS
from tidegate.plan.world import Defaults

RESOURCES: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}


def sweeper(defaults: Defaults, volume: str, folder: str, size: str) -> dict[str, Any]:
    """With the operator's own image; `size` is for the blocks."""
    return {
        "name": names.SWEEPER_CONTAINER,
        "image": defaults.brain_image,
        "args": ["sweep", "--folder", folder, "--size", str(int(amount(size))), "--log-format", defaults.log_format],
        "resources": RESOURCES,
        **OURS,
        "volumeMounts": [{"name": volume, "mountPath": folder}],
    }


def with_spare(size: str) -> str:
    """What a volume has to hold for so many bytes of blocks."""
    return bytes_quantity(Decimal(amount(size)) * SPARE)
