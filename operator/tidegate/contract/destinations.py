"""Who can answer: what Envoy calls clusters. A destination is of one kind, and has the block of that kind.

engine     engines of one revision of a model, found by the EndpointSlices of a Service
external   a provider outside the cluster that speaks OpenAI's API, found by its name in DNS
anthropic  the same of Anthropic's API: a kind of its own, so that a reader of 5 and before leaves it out instead of asking it in the other API

Others will be the brain itself, and fixed answers. A reader leaves out destinations of kinds that it does not know, and the others
of a route take over their shares; where that would be wrong, the document's `minReader` says so. A reader of 3 and before knows
engines alone. Secrets are only ever named, never part of the document.
"""

from __future__ import annotations

from tidegate.contract.piece import Piece


class Engine(Piece):
    """Engines of one revision of one model, or of one of its adapters."""

    service: str
    """Headless Service of the revision; its EndpointSlices are the engines. Empty: the engine in the router's own Pod, whatever its revision."""
    port: int
    """Port of the engines, used while no EndpointSlice names one."""
    model: str
    """What the engines call the model: replaces the public name in the body. Empty: what the engine in the router's own Pod calls it."""


class SecretEntry(Piece):
    """An entry of a Secret, which the brain reads."""

    secret: str
    entry: str


class Proxy(Piece):
    """Who is asked for a tunnel to a provider. A document that names one wants a reader of 6: an earlier one would go past it."""

    host: str
    port: int
    credentials: SecretEntry | None = None
    """`USER:PASSWORD`, shown as `proxy-authorization: Basic`."""


class External(Piece):
    """A provider."""

    host: str
    """Its name, or an address; IPv6 without brackets."""
    port: int
    tls: bool = True
    """Whether it is asked over TLS, and its certificate verified for `host`."""
    path: str = ""
    """What stands in its URLs where ours have `/v1`: `/v1`, `/openai/v1` or nothing; without a slash at the end."""
    model: str
    """What it calls the model."""
    key: SecretEntry | None = None
    """Shown as `authorization: Bearer`, or as `x-api-key` where Anthropic's API is spoken."""
    ca: SecretEntry | None = None
    """Certificates that it is verified with; absent: those that the router's machine trusts."""
    proxy: Proxy | None = None
    """Absent: it is connected to from here."""


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
    """Unique in the document: `<backend>.<revision>` or `<backend>.<revision>.<adapter>`; an external one is `<backend>`."""
    backend: str
    """The policy's name for the model, reported in x-tidegate-backend."""
    revision: str = ""
    """The model's revision, reported in x-tidegate-revision; an external one has none."""
    model: str = ""
    """The ModelDeployment, for metrics; empty in documents of before, and of an external one."""
    bounds: Bounds | None = None
    """What its histograms must be able to tell; ignored by earlier readers, whose gates then say that a bucket is missing."""
    hold: Hold | None = None
    """Whether the model may have no engine on purpose, and its requests wait for one then."""
    engine: Engine | None = None
    external: External | None = None
    anthropic: External | None = None
    """One of the three; none in destinations of kinds that are unknown here."""

    @property
    def provider(self) -> External | None:
        """Who is outside the cluster, whatever he speaks."""
        return self.external or self.anthropic

    @property
    def known(self) -> bool:
        """Whether it is of a kind that this program knows."""
        return bool(self.engine or self.provider)
