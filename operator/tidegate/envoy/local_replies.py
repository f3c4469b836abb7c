"""What Envoy answers by itself, in the shape of the OpenAI API: the first line that fits, and no line tells what went on inside.

reply                                   status   type
-------------------------------------   ------   -----------------------
of our filter or our routes             as is    as is
body over the limit                     413      RequestTooLarge
a timeout of the policy                 504      Timeout
no engine, or none that can be reached  503      ServiceUnavailable
not HTTP as we take it                  as is    one for each status
anything else                           as is    RouterError
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.envoy import openai
from tidegate.envoy.native import DETAILS
from tidegate.envoy.routes import LARGEST_BODY, RETRY_AFTER
from tidegate.envoy.types import Resource, extension

OURS: Final = f'response.code_details in ["{DETAILS}", "direct_response"]'
REFUSED: Final = {
    400: ("The request is not valid HTTP.", "BadRequestError"),
    403: ("A connection cannot be upgraded here.", "UpgradeRefused"),
    404: ("There is no such path.", "NotFoundError"),
    408: ("The request did not arrive in time.", "RequestTimeout"),
    413: (f"The request is too large: at most {LARGEST_BODY >> 20} MiB.", "RequestTooLarge"),
    431: ("The headers are too large, or too many.", "HeadersTooLarge"),
    501: ("The only transfer-encoding is chunked.", "NotImplementedError"),
}
"""Before an engine was asked."""


def local_replies() -> Resource:
    """A LocalReplyConfig."""
    busy = "ServiceUnavailable"
    return {
        "mappers": [
            {"filter": _expression(OURS)},
            _reply(_flags("UT", "SI"), 504, "The engine took longer than the policy's timeouts allow.", "Timeout"),
            _reply(_flags("UH", "NC", "UO"), 503, "No engine of this model is ready; try again.", busy, retry=True),
            _reply(
                _flags("UF", "UC", "UR", "UPE", "LR", "URX"), 503, "The engine broke off; try again.", busy, retry=True
            ),
            *(_reply(_status("EQ", code), code, message, kind) for code, (message, kind) in REFUSED.items()),
            _body(_status("GE", 400), "The router could not answer.", "RouterError", "%RESPONSE_CODE%"),
        ]
    }


def _expression(text: str) -> Resource:
    """Common Expression Language, over Envoy's attributes."""
    kind = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {"extension_filter": extension("envoy.access_loggers.extension_filters.cel", kind, expression=text)}


def _status(comparison: str, status: int) -> Resource:
    value = {"default_value": status, "runtime_key": "unused"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _flags(*flags: str) -> Resource:
    return {"response_flag_filter": {"flags": list(flags)}}


def _body(which: Resource, message: str, kind: str, code: Any) -> Resource:
    return {"filter": which, "body_format_override": {"json_format": openai.error(message, kind, code)}}


def _reply(which: Resource, status: int, message: str, kind: str, *, retry: bool = False) -> Resource:
    mapper = _body(which, message, kind, status) | {"status_code": status}
    if retry:
        header = {"key": "retry-after", "value": RETRY_AFTER}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper
