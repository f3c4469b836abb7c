"""Who can answer: what Envoy calls clusters. A destination is of one kind, and has the block of that kind.

engine   engines of one revision of a model, found by the EndpointSlices of a Service

Others will be external providers, the brain itself, and fixed answers. A reader leaves out destinations of kinds that it does
not know, and the others of a route take over their shares; where that would be wrong, the document's `minReader` says so.
Secrets are only ever named, never part of the document.
"""

from __future__ import annotations

from tidegate.contract.piece import Piece


class Engine(Piece):
    """Engines of one revision of one model, or of one of its adapters."""

    service: str
    """Headless Service of the revision; its EndpointSlices are the engines."""
    port: int
    """Port of the engines, used while no EndpointSlice names one."""
    model: str
    """What the engines call the model: replaces the public name in the body."""


class Hold(Piece):
    """While no engine can answer, requests wait for the first one. Earlier readers refuse them at once."""

    seconds: float
    """At most."""


class Bounds(Piece):
    """Times that histograms tell exactly, in seconds: those of the model's objectives."""

    first_tokens: tuple[float, ...] = ()
    durations: tuple[float, ...] = ()


class Destination(Piece):
    """One of those who can answer."""

    name: str
    """Unique in the document: `<backend>.<revision>` or `<backend>.<revision>.<adapter>`."""
    backend: str
    """The policy's name for the model, reported in x-tidegate-backend."""
    revision: str = ""
    """The model's revision, reported in x-tidegate-revision."""
    model: str = ""
    """The ModelDeployment, for metrics; empty in documents of before."""
    bounds: Bounds | None = None
    """What its histograms must be able to tell; ignored by earlier readers, whose gates then say that a bucket is missing."""
    hold: Hold | None = None
    """Whether the model may have no engine on purpose, and its requests wait for one then."""
    engine: Engine | None = None
    """The block of the one kind that there is so far; absent in destinations of kinds that are unknown here."""
