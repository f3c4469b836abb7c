"""What Envoy tells the brain of requests that are over: fluentd's protocol, MessagePack, on a Unix socket.

https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/access_loggers/fluentd/v3/fluentd.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.envoy.types import Resource, duration, extension


def log(name: str, cluster: str, record: Mapping[str, Any], *, flush: float, batch: int, again: float) -> Resource:
    """An access log, without its filter. `flush`: seconds after which it is sent at the latest; `batch`: bytes that wait for each other at
    most; `again`: seconds until the first attempt to connect anew."""
    return extension(
        name,
        "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig",
        cluster=cluster,
        tag="tidegate",
        stat_prefix=cluster,
        buffer_flush_interval=duration(flush),
        buffer_size_bytes=batch,
        record=record,
        retry_options={"backoff_options": {"base_interval": duration(again), "max_interval": duration(10)}},
    )
