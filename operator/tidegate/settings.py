"""The operator's settings: read from the environment once, frozen afterwards. The chart writes every variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate import __version__
from tidegate.names import ANY_ADDRESS, BIND_VARIABLE, OPERATOR_HEALTH_PORT
from tidegate.plan.world import Defaults

ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
ENVOY_IMAGE = "envoyproxy/envoy:v1.40.0"
STORE_IMAGE = "valkey/valkey:9.1"
OPERATOR_IMAGE = f"ghcr.io/tidegate/tidegate:{__version__}"


@dataclass(frozen=True)
class Settings:
    """What an operator process is told."""

    defaults: Defaults
    """Images and version that go into what is rendered."""
    namespace: str
    """Namespace of the operator itself: where its Lease is."""
    identity: str
    """Name of this process among its replicas."""
    health_port: int
    """Port of /healthz, /readyz and /metrics."""
    workers: int
    """Objects that are worked on at once."""
    log_level: str


def from_environment(env: Mapping[str, str]) -> Settings:
    """Reads TIDEGATE_* and the Pod's own name and namespace."""
    defaults = Defaults(
        version=env.get("TIDEGATE_VERSION", __version__),
        engine_image=env.get("TIDEGATE_ENGINE_IMAGE", ENGINE_IMAGE),
        envoy_image=env.get("TIDEGATE_ENVOY_IMAGE", ENVOY_IMAGE),
        brain_image=env.get("TIDEGATE_ROUTER_IMAGE", OPERATOR_IMAGE),
        store_image=env.get("TIDEGATE_STORE_IMAGE", STORE_IMAGE),
        bind_address=env.get(BIND_VARIABLE, ANY_ADDRESS),
        assign_user=env.get("TIDEGATE_ASSIGN_USER", "true") == "true",
    )
    return Settings(
        defaults=defaults,
        namespace=env.get("POD_NAMESPACE", "default"),
        identity=env.get("POD_NAME", "tidegate"),
        health_port=int(env.get("TIDEGATE_HEALTH_PORT", OPERATOR_HEALTH_PORT)),
        workers=int(env.get("TIDEGATE_WORKERS", "8")),
        log_level=env.get("TIDEGATE_LOG_LEVEL", "INFO"),
    )
