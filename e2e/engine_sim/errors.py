"""Refusals, in vLLM's words.

Refusal                 an error body {"error": {message, type, param, code}} and its status
`-- Draining            500 after SIGTERM: raised where vLLM answers from outside its own layers, so the answer differs
"""

import json
from typing import Any

import orjson


class Refusal(Exception):
    """An answer with an error body."""

    def __init__(self, status: int, message: str, kind: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param

    def body(self) -> bytes:
        """The error as OpenAI's API has it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.status}
        return orjson.dumps({"error": error})

    def anthropic_body(self) -> bytes:
        """The error as Anthropic's API has it."""
        return orjson.dumps({"type": "error", "error": {"type": self.kind, "message": self.message}})


class Draining(Refusal):
    """The server got SIGTERM and takes no more requests."""

    def __init__(self) -> None:
        super().__init__(500, "cannot schedule new futures after shutdown", "InternalServerError")


_BUSY = {
    "max_num_queued_reqs": "The engine is currently busy and cannot accept new requests.",
    "max_num_queued_tokens": "The engine has reached its prefill token backlog limit.",
}


def busy(reason: str) -> Refusal:
    """503 of a queue limit."""
    return Refusal(503, f"{_BUSY[reason]} Please try again later or on a different instance.", "Service Unavailable")


def unknown_model(name: str, served: tuple[str, ...]) -> Refusal:
    """404 of a model that is not served."""
    message = f"The model `{name}` does not exist. Valid aliases: {', '.join(served)}."
    return Refusal(404, message, "NotFoundError", "model")


def invalid(message: str, param: str, value: int) -> Refusal:
    """400 of a parameter that parses, but cannot be served."""
    return Refusal(400, f"{message} (parameter={param}, value={value})", "BadRequestError", param)


def malformed(error: str, param: str | None = None) -> Refusal:
    """400 of a body that does not parse; `error` is one validation error, printed."""
    return Refusal(400, f"1 validation error:\n  {error}", "Bad Request", param)


def bad_json(body: bytes) -> Refusal:
    """400 of a body that is not JSON."""
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        loc, reason = f"body.{error.pos}", error.msg
    except UnicodeDecodeError:
        return Refusal(400, "There was an error parsing the body", "Bad Request")
    else:
        # Python's parser takes NaN and the like; nothing here needs them.
        loc, reason = "body.0", "Expecting value"
    described = {
        "type": "json_invalid",
        "loc": loc,
        "msg": "JSON decode error",
        "input": "<dict of 0 items>",
        "ctx": {"error": reason},
    }
    return malformed(str(described), loc)


def missing(field: str, given: dict[str, Any]) -> Refusal:
    """400 of a required field that is absent."""
    described = {
        "type": "missing",
        "loc": f"body.{field}",
        "msg": "Field required",
        "input": f"<dict of {len(given)} items>",
    }
    return malformed(str(described), f"body.{field}")


def not_an_integer(field: str, value: object) -> Refusal:
    """400 of a field that should be a whole number."""
    described = {"type": "int_type", "loc": f"body.{field}", "msg": "Input should be a valid integer", "input": value}
    return malformed(str(described), f"body.{field}")
