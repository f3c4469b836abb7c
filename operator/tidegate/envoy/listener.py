"""LDS: the one listener, written once in a Pod's life, because changing it cuts streams that outlast the drain."""

from __future__ import annotations

from typing import Final

from tidegate.envoy import openai
from tidegate.envoy.lua import DRAINING_HEADER, SPLICE_HEADER, route_by_model
from tidegate.envoy.routes import LARGEST_BODY, RETRY_AFTER, ROUTES
from tidegate.envoy.types import Resource, duration, extension
from tidegate.names import BACKEND_HEADER, MODEL_HEADER, REVISION_HEADER, ROUTE_HEADER, ROUTER_PORT

STAT_PREFIX: Final = "in"
BUFFER: Final = 1 << 20
"""Bytes that a connection may hold in each direction: what a slow reader costs."""
DECISION_HEADERS: Final = (MODEL_HEADER, SPLICE_HEADER, DRAINING_HEADER, BACKEND_HEADER, REVISION_HEADER, ROUTE_HEADER)
"""Ours to write; what a client sends under these names is dropped before anything reads it."""


def listener(rds: Resource, address: str = "0.0.0.0", port: int = ROUTER_PORT) -> Resource:  # noqa: S104 - inside the Pod
    """`rds` is where routes come from: {"rds": ...} or {"route_config": ...}."""
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=STAT_PREFIX,
        codec_type="AUTO",
        **rds,
        early_header_mutation_extensions=[_drop_decision_headers()],
        http_filters=[
            route_by_model(),
            extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"),
        ],
        local_reply_config={"mappers": _local_replies()},
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        request_headers_timeout=duration(10),
        request_timeout=duration(300),
        stream_idle_timeout=duration(300),
        common_http_protocol_options={
            "idle_timeout": duration(3600),
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        generate_request_id=True,
        server_header_transformation="PASS_THROUGH",
    )
    return {
        "name": "main",
        "address": {"socket_address": {"address": address, "port_value": port}},
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [manager]}],
    }


def _drop_decision_headers() -> Resource:
    """Early, because a header filter would come after the route was chosen."""
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove": name} for name in DECISION_HEADERS],
    )


def _local_replies() -> list[Resource]:
    """Envoy's own errors in the shape of the OpenAI API."""
    limit = LARGEST_BODY >> 20
    return [
        _reply(_code(413), 413, f"The request is too large: at most {limit} MiB.", "RequestTooLarge"),
        _reply(_flags("UT", "SI"), 504, "The engine took longer than the policy's timeouts allow.", "Timeout"),
        _reply(
            _flags("UH", "NC", "UO"),
            503,
            "No engine of this model is ready; try again.",
            "ServiceUnavailable",
            retry=True,
        ),
        _reply(
            _flags("UF", "UC", "UR", "LR", "URX"),
            503,
            "The engine broke off; try again.",
            "ServiceUnavailable",
            retry=True,
        ),
    ]


def _code(status: int) -> Resource:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": "unused"}}
    return {"status_code_filter": {"comparison": comparison}}


def _flags(*flags: str) -> Resource:
    return {"response_flag_filter": {"flags": list(flags)}}


def _reply(which: Resource, status: int, message: str, kind: str, *, retry: bool = False) -> Resource:
    mapper: Resource = {
        "filter": which,
        "status_code": status,
        "body_format_override": {"json_format": openai.error(message, kind, status)},
    }
    if retry:
        header = {"key": "retry-after", "value": RETRY_AFTER}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper


def from_files(path: str) -> Resource:
    """Routes from the file that the brain renames into place."""
    source = {"path_config_source": {"path": path}, "resource_api_version": "V3"}
    return {"rds": {"route_config_name": ROUTES, "config_source": source}}
