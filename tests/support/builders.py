"""Small manifests with everything required, and the rest as keyword arguments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate import names
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.world import Defaults

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = "2026-03-01T11:00:00+00:00"
DEFAULTS = Defaults(
    version="1.0.0",
    engine_image="vllm/vllm-openai:v1",
    envoy_image="envoyproxy/envoy:v1.40.0",
    brain_image="ghcr.io/tidegate/tidegate:1.0.0",
    store_image="valkey/valkey:1",
)


def owner(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A custom resource as the API server returns it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-of-{name}",
            "resourceVersion": "10",
            "generation": 1,
            **metadata,
        },
        "spec": spec,
    }


def model(name: str = "llama", *, engine: Any = None, source: Any = None, **spec: Any) -> dict[str, Any]:
    """A ModelDeployment."""
    return owner(
        names.MODEL_DEPLOYMENT,
        name,
        {
            "model": {"uri": "hf://acme/llama-8b", **(source or {})},
            "engine": {"gpus": {"count": 1}, **(engine or {})},
            **spec,
        },
    )


def policy(name: str = "chat", models: tuple[str, ...] = ("llama",), **spec: Any) -> dict[str, Any]:
    """A RoutingPolicy with one route over one backend for each model."""
    backends = [{"name": f"to-{m}", "modelDeploymentRef": {"name": m}} for m in models]
    route = {"name": "main", "models": [name], "to": {"backends": [{"name": b["name"]} for b in backends]}}
    return owner(
        names.ROUTING_POLICY, name, {"auth": {"anonymous": {}}, "backends": backends, "routes": [route], **spec}
    )


def cached(policy: dict[str, Any], tier: str = "shared") -> dict[str, Any]:
    """The same policy, whose routes have the answers of this CacheTier."""
    routes = [route | {"cache": {"cacheTierRef": {"name": tier}}} for route in policy["spec"]["routes"]]
    return policy | {"spec": policy["spec"] | {"routes": routes}}


def managed_tier(name: str = "shared", **store: Any) -> dict[str, Any]:
    """A CacheTier with a store of the operator's."""
    return owner(names.CACHE_TIER, name, {"store": {"managed": store}})


def existing_tier(name: str = "shared", **store: Any) -> dict[str, Any]:
    """A CacheTier with a store of the user's."""
    secret = {"urlSecretRef": {"name": "redis", "key": "url"}}
    return owner(names.CACHE_TIER, name, {"store": {"existing": {**secret, **store}}})


def live(manifest: Manifest, version: int = 5, **status: Any) -> dict[str, Any]:
    """A child as the API server returns it: with uid and resourceVersion, and with a status if one is given."""
    metadata = {**manifest["metadata"], "resourceVersion": str(version)}
    metadata["uid"] = f"uid-of-{manifest['kind']}-{metadata['name']}"
    return {**manifest, "metadata": metadata} | ({"status": status} if status else {})


def pod(name: str, labels: dict[str, str], *, ready: bool = True, **status: Any) -> dict[str, Any]:
    """A Pod of ours."""
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-of-{name}",
            "resourceVersion": "7",
            "labels": labels,
        },
        "status": {"podIP": "127.0.0.9", "conditions": [condition], **status},
    }


def key_of(manifest: Manifest) -> ObjectKey:
    """Short for ObjectKey.of."""
    return ObjectKey.of(manifest)


def condition(status: Manifest, kind: str) -> dict[str, Any]:
    """The condition of this type; fails when there is none."""
    return next(dict(c) for c in status["conditions"] if c["type"] == kind)


def verdict(status: Manifest) -> tuple[str, str, str]:
    """Ready, Reconciling and Stalled of a status."""
    ready, reconciling, stalled = (condition(status, kind)["status"] for kind in ("Ready", "Reconciling", "Stalled"))
    return ready, reconciling, stalled
