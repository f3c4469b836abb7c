"""Answers that are given again: what a CacheTier keeps, for how long, and for whom."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api.base import KEYED_BY_NAME, SET, Name, Part, Rule, SecretKeyRef
from tidegate.api.external import BaseURL
from tidegate.api.modeldeployment import ServedName
from tidegate.api.values import Duration, HeaderName, Percent, Quantity, amount, fraction, seconds

DAYS: Final = 30
TTL: Final = "ttl must be between 1s and 720h, for example 5m or 24h"
LEAST_THRESHOLD: Final = "50%"
_TTL_CEL: Final = "duration(self.ttl) >= duration('1s') && duration(self.ttl) <= duration('720h')"
Guard = Literal["Numbers", "Dates", "Negation", "Entities"]
Temperature = Annotated[str, Field(pattern=r"^[0-9](\.[0-9]{1,3})?$", max_length=5)]
"""A decimal number that is not negative, in quotes: `"0.7"`."""


def _lasts(ttl: str) -> bool:
    return 1 <= seconds(ttl) <= DAYS * 86400


class MemoryLayer(Part):
    """What each router keeps itself: the fastest, and its own."""

    max_entries: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Answers, at most."""
    max_size: Quantity = "64Mi"
    """What they may take together; the least used leave first. The brain's container gets that much more memory, so another size replaces the
    router Pods."""
    ttl: Duration = "5m"
    """How long an answer is given again."""

    rules: ClassVar = (
        Rule(
            "!has(self.maxSize) || !quantity(string(self.maxSize)).isLessThan(quantity('1Mi')) && "
            "!quantity(string(self.maxSize)).isGreaterThan(quantity('64Gi'))",
            "maxSize must be between 1Mi and 64Gi, for example 256Mi",
            lambda m: amount("1Mi") <= amount(m.max_size) <= amount("64Gi"),
            ".maxSize",
        ),
        Rule(f"!has(self.ttl) || ({_TTL_CEL})", TTL, lambda m: _lasts(m.ttl), ".ttl"),
    )


class ExactLayer(Part):
    """What all routers keep together in the store, for questions that are the same word for word."""

    ttl: Duration = "24h"
    """How long an answer is given again."""
    max_size: Quantity | None = None
    """What the answers may take in the store together; those that run out next leave first. Policies that use the tier have equal parts of it.
    Default: half of the managed store's memory, 256Mi of an existing one."""

    rules: ClassVar = (
        Rule(
            "!has(self.maxSize) || !quantity(string(self.maxSize)).isLessThan(quantity('1Mi'))",
            "maxSize must be at least 1Mi, for example 256Mi",
            lambda e: e.max_size is None or amount(e.max_size) >= amount("1Mi"),
            ".maxSize",
        ),
        Rule(f"!has(self.ttl) || ({_TTL_CEL})", TTL, lambda e: _lasts(e.ttl), ".ttl"),
    )


class EmbeddingEndpoint(Part):
    """An OpenAI-compatible `/v1/embeddings`, for example of a ModelDeployment."""

    url: BaseURL
    """What `/embeddings` follows: `http://NAME.NAMESPACE.svc:8000/v1`."""
    model: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")]
    """What it calls the model. Another one makes every vector anew."""
    api_key_secret_ref: SecretKeyRef | None = None
    """Its key, shown as `authorization: Bearer`; routers read it. Default: none is shown."""
    timeout: Duration = "1s"
    """A text whose vector takes longer is looked for word for word only."""

    rules: ClassVar = (
        Rule(
            "!has(self.timeout) || duration(self.timeout) >= duration('10ms') && duration(self.timeout) <= duration('10s')",
            "timeout must be between 10ms and 10s, for example 1s: requests wait for it",
            lambda e: 0.01 <= seconds(e.timeout) <= 10,
            ".timeout",
        ),
        Rule(
            "self.url.startsWith('https://') || !has(self.apiKeySecretRef)",
            "a key is shown over TLS alone; write an https:// url, or leave apiKeySecretRef out",
            lambda e: e.url.startswith("https://") or e.api_key_secret_ref is None,
            ".url",
        ),
    )


