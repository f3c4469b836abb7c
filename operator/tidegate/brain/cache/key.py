"""What two requests must share to get one answer, and which get none that is kept.

The key of an answer is a hash over

    policy, tenant, public model, path, version of the cache, who answered (a destination of a revision), and the request's body as JSON
    with its own members in one order, without what is known to leave the answer alone

so that whatever is new in an API makes another key until it is known here. Below its own members a body's order counts: engines write a
schema's properties, and templates a tool's, in the order in which the client has them. Never kept, the first row that fits:

the request                                                              reason
----------------------------------------------------------------------   -------------
another path than chat, completions or embeddings, or one with a query   path
a body that is no JSON object, too long, or names a member twice         body
a number or a switch of the API of another type: some read "2" as 2      body
a `temperature` above the cache's bound (1 where it says none)           temperature
more than one answer (`n`, `best_of`, beams)                             choices
probabilities of tokens, or tokens' numbers                              logprobs
results of tools, whose world may have changed                           tool-results
sound, a search of the web, or a part of another engine's work           live

https://platform.openai.com/docs/api-reference/chat/create, https://docs.vllm.ai/en/v0.32.0/serving/openai_compatible_server.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tidegate.brain.cache.entry import Kind
from tidegate.contract.destinations import Destination

Body = dict[str, Any]
PATHS: Final[Mapping[str, Kind]] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completion",
    "/v1/embeddings": "embedding",
}
IGNORED: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "user",
        "safety_identifier",
        "metadata",
        "store",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "priority",
        "request_id",
    }
)
"""Members that leave the answer alone. The public model stands beside the body, and what is told of streams is told when an answer is
given."""
NUMBERS: Final = ("temperature", "n", "best_of")
LOGPROBS: Final = ("logprobs", "top_logprobs", "prompt_logprobs", "return_token_ids")
DEFAULT_TEMPERATURE: Final = 1.0
FORMAT: Final = b"1"
"""Of keys; another one forgets everything."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Within which an answer may be given again."""

    policy: str
    """`namespace/name`"""
    tenant: str
    """The client; empty where all clients of the policy share."""
    model: str
    version: str


def why_not(kind: Kind, body: Body, max_temperature: float) -> str:
    """The table from its third row on; empty for a request that may get an answer that is kept."""
    if kind == "embedding":
        return ""
    rows: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("body", lambda: not _is(body.get("stream"), bool) or not all(_is(body.get(n), int, float) for n in NUMBERS)),
        ("temperature", lambda: _number(body, "temperature", DEFAULT_TEMPERATURE) > max_temperature),
        (
            "choices",
            lambda: max(_number(body, "n", 1), _number(body, "best_of", 1)) > 1 or _said(body, "use_beam_search"),
        ),
        ("logprobs", lambda: not all(body.get(name) is None or body[name] is False for name in LOGPROBS)),
        ("tool-results", lambda: any(_of_a_tool(message) for message in _list(body, "messages"))),
        (
            "live",
            lambda: "audio" in _list(body, "modalities") or _said(body, "web_search_options", "kv_transfer_params"),
        ),
    )
    return next((reason for reason, fits in rows if fits()), "")


def _is(value: Any, *types: type) -> bool:
    """Or absent. No bool is a number here."""
    return value is None or type(value) in types


def _number(body: Body, name: str, otherwise: float) -> float:
    value: float | None = body.get(name)
    return otherwise if value is None else value


def _said(body: Body, *names: str) -> bool:
    """An empty object is said, too: `web_search_options: {}` asks for a search."""
    return any(body.get(name) not in (None, False, 0) for name in names)


def _list(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else []


def _of_a_tool(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("tool", "function")


def _object(members: list[tuple[str, Any]]) -> Body:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member is named twice")
    return found


def _no_json(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant}")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_json)


def read(text: bytes) -> Body | None:
    """A request's body; None where it is no JSON object that all engines read alike."""
    try:
        found = _DECODER.decode(text.decode())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Question:
    """What a request has in common with others: a hash that lacks only who answers."""

    __slots__ = ("_hash", "digest")

    def __init__(self, scope: Scope, kind: Kind, body: Body) -> None:
        meaning = {name: body[name] for name in sorted(body) if name not in IGNORED}
        parts = (
            FORMAT,
            scope.policy.encode(),
            scope.tenant.encode(),
            scope.model.encode(),
            scope.version.encode(),
            kind.encode(),
        )
        self._hash = blake2b(digest_size=32)
        for part in (*parts, json.dumps(meaning, separators=(",", ":")).encode()):
            self._hash.update(b"%d:%b" % (len(part), part))
        self.digest = self._hash.digest()

    def key(self, who: str) -> bytes:
        """Of the answer that `who` gives (`identity`); 32 bytes."""
        made = self._hash.copy()
        made.update(who.encode())
        return made.digest()


def identity(destination: Destination) -> str:
    """Of who answers: a revision of a model, or one of its adapters; of a provider all that says which model it is."""
    provider = destination.provider
    if not provider:
        return destination.name
    return f"{destination.name} {provider.host}:{provider.port}{provider.path} {provider.model}"
