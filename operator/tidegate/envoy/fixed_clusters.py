"""Whom the router itself asks and tells. What the listener names must stand in the bootstrap: Envoy refuses a listener that names
what comes later.

name        who                                      what
---------   --------------------------------------   ---------------------------------------------
brain       the brain's decision server              HTTP/1.1 on a Unix socket
records     the brain's ear for records              fluentd's protocol on a Unix socket
collector   where traces go, if anybody asked        OTLP over HTTP
"""

from __future__ import annotations

from tidegate.envoy import decide, observe
from tidegate.envoy.start import Collector, Start
from tidegate.envoy.types import Resource, duration


def clusters(start: Start) -> list[Resource]:
    """All of them."""
    sockets = {decide.BRAIN: decide.SOCKET, observe.RECORDS: observe.SOCKET}
    made = [_cluster(name, "STATIC", {"pipe": {"path": f"{start.run_dir}/{file}"}}) for name, file in sockets.items()]
    return [*made, *([_collector(start.collector)] if start.collector else [])]


def _collector(to: Collector) -> Resource:
    return _cluster(observe.COLLECTOR, "STRICT_DNS", {"socket_address": {"address": to.host, "port_value": to.port}})


def _cluster(name: str, kind: str, address: Resource) -> Resource:
    """Requests are not refused here, however many wait."""
    hosts = [{"endpoint": {"address": address}}]
    most = {"max_connections": 1024, "max_pending_requests": 100_000, "max_requests": 100_000}
    return {
        "name": name,
        "type": kind,
        "connect_timeout": duration(1),
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": hosts}]},
    }
