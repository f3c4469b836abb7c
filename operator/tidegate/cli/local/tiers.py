"""CacheTiers without a cluster: a store that the operator would run is not there, and one of yours is.

the tier has          then
-------------------   -----------------------------------------------------------------
an existing store     it is as in a cluster; `--secret` says its URL
a managed store       without it: `exact` is left out, and limits are counted here
no store              it is as in a cluster
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api.validate import check
from tidegate.plan.kube.reading import part, text
from tidegate.plan.plan import Manifest


@dataclass(frozen=True)
class Reachable:
    """What this machine has of the tiers."""

    tiers: Mapping[str, Manifest]
    """By name; one of which nothing is left is not there."""
    warnings: tuple[str, ...]

    @property
    def stores(self) -> set[str]:
        """Names of those that have a store."""
        return {name for name, tier in self.tiers.items() if "store" in tier["spec"]}


def reachable(tiers: Iterable[Manifest], namespace: str) -> Reachable:
    """As far as they are valid; the others' own complaints are among the warnings."""
    found: dict[str, Manifest] = {}
    warnings = []
    for tier in tiers:
        name = text(tier.get("metadata"), "name")
        if problems := check(tier):
            warnings.append(f"CacheTier {name}: {problems[0][0]}: {problems[0][1]}")
            continue
        spec = _here(tier["spec"])
        if spec:
            found[name] = {**tier, "metadata": {**tier["metadata"], "namespace": namespace}, "spec": spec}
        if "exact" in tier["spec"] and "exact" not in (spec or {}):
            warnings.append(
                f"CacheTier {name}: there is no managed store without a cluster, and no exact answers; name one of yours with "
                "store.existing and --secret, or write memory: {}"
            )
    return Reachable(found, tuple(warnings))


def _here(spec: Manifest) -> dict[str, Any] | None:
    """Without what a managed store is for; None where nothing is left."""
    if "managed" not in part(spec, "store"):
        return dict(spec)
    left = {name: value for name, value in spec.items() if name not in ("store", "exact")}
    return left if "memory" in left else None