class Embedding(Part):
    """Who turns a text into a vector: one of the two."""

    model: Literal["all-MiniLM-L6-v2"] | None = None
    """The model that routers have in them. Default, unless there is an endpoint."""
    endpoint: EmbeddingEndpoint | None = None
    """Somebody who is asked."""

    rules: ClassVar = (
        Rule(
            "!has(self.model) || !has(self.endpoint)",
            "write model or endpoint: one of them makes the vectors",
            lambda e: e.model is None or e.endpoint is None,
        ),
    )


class Judge(Part):
    """Who compares two answers."""

    model: ServedName
    """A public model of the policies that use the tier, answered by a ModelDeployment; none whose answers it would judge itself."""


class Quality(Part):
    """Some requests that would get an answer to a similar question are asked of an engine instead, and the two answers are compared."""

    sample: Percent = "2%"
    """Share of these requests."""
    max_false_hits: Percent = "1%"
    """Share of answers that say something else than the engine. Where it is higher for sure (99 % confidence), only questions that are the
    same word for word are answered, until the share is lower again; the policy's condition ResponseCache and an Event say so."""
    judged_by: Judge | None = None
    """Default: the two answers' vectors, and the guards."""

    rules: ClassVar = (
        Rule(
            "!has(self.sample) || self.sample.matches('[1-9]')",
            "sample must be above 0%, for example 2%; leave quality out to look at none",
            lambda q: fraction(q.sample) > 0,
            ".sample",
        ),
        Rule(
            "!has(self.maxFalseHits) || self.maxFalseHits.matches('[1-9]') && !self.maxFalseHits.startsWith('100')",
            "maxFalseHits must be above 0% and below 100%, for example 1%",
            lambda q: 0 < fraction(q.max_false_hits) < 1,
            ".maxFalseHits",
        ),
    )


class SemanticLayer(Part):
    """Answers to questions that are similar. Another word may be another question: measure `quality` before you trust it."""

    embedding: Embedding = Embedding()
    """What makes questions comparable."""
    threshold: Percent = "95%"
    """Cosine from which on two questions may be one."""
    guards: Annotated[list[Guard], Field(max_length=4, json_schema_extra=SET)] = [
        "Numbers",
        "Dates",
        "Negation",
        "Entities",
    ]
    """In what they must not differ, however similar they are."""
    conversations: Literal["SingleTurn", "SameHistory"] = "SingleTurn"
    """Whether questions with a history are answered, too, where the whole history is the same, word for word."""
    ttl: Duration = "24h"
    """How long an answer is given again."""
    max_entries: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Questions that are compared, for each combination of what must be the same (client, model, system prompt, parameters). The brain's
    container gets memory for as many, so another number replaces the router Pods."""
    quality: Quality | None = None
    """How wrong answers are found. Default: not at all."""

    rules: ClassVar = (
        Rule(
            "!has(self.threshold) || self.threshold.matches('^([5-9][0-9]|100)')",
            f"threshold must be at least {LEAST_THRESHOLD}, for example 95%: below, questions have little in common",
            lambda s: fraction(s.threshold) >= fraction(LEAST_THRESHOLD),
            ".threshold",
        ),
        Rule(f"!has(self.ttl) || ({_TTL_CEL})", TTL, lambda s: _lasts(s.ttl), ".ttl"),
    )


class HeaderMatch(Part):
    """A header that a request has."""

    name: HeaderName
    """Its name, in any case."""
    value: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[ -~]+$")]
    """Its value, the whole of it."""


class TtlMatch(Part):
    """What a request looks like."""

    headers: Annotated[list[HeaderMatch], Field(min_length=1, max_length=8, json_schema_extra=KEYED_BY_NAME)]
    """All of these."""


class TtlRule(Part):
    """Another time for some requests; the first that fits counts."""

    name: Name
    """Name of the rule."""
    match: TtlMatch
    """For which."""
    ttl: Duration
    """How long their answers are given again, in every layer."""

    rules: ClassVar = (Rule(_TTL_CEL, TTL, lambda r: _lasts(r.ttl), ".ttl"),)
