"""CDS and EDS: one cluster for each destination, its engines from a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.destinations import Destination, Engine
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import native
from tidegate.envoy.types import Resource, duration, extension, typed

LB_POLICY: Final = {"LeastRequest": "LEAST_REQUEST", "RoundRobin": "ROUND_ROBIN", "Random": "RANDOM"}
CONNECT_TIMEOUT: Final = 2.0
IDLE_CONNECTION: Final = 4.0
"""vLLM's server closes idle connections after 5 s; closing earlier on this side avoids writing into a closing one."""
ENGINE_SILENT: Final = 10.0
"""Seconds after which an engine that acknowledges no packet is given up: its machine is lost, nobody closes connections.
Requests that have no answer yet are tried again elsewhere, streams are cut instead of hanging."""
KEEPALIVE: Final = 5
"""Seconds of silence before an engine's machine is asked whether it is there: an engine may think for minutes."""
CONNECT_FAILURES: Final = 2
"""In a row, after which an engine is left alone for EJECTED seconds, and longer each time."""
EJECTED: Final = 5.0
TCP: Final = 6
TCP_USER_TIMEOUT: Final = 18
"""Linux: a socket option in milliseconds."""
BUFFER: Final = 1 << 20
UNPARSED: Final = "unparsed"
"""A cluster without endpoints: where requests point until their model is known."""


@dataclass(frozen=True)
class Endpoint:
    """One engine."""

    address: str
    port: int


def cluster(destination: Destination, engine: Engine, config: RouterConfig, eds_path: str) -> Resource:
    """One destination. Limits that would refuse requests are far away: queues are the engines' own."""
    return {
        "name": destination.name,
        # a dot would end the name where Envoy's metrics take it for a label
        "alt_stat_name": destination.name.replace(".", "-"),
        "type": "EDS",
        "eds_cluster_config": {
            "eds_config": {"path_config_source": {"path": eds_path}, "resource_api_version": "V3"},
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
        "upstream_bind_config": {"socket_options": [_option(TCP, TCP_USER_TIMEOUT, int(ENGINE_SILENT * 1000))]},
        "outlier_detection": _unreachable(),
        # however many are left alone, the others get the requests
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                common_http_protocol_options={"idle_timeout": duration(IDLE_CONNECTION)},
                explicit_http_config={"http_protocol_options": {}},
                http_filters=[
                    native.engine(engine.model),
                    extension(
                        "envoy.filters.http.upstream_codec",
                        "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                    ),
                ],
            )
        },
    }


def _option(level: int, name: int, value: int) -> Resource:
    return {"level": level, "name": name, "int_value": value, "state": "STATE_PREBIND"}


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


def unparsed() -> Resource:
    """Never receives a request: the filter that finds the model answers or re-routes first."""
    return {"name": UNPARSED, "type": "STATIC", "connect_timeout": duration(CONNECT_TIMEOUT)}


def load_assignment(destination: str, endpoints: Sequence[Endpoint]) -> Resource:
    """The engines of a destination; none is an empty assignment, because a response without resources is ignored."""
    hosts = [{"endpoint": {"address": _socket(endpoint)}} for endpoint in endpoints]
    return {"cluster_name": destination, "endpoints": [{"lb_endpoints": hosts}] if hosts else []}


def _socket(endpoint: Endpoint) -> Resource:
    return {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}
