"""CDS and EDS: one cluster for each destination, its engines from a file of its own."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.destinations import Destination, External, Proxy
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import FixedAnswer
from tidegate.envoy import affinity, attempt, providers, tunnels
from tidegate.envoy.breaking import ALONE, left_alone
from tidegate.envoy.providers import NOTHING, Credentials
from tidegate.envoy.start import TCP_RTO_MAX_MS, Start
from tidegate.envoy.types import Resource, duration, typed

CONNECT_TIMEOUT: Final = 2.0
PROVIDER_CONNECT_TIMEOUT: Final = 5.0
"""Seconds, those of TLS included."""
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
BUFFER: Final = 1 << 20
METADATA: Final = "tidegate"
"""Namespace of what Envoy knows of a destination, for logs: also of an attempt that nobody answered."""
NOWHERE: Final[Resource] = {
    "endpoint": {"address": {"socket_address": {"address": "255.255.255.255", "port_value": 1}}}
}
"""Where no connection can be made, for clusters that are found by name: kernels refuse one to everybody at once."""
UNPARSED: Final = "unparsed"
"""A cluster without endpoints: where requests point until their model is known."""


@dataclass(frozen=True)
class Endpoint:
    """One engine."""

    address: str
    port: int


def cluster(
    destination: Destination,
    config: RouterConfig,
    start: Start,
    credentials: Credentials = NOTHING,
    most_ejected: int = ALONE,
) -> Resource:
    """One destination. Limits that would refuse requests are far away: queues are the engines' own."""
    return {
        **_named(destination.name),
        "metadata": {"filter_metadata": {METADATA: {"backend": destination.backend, "revision": destination.revision}}},
        **_members(destination, start, credentials),
        "connect_timeout": duration(PROVIDER_CONNECT_TIMEOUT if destination.provider else CONNECT_TIMEOUT),
        **affinity.balancing(config),
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
        **({} if destination.provider and destination.provider.proxy else _wire(start)),
        "outlier_detection": left_alone(config.circuit_breaker, most_ejected),
        # however many are left alone, the others get the requests; and at once, not with what happens within the next second. Where nobody
        # else is there any more, those who are left alone are asked, and `_nobody` among them: Envoy walks on after a failure only
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 1},
            "update_merge_window": duration(0),
            **affinity.bounded(config),
        },
        "typed_extension_protocol_options": _protocol(attempt.filters(destination, start, credentials)),
    }


def proxy(provider: External, asked: Proxy, start: Start) -> Resource:
    """The proxy of a tunnel (tunnels.py)."""
    own = tunnels.name(provider, asked)
    return {
        **_named(own),
        **providers.found_by_name(own, asked, start, []),
        "connect_timeout": duration(PROVIDER_CONNECT_TIMEOUT),
        **_wire(start),
    }


def _wire(start: Start) -> Resource:
    """What becomes of connections to a machine that says nothing."""
    asked = {"keepalive_time": KEEPALIVE, "keepalive_interval": 1, "keepalive_probes": 5}
    return {
        "upstream_connection_options": {"tcp_keepalive": asked},
        "upstream_bind_config": {"socket_options": [_lost(start)]},
    }


def end(route: str, answer: FixedAnswer, start: Start) -> Resource:
    """The cluster that answers when nobody else does. It connects to nobody, and has somebody all the same, because Envoy asks no cluster
    that is empty."""
    return {
        **_named(route),
        "type": "STATIC",
        "connect_timeout": duration(CONNECT_TIMEOUT),
        "load_assignment": {"cluster_name": route, "endpoints": [{"lb_endpoints": [_nobody(start)]}]},
        "typed_extension_protocol_options": _protocol(attempt.answering(answer)),
    }


def _named(name: str) -> Resource:
    return {"name": name, "alt_stat_name": stat_name(name)}


def _members(destination: Destination, start: Start, credentials: Credentials) -> Resource:
    """Who can be connected to, and how. A provider that cannot be asked is there, so that who is asked after it can be."""
    provider = destination.provider
    if not provider:
        return {"type": "EDS", "eds_cluster_config": {"eds_config": _file(eds_path(start, destination.name))}}
    if not start.module or not credentials.reach(destination.name):
        nobody = {"cluster_name": destination.name, "endpoints": [{"lb_endpoints": [_nobody(start)]}]}
        return {"type": "STATIC", "load_assignment": nobody}
    if provider.proxy:
        inside = [
            {"lb_endpoints": [tunnels.entrance(provider, provider.proxy)]},
            {"priority": 1, "lb_endpoints": [_nobody(start)]},
        ]
        found: Resource = {"type": "STATIC", "load_assignment": {"cluster_name": destination.name, "endpoints": inside}}
    else:
        found = providers.found_by_name(destination.name, provider, start, [{"priority": 1, "lb_endpoints": [NOWHERE]}])
    return {
        **found,
        **providers.transport(provider, credentials.file(destination.name, provider)),
    }


def _file(path: str) -> Resource:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _protocol(filters: Sequence[Resource]) -> Resource:
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        kind: typed(
            kind,
            common_http_protocol_options={"idle_timeout": duration(IDLE_CONNECTION)},
            explicit_http_config={"http_protocol_options": {}},
            http_filters=list(filters),
        )
    }


def stat_name(destination: str) -> str:
    """In Envoy's metrics: a dot would end the name where they take it for a label."""
    return destination.replace(".", "-").replace(":", "-")


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


def eds_path(start: Start, destination: str) -> str:
    """One file for each destination: Envoy reads a whole file for one cluster."""
    return f"{start.xds}/eds.{destination}.json"


def unparsed() -> Resource:
    """Never receives a request: the filter that finds the model answers or re-routes first."""
    return {"name": UNPARSED, "type": "STATIC", "connect_timeout": duration(CONNECT_TIMEOUT)}


def load_assignment(
    destination: str,
    endpoints: Sequence[Endpoint],
    start: Start,
    *,
    walked: bool = False,
    weights: Mapping[Endpoint, int] | None = None,
) -> Resource:
    """The engines of a destination; none is an empty assignment, because a response without resources is ignored. `weights` are those of
    engines that are weighed: other ones change how many of the next requests an engine gets, and nothing for those under way.

    `walked`: after them another destination is asked. Envoy asks nobody after one that has nobody to connect to, so there is somebody
    to whom no connection can be made, for the times when there is no engine, or all are left alone.
    """
    hosts = [{"endpoint": {"address": _socket(endpoint)}, **_weight(endpoint, weights or {})} for endpoint in endpoints]
    if not walked:
        return {"cluster_name": destination, "endpoints": [{"lb_endpoints": hosts}] if hosts else []}
    nobody = {"priority": 1, "lb_endpoints": [_nobody(start)]}
    policy = {"overprovisioning_factor": 1_000_000}  # one engine that is left is enough for all
    return {"cluster_name": destination, "endpoints": [{"lb_endpoints": hosts}, nobody], "policy": policy}


def _weight(endpoint: Endpoint, weights: Mapping[Endpoint, int]) -> Resource:
    return {"load_balancing_weight": weights[endpoint]} if endpoint in weights else {}


def _nobody(start: Start) -> Resource:
    return {"endpoint": {"address": {"pipe": {"path": f"{start.run_dir}/nobody.sock"}}}}


def _socket(endpoint: Endpoint) -> Resource:
    return {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}
