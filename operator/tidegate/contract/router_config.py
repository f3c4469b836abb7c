"""RouterConfig: the one document that a policy's routers run, written by the operator into a ConfigMap as JSON.

It names public models, the destinations that may answer them, and relative weights. It knows nothing of Envoy and nothing
of custom resources, so that each plane can change without the other. `version` grows when an older brain would misread the
document; a brain refuses a newer version and goes on with the configuration that it has.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tidegate.names import short_hash

CONFIG_VERSION: Final = 1


class UnreadableConfig(ValueError):
    """The document is broken, or newer than this program."""


class _Piece(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Destination(_Piece):
    """One revision of one model (or one of its adapters): what Envoy calls a cluster."""

    name: str
    """Unique in the document: `<backend>.<revision>` or `<backend>.<revision>.<adapter>`."""
    backend: str
    """The policy's name for the model, reported in x-tidegate-backend."""
    revision: str
    """The model's revision, reported in x-tidegate-revision."""
    service: str
    """Headless Service of the revision; its EndpointSlices are the engines."""
    port: int
    """Port of the engines, used while no EndpointSlice names one."""
    model: str
    """What the engines call the model: replaces the public name in the body."""


class Target(_Piece):
    """A destination's relative share of a route."""

    destination: str
    weight: Annotated[int, Field(gt=0)]


class Route(_Piece):
    """Public model names and who answers them; no targets means that nobody can at present (503)."""

    name: str
    models: tuple[str, ...]
    targets: tuple[Target, ...]


class Retry(_Piece):
    """What is tried again on another engine before the client has seen anything."""

    attempts: int
    codes: tuple[int, ...]
    reasons: tuple[Literal["ConnectFailure", "Reset"], ...]
    backoff_seconds: float


class Timeouts(_Piece):
    """0 is no limit."""

    request_seconds: float
    idle_seconds: float


class RouterConfig(_Piece):
    """The whole document."""

    version: Literal[1] = 1
    namespace: str
    policy: str
    load_balancing: Literal["LeastRequest", "RoundRobin", "Random"]
    destinations: tuple[Destination, ...]
    routes: tuple[Route, ...]
    retry: Retry
    timeouts: Timeouts

    def text(self) -> str:
        """The document as JSON, the same for equal documents."""
        return self.model_dump_json(by_alias=True)

    def hash(self) -> str:
        """Names this configuration in statuses and in Envoy's `version_info`."""
        return short_hash(self.text(), 12)


def load(text: str) -> RouterConfig:
    """Reads a document; raises UnreadableConfig with what is wrong with it."""
    try:
        return RouterConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UnreadableConfig(f"{where or 'document'}: {first['msg']}") from error
