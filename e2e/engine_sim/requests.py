"""What every generating API reads from a request: the JSON body, the model or adapter, and how to sample."""

from dataclasses import dataclass
from typing import Any

import orjson

from e2e.engine_sim import errors
from e2e.engine_sim.answers import Sampling
from e2e.engine_sim.settings import EngineSettings
from e2e.engine_sim.wire import Call

Body = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Who answers: `model` as answers name it, and the adapter (empty for the base model)."""

    model: str
    adapter: str = ""


def json_body(call: Call, *required: str) -> Body:
    """The request's JSON object. Refusal 400 where it is none, or a required field is missing."""
    media_type = (call.header("content-type") or "").lower().partition(";")[0]
    if media_type != "application/json":
        raise errors.malformed("Unsupported Media Type: Only 'application/json' is allowed")
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise errors.bad_json(call.body) from None
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise errors.malformed(str({"type": "model_attributes_type", "loc": "body", "msg": message}), "body")
    for field in required:
        if field not in body:
            raise errors.missing(field, body)
    return body


def target(settings: EngineSettings, body: Body) -> Target:
    """The model or adapter that the request names; the base model where it names none. Refusal 404 for others."""
    name = body.get("model")
    if not name or name in settings.served_names:
        return Target(settings.name)
    if any(adapter.name == name for adapter in settings.adapters):
        return Target(name, name)
    raise errors.unknown_model(name, settings.served_names)


def integer(body: Body, field: str) -> int | None:
    """A field that is a whole number or absent. Refusal 400 for other values."""
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.not_an_integer(field, value)
    return value


def max_tokens_of(settings: EngineSettings, body: Body, *fields: str) -> int | None:
    """The first of the fields that is given. Refusal 400 where it is below 1 or over the context length."""
    for field in fields:
        value = integer(body, field)
        if value is None:
            continue
        if value < 1:
            raise errors.invalid(f"{field} must be at least 1, got {value}.", field, value)
        if value > settings.max_model_len:
            raise errors.invalid(
                f"{field}={value} cannot be greater than max_model_len={settings.max_model_len}. "
                "Please request fewer output tokens.",
                field,
                value,
            )
        return value
    return None


def check_prompt(settings: EngineSettings, prompt: list[int]) -> None:
    """Refusal 400 for an empty prompt, and for one that leaves no room for an answer."""
    if not prompt:
        raise errors.Refusal(400, "The decoder prompt cannot be empty", "BadRequestError")
    limit = settings.max_model_len
    if len(prompt) > limit:
        message = (
            f"This model's maximum context length is {limit} tokens. However, your prompt contains {len(prompt)} input "
            "tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt."
        )
        raise errors.invalid(message, "input_tokens", len(prompt))
    if len(prompt) == limit and not settings.pooling:
        message = (
            f"The decoder prompt (length {len(prompt)}) plus the number of requested output tokens (at least 1) is longer "
            f"than the maximum model length of {limit}. Make sure that `max_model_len` is no smaller than the number of "
            "text tokens (prompt + requested output tokens)."
        )
        raise errors.Refusal(400, message, "BadRequestError")


def sampling(body: Body, max_tokens: int | None, room: int) -> Sampling:
    """How to sample an answer of at most `max_tokens` tokens where `room` tokens are left in the context."""
    stop = body.get("stop") or body.get("stop_sequences") or ()
    return Sampling(
        max_tokens=room if max_tokens is None else min(max_tokens, room),
        min_tokens=integer(body, "min_tokens") or 0,
        ignore_eos=bool(body.get("ignore_eos")),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=integer(body, "seed"),
    )
