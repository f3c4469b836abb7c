"""CDS and EDS: one cluster for each destination, its engines from a file of its own."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.destinations import Destination, Engine
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import attempt
from tidegate.envoy.start import TCP_RTO_MAX_MS, Start
from tidegate.envoy.types import Resource, duration, typed

LB_POLICY: Final = {"LeastRequest": "LEAST_REQUEST", "RoundRobin": "ROUND_ROBIN", "Random": "RANDOM"}
CONNECT_TIMEOUT: Final = 2.0
IDLE_CONNECTION: Final = 4.0
"""vLLM's server closes idle connections after 5 s; closing earlier on this side avoids writing into a closing one."""
KEEPALIVE: Final = 5
"""Seconds of silence on a connection before an engine's machine is asked whether it is there: an engine may think for minutes."""
RTO_MAX: Final = 1.0
"""Seconds between two tries of the kernel to deliver what nobody has acknowledged. It gives up after 15 (net.ipv4.tcp_retries2), here in
14 s, and never while the other side's kernel answers."""
UNREAD: Final = 30.0
"""Seconds for which nobody acknowledges, *or nobody reads*, where the kernel does not know RTO_MAX."""
TCP_USER_TIMEOUT: Final = 18
CONNECT_FAILURES: Final = 2
"""In a row, after which an engine is left alone for EJECTED seconds, and longer each time."""
EJECTED: Final = 5.0
BUFFER: Final = 1 << 20
METADATA: Final = "tidegate"
"""Namespace of what Envoy knows of a destination, for logs: also of an attempt that nobody answered."""
UNPARSED: Final = "unparsed"
"""A cluster without endpoints: where requests point until their model is known."""


@dataclass(frozen=True)
class Endpoint:
    """One engine."""

    address: str
    port: int


def cluster(destination: Destination, engine: Engine, config: RouterConfig, start: Start) -> Resource:
    """One destination. Limits that would refuse requests are far away: queues are the engines' own."""
    return {
        "name": destination.name,
        "alt_stat_name": stat_name(destination.name),
        "metadata": {"filter_metadata": {METADATA: {"backend": destination.backend, "revision": destination.revision}}},
        "type": "EDS",
        "eds_cluster_config": {
            "eds_config": {
                "path_config_source": {"path": eds_path(start, destination.name)},
                "resource_api_version": "V3",
            },
        },
        "connect_timeout": duration(CONNECT_TIMEOUT),
        "lb_policy": LB_POLICY[config.load_balancing],
        "per_connection_buffer_limit_bytes": BUFFER,
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 100_000,
                    "max_pending_requests": 100_000,
                    "max_requests": 100_000,
                    # all requests of a lost machine are tried again at the same moment, and last as long as others
                    "retry_budget": {"budget_percent": {"value": 100.0}, "min_retry_concurrency": 1000},
                }
            ]
        },
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": KEEPALIVE, "keepalive_interval": 1, "keepalive_probes": 5}
        },
        "upstream_bind_config": {"socket_options": [_lost(start)]},
        "outlier_detection": _unreachable(),
        # however many are left alone, the others get the requests
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                common_http_protocol_options={"idle_timeout": duration(IDLE_CONNECTION)},
                explicit_http_config={"http_protocol_options": {}},
                http_filters=attempt.filters(engine.model, start.module),
            )
        },
    }


def stat_name(destination: str) -> str:
    """In Envoy's metrics: a dot would end the name where they take it for a label."""
    return destination.replace(".", "-")


def _lost(start: Start) -> Resource:
    """When a connection to a machine that acknowledges nothing ends: requests without an answer are tried again elsewhere, streams are
    cut instead of hanging. Idle connections end by keep-alive.

    kernel                     option              a lost machine   an engine that is stopped while a large body waits
    ------------------------   -----------------   --------------   --------------------------------------------------
    has TCP_RTO_MAX_MS (6.15)  TCP_RTO_MAX_MS      14 s             is waited for
    has not                    TCP_USER_TIMEOUT    30 s             30 s, too: it cannot tell the two apart

    https://docs.kernel.org/networking/ip-sysctl.html (tcp_retries2), tcp(7)
    """
    if start.rto_max:
        return _option(TCP_RTO_MAX_MS, RTO_MAX)
    return _option(TCP_USER_TIMEOUT, UNREAD)


def _option(name: int, seconds: float) -> Resource:
    return {"level": socket.IPPROTO_TCP, "name": name, "int_value": int(seconds * 1000), "state": "STATE_PREBIND"}


def _unreachable() -> Resource:
    """Only engines that cannot be reached are left alone: what they answer, errors too, is between them and the client."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": CONNECT_FAILURES,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": duration(EJECTED),
        "max_ejection_time": duration(EJECTED * 6),
        "max_ejection_time_jitter": "1s",
        "max_ejection_percent": 90,
    }


def eds_path(start: Start, destination: str) -> str:
    """One file for each destination: Envoy reads a whole file for one cluster."""
    return f"{start.xds}/eds.{destination}.json"


def unparsed() -> Resource:
    """Never receives a request: the filter that finds the model answers or re-routes first."""
    return {"name": UNPARSED, "type": "STATIC", "connect_timeout": duration(CONNECT_TIMEOUT)}


def load_assignment(destination: str, endpoints: Sequence[Endpoint]) -> Resource:
    """The engines of a destination; none is an empty assignment, because a response without resources is ignored."""
    hosts = [{"endpoint": {"address": _socket(endpoint)}} for endpoint in endpoints]
    return {"cluster_name": destination, "endpoints": [{"lb_endpoints": hosts}] if hosts else []}


def _socket(endpoint: Endpoint) -> Resource:
    return {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}
