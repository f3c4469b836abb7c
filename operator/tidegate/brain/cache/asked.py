"""One request that asks for an answer that is kept: what it says, and whether it may have one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from tidegate.brain.cache import bypass, directives, key, turns
from tidegate.brain.cache.directives import Wishes
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.key import Body, Question, Scope
from tidegate.brain.cache.lines import Line
from tidegate.brain.cache.replay import Manner, manner
from tidegate.brain.decide.step import Ask
from tidegate.contract.cache import Cache
from tidegate.envoy import caching

if TYPE_CHECKING:
    from tidegate.brain.cache.semantic.namespace import Question as SimilarQuestion

NOBODY: Final = "-"
"""What Envoy writes for what there is not."""
LONGEST_QUESTION: Final = 4096
"""Characters that are kept of one."""
CUT: Final = b"x-envoy-auth-partial-body"
"""Says of a body that it is only the beginning."""
_DIRECTIVES: Final = tuple(name.encode() for name in caching.DIRECTIVES)


class Bypassed(Exception):
    """It is asked of an engine, as without a cache; the text is the reason, a word for metrics."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may have such an answer."""

    line: Line
    kind: Kind
    body: Body
    scope: Scope
    digest: bytes
    """The same for the same question."""
    keys: dict[str, bytes]
    """Of the answers that it may have, by who gives them."""
    wishes: Wishes
    manner: Manner
    ttl: float | None
    """Seconds, of the first rule that fits; None where none does."""
    question: str
    """What was asked last, in plain words, as far as it is kept; empty where it is something else."""
    similar: Mapping[str, SimilarQuestion] = field(default_factory=dict)
    """What questions it may be compared with, by who gives the answer."""

    def without_body(self, similar: Mapping[str, SimilarQuestion]) -> Asked:
        """What is known of it as long as its answer takes: bodies are long, and many wait."""
        return replace(self, body={}, similar=similar)

    @property
    def plain(self) -> bool:
        """Whether no header of it asks for anything else than what is usual."""
        return self.wishes == directives.NONE and self.ttl is None

    @property
    def oldest(self) -> float:
        """Seconds that an answer may be old."""
        return min(self.wishes.max_age, self.ttl if self.ttl is not None else self.wishes.max_age)


def read(ask: Ask, line: Line) -> Asked:
    """Raises Bypassed."""
    kind = key.kind_of(ask.path)
    if kind is None:
        raise Bypassed("path")
    cache, client = line.cache, ask.cache.partition(" ")[2]
    if cache.sharing == "Client" and client in ("", NOBODY):
        raise Bypassed("no-client")
    wishes = directives.read(*(ask.headers.get(name, b"").decode("latin-1") for name in _DIRECTIVES))
    if not wishes.store:
        raise Bypassed("no-store")
    body = None if ask.headers.get(CUT) == b"true" else key.read(ask.body)
    if body is None:
        raise Bypassed("body")
    if reason := bypass.why_not(kind, body, cache.max_temperature):
        raise Bypassed(reason)
    tenant, beside = client if cache.sharing == "Client" else "", _beside(ask)
    scope = Scope(line.policy, tenant, ask.model, cache.version, beside)
    question = Question(scope, kind, body)
    keys = {name: question.key(each.identity) for name, each in line.answerers.items()}
    ttl = ttl_of(cache, ask.headers)
    said = turns.last(kind, body)[:LONGEST_QUESTION]
    return Asked(line, kind, body, scope, question.digest, keys, wishes, manner(kind, body), ttl, said)


def _beside(ask: Ask) -> str:
    """What its query and its headers say by which the answer may be another one."""
    path, mark, query = ask.path.partition("?")
    values = (ask.headers.get(name.encode(), b"").decode("latin-1") for name in caching.COUNTED.get(path, ()))
    return "\n".join([*([query] if mark else []), *values])


def ttl_of(cache: Cache, headers: Mapping[bytes, bytes]) -> float | None:
    """Of the first rule all of whose headers the request has."""
    for rule in cache.ttl_rules:
        if all(headers.get(name.encode()) == value.encode() for name, value in rule.headers):
            return rule.ttl_seconds
    return None
