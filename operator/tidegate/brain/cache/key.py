"""What two requests must share to get one answer, and which get none that is kept.

The key of an answer is a hash over

    policy, tenant, public model, path and query, version of the cache, headers that choose an API's version and more (envoy/caching.py), who
    answered (a destination of a revision), and the request's body as JSON with its own members in one order, without what is known to leave the
    answer alone

so that whatever is new in an API makes another key until it is known here. Below its own members a body's order counts: engines write a
schema's properties, and templates a tool's, in the order in which the client has them. Which requests have none is said in bypass.py.

https://platform.openai.com/docs/api-reference/chat/create, https://platform.openai.com/docs/api-reference/responses/create,
https://docs.anthropic.com/en/api/messages, https://docs.vllm.ai/en/v0.32.0/serving/openai_compatible_server.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tidegate.brain.cache.depth import may_be_deep, too_deep
from tidegate.brain.cache.entry import Kind
from tidegate.contract.destinations import Destination

Body = dict[str, Any]
PATHS: Final[Mapping[str, Kind]] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completion",
    "/v1/embeddings": "embedding",
    "/v1/messages": "messages",
    "/v1/responses": "responses",
}
QUERIES: Final[Mapping[str, frozenset[str]]] = {"/v1/messages": frozenset({"beta=true"})}
"""What may stand behind a path: what earlier versions of Anthropic's libraries write for `client.beta`, whose betas are named in a header
that counts. Others may choose a version, or say whose the request is, and nobody here knows which do."""
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
_OTHERS: Final[Mapping[Kind, frozenset[str]]] = {
    "messages": frozenset({"model", "stream", "metadata", "service_tier", "cache_control"}),
    "responses": IGNORED - {"store", "request_id"} | {"prompt_cache_options"},
}
"""The same of APIs of their own. Of Messages: `metadata` is the user's id, `service_tier` whose turn it is, `cache_control` how long a prompt is
remembered. Of Responses, `store` says whether the answer's id stands for something later, and vLLM makes `request_id` that id; so both count. What
responses repeat of these members is the request's own (replay.py)."""
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
    beside: str = ""
    """What is said beside the body that may change the answer: the query, and values of headers."""


def kind_of(target: str) -> Kind | None:
    """Of a request's path with its query; None where answers are not kept."""
    path, mark, query = target.partition("?")
    return PATHS.get(path) if not mark or query in QUERIES.get(path, ()) else None


def ignored(kind: Kind) -> frozenset[str]:
    """Members of a body that leave the answer alone."""
    return _OTHERS.get(kind, IGNORED)


def _object(members: list[tuple[str, Any]]) -> Body:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member is named twice")
    return found


def _no_json(constant: str) -> Any:
    raise ValueError(f"JSON has no {constant}")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_json)


def read(text: bytes) -> Body | None:
    """A request's body; None where it is no JSON object that all engines read alike, or nested too deep."""
    try:
        said = text.decode()
        found = _DECODER.decode(said)
    except (ValueError, RecursionError):
        return None
    return None if not isinstance(found, dict) or (may_be_deep(said) and too_deep(found)) else found


class Question:
    """What a request has in common with others: a hash that lacks only who answers."""

    __slots__ = ("_hash", "digest")

    def __init__(self, scope: Scope, kind: Kind, body: Body) -> None:
        left_out = ignored(kind)
        meaning = {name: body[name] for name in sorted(body) if name not in left_out}
        parts = (
            FORMAT,
            scope.policy.encode(),
            scope.tenant.encode(),
            scope.model.encode(),
            scope.version.encode(),
            scope.beside.encode(),
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
