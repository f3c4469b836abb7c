"""Short names for Envoy's long ones. https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/api"""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]


def typed(kind: str, **fields: Any) -> Resource:
    """A google.protobuf.Any of an Envoy message."""
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def extension(name: str, kind: str, **fields: Any) -> Resource:
    """A TypedExtensionConfig, or a filter."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def duration(seconds: float) -> str:
    """A google.protobuf.Duration in JSON."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
