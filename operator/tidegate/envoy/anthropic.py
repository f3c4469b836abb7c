"""Errors in the shape of Anthropic's API. https://docs.anthropic.com/en/api/errors"""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
    501: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The type of an error by its status, where there is one in Anthropic's table; else that of the nearest. No engine free is 503 and not
529 here as everywhere: both are tried again by Anthropic's libraries, and 503 by everything that stands between."""
OTHER: Final = "api_error"
REQUEST_ID: Final = "%REQUEST_HEADER(X-REQUEST-ID)%"
"""What Envoy replaces by the request's name."""


def error(status: int | str, message: str) -> dict[str, Any]:
    """An error as clients' libraries read it."""
    kind = KINDS.get(status, OTHER) if isinstance(status, int) else OTHER
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": REQUEST_ID}
