"""Public model names, and who answers them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.contract.piece import Piece


class Target(Piece):
    """A destination's relative share of a route."""

    destination: str
    weight: Annotated[int, Field(gt=0)]


class Decision(Piece):
    """The brain chooses for each request. A document that holds one wants a reader of 2: an earlier one would answer 503."""

    among: tuple[str, ...]
    """Names of routes, the best first."""
    reads_body: bool = False
    """Whether the brain needs the request's body for it."""


class Sticky(Piece):
    """What makes two requests one client's: the first of these that a request has. Earlier readers go by the weights alone."""

    headers: tuple[str, ...] = ()
    address: bool = False
    """Whether the client's address tells, at last."""


class FixedAnswer(Piece):
    """What a client is told when nobody answers."""

    status: Annotated[int, Field(ge=400, le=599)]
    message: str


class Fallback(Piece):
    """Who is asked when the targets do not answer. Earlier readers ignore it: what fails is tried again where it failed."""

    steps: tuple[tuple[Target, ...], ...] = ()
    """One after the other; of each, one target by weight."""
    answer: FixedAnswer | None = None
    """At the end; absent: the last one's own words are passed on."""
    longer: bool | None = None
    """Whether the next one is asked, too, when one says that the context is too long for it."""


class Route(Piece):
    """Public model names and who answers them; no targets means that nobody can at present (503)."""

    name: str
    models: tuple[str, ...]
    targets: tuple[Target, ...]
    sticky: Sticky | None = None
    """Whose requests stay with one target. As far as they move when weights change: from the first targets to the last, where those grow."""
    decision: Decision | None = None
    """What leads to another route; the targets of this one are not asked then."""
    fallback: Fallback | None = None
    cache: str | None = None
    """Name of the cache whose answers its requests may get. Earlier readers ask an engine each time."""
