"""Answers that are given again. Earlier readers ignore all of it, and ask an engine each time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidegate.contract.destinations import SecretEntry
from tidegate.contract.limits import Store
from tidegate.contract.piece import Piece

Guard = Literal["Numbers", "Dates", "Negation", "Entities"]


class Memory(Piece):
    """What each router keeps itself."""

    max_entries: Annotated[int, Field(gt=0)]
    max_bytes: Annotated[int, Field(gt=0)]
    ttl_seconds: float


class Exact(Piece):
    """What the routers keep together in the store, for questions that are the same word for word."""

    ttl_seconds: float
    max_bytes: Annotated[int, Field(gt=0)]
    """Of all answers of the tier in the store: the next to run out leave first."""


class Endpoint(Piece):
    """Who turns a text into a vector: an OpenAI-compatible `/v1/embeddings`."""

    url: str
    """`http(s)://host:port/v1`"""
    model: str
    key: SecretEntry | None = None
    timeout_seconds: float = 1.0


class Quality(Piece):
    """How answers to similar questions are watched."""

    sample: float
    """Share of such hits, 0 to 1, for which an engine is asked instead."""
    max_false_hits: float
    """Share of these, 0 to 1, above which no more answers are given to similar questions for a while."""
    judge: str = ""
    """A public model of the policy that compares two answers; empty: their vectors and the guards do."""


class Semantic(Piece):
    """Answers to questions that are similar."""

    threshold: float
    """Cosine of two questions' vectors, 0 to 1, from which on they may be one."""
    guards: tuple[Guard, ...]
    """In what two questions must not differ."""
    conversations: Literal["SingleTurn", "SameHistory"]
    """Whether questions with a history are answered, too, where the whole history is the same."""
    ttl_seconds: float
    max_entries: Annotated[int, Field(gt=0)]
    """Of one namespace: what must be the same of two questions but their words."""
    endpoint: Endpoint | None = None
    """Absent: the model that the router has in it."""
    quality: Quality | None = None


class TtlRule(Piece):
    """Another time for some requests; the first that fits counts."""

    headers: tuple[tuple[str, str], ...]
    """Names in lower case, and values: all of them."""
    ttl_seconds: float


class Cache(Piece):
    """One tier, as a policy's routes use it."""

    name: str
    """Of the CacheTier, unique in the document."""
    sharing: Literal["Client", "Policy"]
    """Who may be given whose answers: his own alone, or those of all clients of the policy."""
    version: str = ""
    """What was stored under another one is not given again."""
    max_temperature: float
    """A request with a higher one wants a new answer each time."""
    max_answer_bytes: Annotated[int, Field(gt=0)]
    """A longer answer is not kept."""
    memory: Memory | None = None
    exact: Exact | None = None
    semantic: Semantic | None = None
    ttl_rules: tuple[TtlRule, ...] = ()
    store: Store | None = None
    """Absent: each router keeps what it has itself."""


class Price(Piece):
    """Of a backend, in US dollars per million tokens."""

    input: float
    output: float
