"""What the router itself says, in the shape of the OpenAI API.

https://platform.openai.com/docs/api-reference/models/list and .../guides/error-codes
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

PATHS: Final = (
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
    "/v1/messages/count_tokens", "/v1/rerank", "/v2/rerank", "/rerank", "/v1/score", "/score", "/pooling", "/classify",
    "/tokenize", "/detokenize",
)  # fmt: skip
"""What is passed on to engines: requests that name a model in a JSON body. Everything else that an engine serves is for
its operator, and is not reached through the router."""


def error(message: str, kind: str, code: int, param: str | None = None) -> dict[str, Any]:
    """An error as clients' libraries read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model(name: str) -> dict[str, Any]:
    """One public model. Nothing here knows when it was made, so `created` is 0."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "tidegate"}


def model_list(names: Iterable[str]) -> str:
    """GET /v1/models."""
    return json.dumps({"object": "list", "data": [model(name) for name in names]}, separators=(",", ":"))
