"""What users may say about every kind of Pod that we make: its metadata, its place, its images' secrets, its resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate import names
from tidegate.api.base import LocalRef
from tidegate.api.engine import PodMetadata, Resources, Scheduling
from tidegate.api.values import amount


def metadata(
    given: PodMetadata, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A template's metadata: ours over the user's."""
    made: dict[str, Any] = {"labels": {**given.labels, names.MANAGED_BY_LABEL: names.MANAGED_BY, **labels}}
    notes = {**given.annotations, **(annotations or {})}
    return made | ({"annotations": notes} if notes else {})


def scheduling(given: Scheduling) -> dict[str, Any]:
    """The fields of a PodSpec that say where Pods may run."""
    return given.model_dump(by_alias=True, exclude_defaults=True)


def pull_secrets(given: Iterable[LocalRef]) -> dict[str, Any]:
    """The field of a PodSpec, if there are any."""
    secrets = [{"name": secret.name} for secret in given]
    return {"imagePullSecrets": secrets} if secrets else {}


def resources(given: Resources, requests: Mapping[str, str], limits: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A container's resources: what is given over these defaults. No default makes a request exceed its limit."""
    most = {
        kind: _most(default, given.requests.get(kind, "0")) for kind, default in (limits or {}).items()
    } | given.limits
    least = {kind: _least(default, most.get(kind, default)) for kind, default in requests.items()} | given.requests
    return {block: value for block, value in (("requests", least), ("limits", most)) if value}


def _least(one: str, other: str) -> str:
    return min(one, other, key=amount)


def _most(one: str, other: str) -> str:
    return max(one, other, key=amount)
