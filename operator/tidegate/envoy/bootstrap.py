"""What an Envoy is started with, written once in a Pod's life: where its files are, how much memory it may take, and a listener for
probes that is answered whatever the traffic does.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/operations/overload_manager/overload_manager
"""

from __future__ import annotations

from typing import Final

from tidegate.envoy import fixed_clusters, observe, tunnels
from tidegate.envoy.listener import listen, manager
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension

MOST_CONNECTIONS: Final = 50_000
HEAP_SHARE: Final = 0.9
"""Of the container's memory: code and stacks are not heap."""
SMALLEST_ACCOUNT: Final = 20
"""Power of two in bytes: streams that hold 1 MiB and more are known by what they hold, so that the largest go first."""


def bootstrap(start: Start) -> Resource:
    """The admin interface is a Unix socket: only the brain reaches it."""
    return {
        "node": {"id": "router", "cluster": "tidegate"},
        "admin": {"address": {"pipe": {"path": f"{start.run_dir}/admin.sock", "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _file(f"{start.xds}/lds.json"),
            "cds_config": _file(f"{start.xds}/cds.json"),
        },
        "static_resources": {"listeners": [_probe_listener(start)], "clusters": fixed_clusters.clusters(start)},
        "layered_runtime": {"layers": [_switches(f"{start.xds}/{observe.SWITCHES}.json")]},
        "overload_manager": _overload(start.memory),
        **tunnels.allowed(),
    }


def _switches(path: str) -> Resource:
    return {"name": observe.SWITCHES, "rtds_layer": {"name": observe.SWITCHES, "rtds_config": _file(path)}}


def _probe_listener(start: Start) -> Resource:
    """At the limit of connections, or of memory, an Envoy that works must not be taken for one that hangs."""
    answer = {"match": {"prefix": "/healthz"}, "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}}}
    routes = {"name": "probes", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]}
    return {
        **listen("probes", start.address, start.probe_port, manager("probes", {"route_config": routes})),
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
    }


def _overload(memory: int) -> Resource:
    """First memory is given back, then the streams that hold most end, last nobody new is let in until there is room."""
    connections = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=MOST_CONNECTIONS,
    )
    if not memory:
        return {"resource_monitors": [connections]}
    heap = extension(
        "envoy.resource_monitors.fixed_heap",
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=int(memory * HEAP_SHARE),
    )
    return {
        "refresh_interval": duration(0.05),
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": SMALLEST_ACCOUNT},
        "resource_monitors": [connections, heap],
        "actions": [
            _action("shrink_heap", {"threshold": {"value": 0.8}}),
            # of HTTP/2 alone; uploads of HTTP/1 that stop coming end after UPLOAD_IDLE (routes.py)
            _action("reset_high_memory_stream", {"scaled": {"scaling_threshold": 0.8, "saturation_threshold": 0.95}}),
            _action("stop_accepting_requests", {"threshold": {"value": 0.95}}),
        ],
    }


def _action(name: str, trigger: Resource) -> Resource:
    return {
        "name": f"envoy.overload_actions.{name}",
        "triggers": [{"name": "envoy.resource_monitors.fixed_heap", **trigger}],
    }


def _file(path: str) -> Resource:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}
