"""The endpoints that generate nothing: health, models, metrics, tokens."""

import secrets
import time

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from e2e.engine_sim import VERSION, errors
from e2e.engine_sim.engine import Engine
from e2e.engine_sim.requests import Body, json_body, target
from e2e.engine_sim.tokens import chat_prompt, decode, encode, piece
from e2e.engine_sim.wire import Call


def health(_engine: Engine, call: Call) -> None:
    """GET /health and /ping: 200, also while draining."""
    call.reply(200, b"", None)


def version(_engine: Engine, call: Call) -> None:
    """GET /version."""
    _json(call, {"version": VERSION})


def metrics(engine: Engine, call: Call) -> None:
    """GET /metrics."""
    engine.telemetry.gauge(engine.scheduler)
    call.reply(200, engine.metrics.exposition(), CONTENT_TYPE_LATEST)


def models(engine: Engine, call: Call) -> None:
    """GET /v1/models: every served name, then every adapter."""
    settings = engine.settings
    cards = [_card(name, settings.root, None, settings.max_model_len) for name in settings.served_names]
    cards += [
        _card(adapter.name, adapter.path, adapter.base_model_name or settings.name, None)
        for adapter in settings.adapters
    ]
    _json(call, {"object": "list", "data": cards})


def tokenize(engine: Engine, call: Call) -> None:
    """POST /tokenize: the tokens of `prompt` or of `messages`."""
    body = json_body(call)
    target(engine.settings, body)
    if "prompt" not in body and "messages" not in body:
        raise errors.missing("prompt", body)
    ids = encode(body["prompt"] if "prompt" in body else chat_prompt(body["messages"]))
    pieces = [piece(token).decode("utf-8", "replace") for token in ids] if body.get("return_token_strs") else None
    _json(
        call,
        {"count": len(ids), "max_model_len": engine.settings.max_model_len, "tokens": ids, "token_strs": pieces},
    )


def detokenize(engine: Engine, call: Call) -> None:
    """POST /detokenize."""
    body = json_body(call, "tokens")
    target(engine.settings, body)
    _json(call, {"prompt": decode(body["tokens"])})


def _card(name: str, root: str, parent: str | None, max_model_len: int | None) -> Body:
    now = int(time.time())
    permission = {
        "id": f"modelperm-{secrets.token_hex(8)}",
        "object": "model_permission",
        "created": now,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": name,
        "object": "model",
        "created": now,
        "owned_by": "vllm",
        "root": root,
        "parent": parent,
        "max_model_len": max_model_len,
        "permission": [permission],
    }


def _json(call: Call, body: Body) -> None:
    call.reply(200, orjson.dumps(body))
