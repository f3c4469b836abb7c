"""A plan is a value: what to apply, what to delete, what to report, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""

AT_ONCE: Final = 0.0
"""`next_check` of a plan that could not plan everything before a part of it is there: children that need another one's uid."""


@dataclass(frozen=True)
class ObjectKey:
    """Which object: namespaced kinds only."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> ObjectKey:
        """The key of a manifest."""
        meta = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], meta["namespace"], meta["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Plan:
    """What should be done about one custom resource, in this order: status, apply, delete."""

    status: Manifest
    """The whole status block."""
    apply: tuple[Manifest, ...] = ()
    """Objects as they should be, owner references included."""
    delete: tuple[ObjectKey, ...] = ()
    """Children that nothing wants any more."""
    next_check: float | None = None
    """Seconds until the next look, even if nothing happens; None waits for an event."""
    reasons: tuple[str, ...] = field(default=())
    """Sentences for the log: why this plan does something."""
