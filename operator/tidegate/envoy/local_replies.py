"""What Envoy answers by itself, in the shape that the path's clients read: the first line that fits.

reply                                            status   said as
----------------------------------------------   ------   -------------------
a timeout of the policy                          504      Timeout
no engine, or none that can be reached           503      ServiceUnavailable
not HTTP as we take it; too large; too slow      as is    one for each status
the router is at its limits                      503      ServiceUnavailable
the brain did not say what it was asked          503      ServiceUnavailable
anything else of Envoy's own                     as is    RouterError
an answer of our routes, for Anthropic's paths   as is    one for each status
of a filter: ours, or one that refuses           as is    as it is

No line tells what went on inside. Lines go by what Envoy says of a reply and not by its status alone: a filter's 400 is its own.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_conn_man/response_code_details
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tidegate.envoy import anthropic, openai, paths, routes
from tidegate.envoy.limits import RETRY_AFTER, TOO_LARGE
from tidegate.envoy.types import Resource, extension

Shape = Callable[[int | str, str], dict[str, Any]]

NOT_TAKEN: Final = (
    "absolute_path_rejected", "early_connect_data", "invalid_path", "low_version", "missing_host_header", "missing_path_rejected",
    "path_normalization_failed", "query_missing_content_type", "request_header_timeout", "request_overall_timeout",
    "request_payload_exceeded_retry_buffer_limit", "request_payload_too_large", "route_not_found", "stream_idle_timeout",
    "upgrade_failed",
)  # fmt: skip
"""Why the connection manager takes no request, besides what breaks the protocol."""
REFUSED: Final = {
    400: "The request is not valid HTTP.",
    403: "A connection cannot be upgraded here.",
    404: "There is no such path.",
    408: "The request did not arrive in time.",
    413: TOO_LARGE,
    431: "The headers are too large, or too many.",
    501: "The only transfer-encoding is chunked.",
}
"""Before an engine was asked."""
ENVOYS: Final = (
    *NOT_TAKEN, "cluster_not_found", "filter_added_invalid_request_data", "filter_added_invalid_response_data",
    "filter_chain_not_found", "filter_removed_required_request_headers", "filter_removed_required_response_headers",
    "maintenance_mode", "max_duration_timeout", "rejecting_because_detection_failed", "request_headers_failed_strict_check",
    "response_payload_too_large", "route_configuration_not_found", "upstream_max_stream_duration_reached",
)  # fmt: skip
"""Everything else that no filter of ours has said."""


class _Reply(NamedTuple):
    """A reply, and what is said instead."""

    which: Resource
    status: int | None
    """None stays as it is."""
    message: str
    retry: bool = False
    """Whether to try again is of any use."""


def local_replies() -> Resource:
    """A LocalReplyConfig."""
    shaped = [_mapper(reply, anthropic.error, _below(paths.MESSAGES)) for reply in (*_REPLIES, *_ROUTES)]
    return {"mappers": [*shaped, *(_mapper(reply, _openai) for reply in _REPLIES)]}


def _mapper(reply: _Reply, shape: Shape, *where: Resource) -> Resource:
    body = shape(reply.status or "%RESPONSE_CODE%", reply.message)
    mapper: Resource = {"filter": _all(*where, reply.which), "body_format_override": {"json_format": body}}
    if reply.status:
        mapper["status_code"] = reply.status
    if reply.retry:
        header = {"key": "retry-after", "value": RETRY_AFTER}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper


def _openai(status: int | str, message: str) -> dict[str, Any]:
    return openai.error(status, message)


def _all(*filters: Resource) -> Resource:
    return {"and_filter": {"filters": list(filters)}} if len(filters) > 1 else filters[0]


def _any(*filters: Resource) -> Resource:
    return {"or_filter": {"filters": list(filters)}}


def _below(path: str) -> Resource:
    return {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": path}}}}


def _details(*names: str) -> Resource:
    """By what Envoy calls the reason."""
    return _expression("response.code_details in [" + ", ".join(f'"{name}"' for name in names) + "]")


def _expression(text: str) -> Resource:
    """Over Envoy's attributes, in the Common Expression Language."""
    kind = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {"extension_filter": extension("envoy.access_loggers.extension_filters.cel", kind, expression=text)}


def _status(status: int) -> Resource:
    value = {"default_value": status, "runtime_key": "unused"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _flags(*flags: str) -> Resource:
    return {"response_flag_filter": {"flags": list(flags)}}


_NO_HTTP: Final = _expression('response.code_details.startsWith("http")')
"""http1.codec_error and its like; flags come later."""
_WRONG: Final = _any(_NO_HTTP, _details(*NOT_TAKEN))
_LATE: Final = "The engine took longer than the policy's timeouts allow."
_TURNED_AWAY: Final = "jwt_authn_access_denied{"
"""Before what Envoy says of a token, with _ for spaces."""
_TOKENS: Final = {
    "Jwt_is_missing": "No token was shown: send it as authorization: Bearer TOKEN, or as x-api-key: TOKEN.",
    "Jwt_is_expired": "The token has expired.",
    "Jwt_not_yet_valid": "The token is not valid yet.",
    "Jwt_issuer_is_not_configured": "The token is of another issuer.",
    "Audiences_in_Jwt_are_not_allowed": "The token was made for another service: its audience is not this one.",
}
_NO_CLAIMS: Final = "The token has a claim of the wrong kind: iss and sub are texts, exp, nbf and iat numbers."
_REPLIES: Final = (
    *(_Reply(_details(f"{_TURNED_AWAY}{why}}}"), 401, message) for why, message in _TOKENS.items()),
    _Reply(_expression(f'response.code_details.startsWith("{_TURNED_AWAY}Jwt_payload_[")'), 401, _NO_CLAIMS),
    _Reply(_expression(f'response.code_details.startsWith("{_TURNED_AWAY}")'), 401, "The token is not valid here."),
    _Reply(_any(_flags("UT"), _all(_flags("SI"), _status(504))), 504, _LATE),
    _Reply(_flags("UH", "NC", "UO"), 503, "No engine of this model is ready; try again.", retry=True),
    _Reply(_flags("UF"), 503, "No engine of this model can be reached; try again.", retry=True),
    _Reply(_flags("UC", "UR", "UPE", "LR", "URX"), 503, "The engine broke off; try again.", retry=True),
    _Reply(
        _details("http1.https_url_on_plaintext_connection"), 400, "The router speaks no TLS; ask for an http address."
    ),
    *(_Reply(_all(_status(status), _WRONG), status, message) for status, message in REFUSED.items()),
    _Reply(_details("overload"), 503, "The router is at its limits; try again.", retry=True),
    _Reply(_details("ext_authz_error"), 503, "The router could not decide who answers; try again.", retry=True),
    _Reply(_any(_NO_HTTP, _details(*ENVOYS)), None, "The router could not answer."),
)
_ANSWERED: Final = _details("direct_response")
_ROUTES: Final = (
    _Reply(_all(_status(404), _ANSWERED), 404, routes.UNKNOWN),
    _Reply(_all(_status(503), _ANSWERED), 503, routes.NOBODY, retry=True),
)
