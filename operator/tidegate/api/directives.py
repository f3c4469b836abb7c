"""Directives of a strategic merge patch of a Pod: which lists are merged by what, and what Kubernetes could not read.

in the patch                      is refused because
--------------------------------  ---------------------------------------------------------------------------
$patch: merge                     only replace and delete exist
$patch in an item of other lists  a list without a merge key is replaced as a whole
an item without its merge key     nobody knows its namesake
$retainKeys without a field       the patch writes a field that it does not retain
$setElementOrder/x without an item  the patch writes an item that it does not order
any other $...                    Kubernetes has none, or none that a Pod's lists need
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

MERGE_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "evictionResponders": "name",
}
"""Merge keys of core/v1 PodSpec and Container: `x-kubernetes-patch-merge-key` of the API server's OpenAPI document."""
ONE_OF: Final = ("volumes", "resourceClaims")
"""Lists whose items are a name and one of many types (`retainKeys` in `x-kubernetes-patch-strategy`)."""

ORDER: Final = "$setElementOrder/"


def misread(patch: Any, path: str = "", field: str = "") -> Iterator[str]:
    """What Kubernetes would not read as it is written, each with its place."""
    if isinstance(patch, dict):
        yield from (f"{path}: {message}".lstrip(": ") for message in _map(patch))
        for key, value in patch.items():
            if not key.startswith("$"):
                yield from misread(value, f"{path}.{key}".lstrip("."), key)
    elif isinstance(patch, list):
        yield from (f"{path}: {message}" for message in _list(patch, MERGE_KEYS.get(field)))
        for index, item in enumerate(patch):
            yield from misread(item, f"{path}[{index}]")


def _map(patch: dict[str, Any]) -> Iterator[str]:
    if patch.get("$patch", "replace") not in ("replace", "delete"):
        yield f"$patch is replace or delete, not {patch['$patch']!r}"
    if "$retainKeys" in patch:
        yield from _retained(patch, patch["$retainKeys"])
    for key, value in patch.items():
        if key.startswith(ORDER):
            yield from _ordered(patch, key.removeprefix(ORDER), value)
        elif key.startswith("$") and key not in ("$patch", "$retainKeys"):
            yield f"{key} is not read; lists of plain values are replaced, so write the whole list"


def _retained(patch: dict[str, Any], keys: Any) -> Iterator[str]:
    if not isinstance(keys, list):
        yield "$retainKeys must be a list of the fields that stay, those of the patch among them"
        return
    lost = [key for key, value in patch.items() if value is not None and not key.startswith("$") and key not in keys]
    if lost:
        yield f"$retainKeys must name {lost[0]} too, because the patch writes it"


def _ordered(patch: dict[str, Any], field: str, order: Any) -> Iterator[str]:
    key = MERGE_KEYS.get(field)
    if key is None:
        yield f"{ORDER}{field} is not read; {field} is replaced as a whole, in the order in which it is written"
    elif not isinstance(order, list) or not all(isinstance(item, dict) and key in item for item in order):
        yield f"{ORDER}{field} must be a list of items with {key} alone"
    else:
        wanted = [item[key] for item in order]
        items = patch.get(field) or []
        yield from (
            f"{ORDER}{field} must name {item.get(key)!r} too, because the patch writes it"
            for item in items
            if isinstance(item, dict) and "$patch" not in item and item.get(key) not in wanted
        )


def _list(items: list[Any], key: str | None) -> Iterator[str]:
    for item in items:
        directive = item.get("$patch") if isinstance(item, dict) else None
        if key is None and directive is not None:
            yield "this list is replaced as a whole; leave $patch out and write all of its items"
        if key and not isinstance(item, dict):
            yield f"every item must be a map with {key}"
        elif key and key not in item and directive != "replace":
            yield f"every item needs {key}, by which it is merged"
