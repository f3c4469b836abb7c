"""Which engine of a model gets a request."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api.base import SET, Part, Rule
from tidegate.api.values import HeaderName

HASHED: tuple[str, ...] = ("PrefixAffinity", "Session")


class LoadBalancing(Part):
    """Which engine of a model gets a request."""

    algorithm: Literal["LeastRequest", "RoundRobin", "Random", "PrefixAffinity", "Session", "EngineLoad"] = (
        "LeastRequest"
    )
    """LeastRequest takes the less busy of two random engines, by what this router has sent. EngineLoad asks the engines besides how much of
    their KV cache is in use and how many requests wait, and sends the more of them the freer an engine is. PrefixAffinity sends requests whose prompts begin alike, up to the first
    message of a user, to one engine, which has that beginning in its cache: the turns of a conversation. Session
    goes by `headers`, and by the client's address where a request has none of them. With either an engine that has 1.5 times as many requests
    under way as the average is passed over, so that what is hot spreads. Routers without the native filters read no prompts: there
    PrefixAffinity is Session."""
    headers: Annotated[list[HeaderName], Field(min_length=1, max_length=8, json_schema_extra=SET)] | None = None
    """What tells a session, the first that a request has. Default: `x-tidegate-session`, `x-tidegate-user`. With PrefixAffinity
    requests without a prompt go by them."""

    rules: ClassVar = (
        Rule(
            "!has(self.headers) || (has(self.algorithm) && self.algorithm in ['PrefixAffinity', 'Session'])",
            "headers tell a session; write algorithm: Session or PrefixAffinity beside them, or leave them out",
            lambda b: b.headers is None or b.algorithm in HASHED,
        ),
    )

    @property
    def sessions(self) -> tuple[str, ...]:
        """The headers that count."""
        return tuple(self.headers or ("x-tidegate-session", "x-tidegate-user"))
