"""`spec.kv` of a CacheTier: a volume of KV-cache blocks that engines of several models share."""

from __future__ import annotations

from typing import ClassVar, Final

from tidegate.api.base import ObjectName, Part, Rule, Words, cel_format
from tidegate.api.modeldeployment import same_class, unless_changed
from tidegate.api.values import Quantity, amount

_AGAIN: Final = "take kv out of the CacheTier, wait until its claim is gone, and write it again"
_SHRINKS: Final = f"kv.size can grow but not shrink from {{}} to {{}}; {_AGAIN}"


class KVTier(Part):
    """A volume of KV blocks; models name the tier in `engine.kvOffload.shared`."""

    size: Quantity
    """Room for blocks, for example 500Gi. When it is full, those that were not used for longest are removed; the claim is a quarter larger, for
    what is written meanwhile. It can grow later where the StorageClass allows it."""
    storage_class_name: ObjectName | None = None
    """StorageClass of the claim, which has to offer ReadWriteMany. It cannot be changed later. Default: the cluster's default class."""

    rules: ClassVar = (
        Rule(
            "quantity(string(self.size)).compareTo(quantity('1Gi')) >= 0",
            "kv.size must be at least 1Gi, for example 500Gi: one prompt of a long conversation takes gigabytes",
            lambda k: amount(k.size) >= amount("1Gi"),
            ".size",
        ),
        same_class(f"storageClassName of kv cannot change; {_AGAIN}"),
        Rule(
            "!quantity(string(self.size)).isLessThan(quantity(string(oldSelf.size)))",
            f"kv.size can grow but not shrink; {_AGAIN}",
            unless_changed,
            ".size",
            Words(cel_format(_SHRINKS, "string(oldSelf.size)", "string(self.size)"), lambda _: ""),
        ),
    )
