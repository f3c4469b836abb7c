"""What `kubectl get -o json` answers, asked of the API server itself: tests ask again and again while they wait, and a kubectl for each
question takes more of a small machine than what they wait for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from e2e.devcluster.api import Api

Object = dict[str, Any]

_CORE: Final = {
    "cm": "configmaps",
    "configmap": "configmaps",
    "pod": "pods",
    "pvc": "persistentvolumeclaims",
    "sa": "serviceaccounts",
    "serviceaccount": "serviceaccounts",
    "secret": "secrets",
    "svc": "services",
    "service": "services",
}
_GROUPS: Final = {
    "api/v1": {name: name for name in _CORE.values()} | _CORE,
    "apis/apps/v1": {
        "controllerrevision": "controllerrevisions",
        "deploy": "deployments",
        "statefulset": "statefulsets",
    },
    "apis/events.k8s.io/v1": {"events.events.k8s.io": "events"},
    "apis/networking.k8s.io/v1": {"networkpolicy": "networkpolicies"},
    "apis/policy/v1": {"pdb": "poddisruptionbudgets"},
    "apis/rbac.authorization.k8s.io/v1": {"role": "roles", "rolebinding": "rolebindings"},
    "apis/tidegate.dev/v1alpha1": {"ctier": "cachetiers", "mdep": "modeldeployments", "rpol": "routingpolicies"},
}
WHERE: Final = {short: (group, plural) for group, kinds in _GROUPS.items() for short, plural in kinds.items()}
"""Words for kinds that tests use: where their collections are."""


def get(api: Api, namespace: str, arguments: Sequence[str]) -> Object | None:
    """The answer to `kubectl get ARGUMENTS -o json`: `KIND/NAME`, `KIND NAME`, or `KIND,KIND` with `-l SELECTOR` or without. None for a
    question of another form, which is one for kubectl. Raises ApiError, as for an object that is not there."""
    match arguments:
        case [kinds] if "/" not in kinds:
            return _lists(api, namespace, kinds, "")
        case [kinds, "-l", selector]:
            return _lists(api, namespace, kinds, selector)
        case [one]:
            kind, _, name = one.partition("/")
            return _one(api, namespace, kind, name)
        case [kind, name] if not name.startswith("-"):
            return _one(api, namespace, kind, name)
    return None


def _one(api: Api, namespace: str, kind: str, name: str) -> Object | None:
    return _plain(api.get(f"{_path(namespace, kind)}/{name}")) if kind in WHERE else None


def _lists(api: Api, namespace: str, kinds: str, selector: str) -> Object | None:
    words = kinds.split(",")
    if not all(word in WHERE for word in words):
        return None
    query = f"?labelSelector={quote(selector)}" if selector else ""
    return {"items": [item for word in words for item in _list(api.get(_path(namespace, word) + query))]}


def _list(answer: Object) -> list[Object]:
    """Items say of what kind they are, as kubectl's do."""
    said = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
    return [_plain(said | item) for item in answer["items"]]


def _path(namespace: str, kind: str) -> str:
    group, plural = WHERE[kind]
    return f"/{group}/namespaces/{namespace}/{plural}"


def _plain(item: Object) -> Object:
    item["metadata"].pop("managedFields", None)
    return item
