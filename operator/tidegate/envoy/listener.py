"""LDS: the one listener, written once in a Pod's life, because changing it cuts streams that outlast the drain."""

from __future__ import annotations

from typing import Any, Final

from tidegate.envoy import chain, native, observe, tls
from tidegate.envoy.local_replies import local_replies
from tidegate.envoy.routes import ROUTES
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension
from tidegate.names import ANY_ADDRESS, INTERNAL_PREFIX

STAT_PREFIX: Final = "in"
BUFFER: Final = 1 << 20
"""Bytes that a connection may hold in each direction: what a slow reader costs."""
HTTP2: Final = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 1 << 16,
    "initial_connection_window_size": BUFFER,
}
"""The same for clients that speak HTTP/2 with prior knowledge; windows in bytes."""
HTTP1: Final = {
    # offers that nobody has to take (RFC 9110 7.8): Apache's HttpClient makes this one with each request
    "ignore_http_11_upgrade": [{"prefix": "TLS/"}, {"prefix": "HTTP/"}],
    # nginx speaks it to its upstreams unless it is told otherwise
    "accept_http_10": True,
    "default_host_for_http_10": "router",
}
IDLE_CONNECTION: Final = 600.0
"""Seconds that a connection without requests is kept."""
CLOSE_AFTER: Final = 0.05
"""Seconds that a client has to read the rest of an answer that broke off, before the connection is closed."""
HEADERS_TIMEOUT: Final = 10.0
"""Seconds for a request's headers."""
REQUEST_TIMEOUT: Final = 300.0
"""Seconds for a request's last byte."""
FOREIGN: Final = ("x-envoy-", INTERNAL_PREFIX)
"""What only we may say: with x-envoy- headers Envoy lets a caller choose retries and timeouts; here the policy does."""


def listener(start: Start, routes: Resource) -> Resource:
    """`routes` is where they come from: {"rds": ...} or {"route_config": ...}."""
    told = {"access_log": observe.access_logs(), **observe.tracing(start), **_client_address(start)}
    fixed = manager(STAT_PREFIX, routes, chain.place(), **told)
    below = [native.end(start.module)] if start.module else []
    return listen("main", start.address, start.port, *below, fixed, **tls.transport(start))


def _client_address(start: Start) -> Resource:
    """Whose word for a client's address counts: nobody's but the connection's, or that of so many proxies in front.
    https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_conn_man/headers#x-forwarded-for"""
    return {"xff_num_trusted_hops": start.trusted_hops} if start.trusted_hops else {}


def listen(name: str, address: str, port: int, *filters: Resource, **more: Resource) -> Resource:
    """A listener with one chain; `more` are its other fields."""
    return {
        "name": name,
        "address": {"socket_address": _socket(address, port)},
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [*filters], **more}],
    }


def manager(stat_prefix: str, routes: Resource, *filters: Resource, **more: Any) -> Resource:
    """HTTP as the front door takes it: liberal where nothing hangs on it, strict where two readers could disagree."""
    return extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=stat_prefix,
        codec_type="AUTO",
        **routes,
        **more,
        early_header_mutation_extensions=[_drop_foreign_headers()],
        http_filters=[*filters, _router()],
        local_reply_config=local_replies(),
        use_remote_address=True,  # and no internal addresses: clients inside the cluster are strangers too
        normalize_path=True,
        merge_slashes=True,
        # what the script compares is what the engine gets, so names with slashes may come escaped
        path_with_escaped_slashes_action="UNESCAPE_AND_FORWARD",
        request_headers_timeout=duration(HEADERS_TIMEOUT),
        request_timeout=duration(REQUEST_TIMEOUT),
        stream_idle_timeout=duration(300),
        delayed_close_timeout=duration(CLOSE_AFTER),
        common_http_protocol_options={
            "idle_timeout": duration(IDLE_CONNECTION),
            # nobody reads them here, and clients send them: Sentry's baggage, session_id
            "headers_with_underscores_action": "DROP_HEADER",
        },
        http_protocol_options=HTTP1,
        http2_protocol_options=HTTP2,
        # the client's own, if it sends one, reaches the engine and comes back
        generate_request_id=True,
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        server_header_transformation="PASS_THROUGH",
    )


def _socket(address: str, port: int) -> Resource:
    both = {"ipv4_compat": True} if address == ANY_ADDRESS else {}
    return {"address": address, "port_value": port, **both}


def _drop_foreign_headers() -> Resource:
    """Early, because a header filter would come after the route was chosen."""
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in FOREIGN],
    )


def _router() -> Resource:
    """Without Envoy's own headers, which tell clients and engines of each other."""
    kind = "envoy.extensions.filters.http.router.v3.Router"
    return extension("envoy.filters.http.router", kind, suppress_envoy_headers=True)


def from_files(path: str) -> Resource:
    """Routes from the file that the brain renames into place."""
    source = {"path_config_source": {"path": path}, "resource_api_version": "V3"}
    return {"rds": {"route_config_name": ROUTES, "config_source": source}}
