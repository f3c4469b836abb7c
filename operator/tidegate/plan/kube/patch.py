"""Strategic merge of a Pod template, as `kubectl patch --type=strategic` does it for the lists of a Pod.

https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/#notes-on-the-strategic-merge-patch
Maps merge, null removes, lists with a merge key merge by it (new items are appended), other lists are replaced. An item
with `$patch: delete` removes its namesake.
"""

from __future__ import annotations

from typing import Any, Final

MERGE_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
}
"""Merge keys of core/v1 PodSpec and Container."""


def merged(base: Any, patch: Any, field: str = "") -> Any:
    """`base` with `patch` over it; neither is changed."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return _maps(base, patch)
    if isinstance(base, list) and isinstance(patch, list) and field in MERGE_KEYS:
        return _lists(base, patch, MERGE_KEYS[field])
    return patch


def _maps(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in base.items() if key not in patch or patch[key] is not None}
    for key, value in patch.items():
        if value is not None and key != "$patch":
            out[key] = merged(out.get(key, {} if isinstance(value, dict) else None), value, key)
    return out


def _lists(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    changes = {item.get(key): item for item in patch}
    kept = [
        merged(item, changes[item.get(key)]) if item.get(key) in changes else item
        for item in base
        if changes.get(item.get(key), {}).get("$patch") != "delete"
    ]
    known = {item.get(key) for item in base}
    return kept + [item for item in patch if item.get(key) not in known and item.get("$patch") != "delete"]
