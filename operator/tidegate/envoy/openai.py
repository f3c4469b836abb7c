"""What the router itself says, in the shape of the OpenAI API.

https://platform.openai.com/docs/api-reference/models/list and .../guides/error-codes
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

KINDS: Final = {
    400: "BadRequestError",
    401: "invalid_request_error",
    403: "UpgradeRefused",
    404: "NotFoundError",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    413: "RequestTooLarge",
    415: "UnsupportedMediaType",
    431: "HeadersTooLarge",
    501: "NotImplementedError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""The type of an error by its status; those that engines give too are called as vLLM calls them, and a wrong
key as OpenAI does."""
OTHER: Final = "RouterError"
CODES: Final[dict[int | str, str]] = {401: "invalid_api_key"}
"""What stands in `code` instead of the status: OpenAI's libraries and people's programs look for this word."""


def error(status: int | str, message: str, param: str | None = None) -> dict[str, Any]:
    """An error as clients' libraries read it. `status` may be what Envoy replaces by the status."""
    kind = KINDS.get(status, OTHER) if isinstance(status, int) else OTHER
    return {"error": {"message": message, "type": kind, "param": param, "code": CODES.get(status, status)}}


def model(name: str) -> dict[str, Any]:
    """One public model. Nothing here knows when it was made, so `created` is 0."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "tidegate"}


def model_list(names: Iterable[str]) -> str:
    """GET /v1/models."""
    return json.dumps({"object": "list", "data": [model(name) for name in names]}, separators=(",", ":"))
