"""RouterConfig: the one document that a policy's routers run, written by the operator into a ConfigMap as JSON.

It names public models, the destinations that may answer them, and relative weights. It knows nothing of Envoy and nothing
of custom resources, so that each plane can change without the other. Routers outlive operators, in both directions:

the document              then a reader
-----------------------   ---------------------------------------------------------------------------------
has an unknown field      ignores it
has an unknown kind of    leaves it out, and its targets; the others of a route take over
  destination
wants a newer reader      refuses it, and goes on with the configuration that it has
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from pydantic import PrivateAttr, ValidationError

from tidegate.contract.affinity import Affinity
from tidegate.contract.breaking import CircuitBreaker
from tidegate.contract.browsers import Cors
from tidegate.contract.cache import Cache, Price
from tidegate.contract.clients import ApiKeys, Tokens
from tidegate.contract.destinations import Destination
from tidegate.contract.limits import Limits
from tidegate.contract.observation import Observation
from tidegate.contract.patience import Retry, Timeouts
from tidegate.contract.piece import Piece
from tidegate.contract.routes import Route, Target
from tidegate.contract.streams import Streams
from tidegate.names import short_hash

READS: Final = 6
"""What this program reads: documents whose `minReader` is not above it. Raised with each feature that an older reader would
misread; brains say theirs in /status, and the operator writes no document that a router of the policy cannot read."""


class UnreadableConfig(ValueError):
    """The document is broken, or wants a newer reader than this program."""


class RouterConfig(Piece):
    """The whole document."""

    min_reader: int = 1
    """The least that a program must read to run this document as it is meant."""
    namespace: str
    policy: str
    load_balancing: Literal["LeastRequest", "RoundRobin", "Random"]
    affinity: Affinity | None = None
    """Absent where any engine will do."""
    engine_load: bool | None = None
    """Whether engines are asked how busy they are, and get requests by it. Earlier readers go by `loadBalancing` alone."""
    destinations: tuple[Destination, ...]
    routes: tuple[Route, ...]
    retry: Retry
    timeouts: Timeouts
    observation: Observation = Observation()
    cors: Cors | None = None
    api_keys: ApiKeys | None = None
    tokens: Tokens | None = None
    """Neither where everybody may ask, else one of the two."""
    limits: Limits | None = None
    """Absent where nobody counts."""
    streams: Streams = Streams()
    caches: tuple[Cache, ...] | None = None
    """Absent where no answer is given twice."""
    prices: Mapping[str, Price] | None = None
    """By backend, of those that say one; where answers are given twice."""
    circuit_breaker: CircuitBreaker | None = None
    """Absent: nobody is left alone for what he answers."""
    _written: str = PrivateAttr(default="")

    @property
    def clients(self) -> bool:
        """Whether only clients that are known may ask."""
        return bool(self.api_keys or self.tokens)

    def text(self) -> str:
        """The document as it was written, what is unknown here included; else as JSON, the same for equal documents."""
        return self._written or self.model_dump_json(by_alias=True, exclude_none=True)

    def hash(self) -> str:
        """Names this configuration in statuses and in Envoy's `version_info`: the same for who wrote it and who read it."""
        return short_hash(self.text(), 12)


def load(text: str) -> RouterConfig:
    """Reads a document; raises UnreadableConfig with what is wrong with it."""
    try:
        found = RouterConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UnreadableConfig(f"{where or 'document'}: {first['msg']}") from error
    if found.min_reader > READS:
        raise UnreadableConfig(
            f"minReader: it needs a router that reads {found.min_reader}, and this one reads {READS}"
        )
    found._written = text
    return _understood(found)


def _understood(config: RouterConfig) -> RouterConfig:
    """Without destinations of unknown kinds."""
    known = tuple(d for d in config.destinations if d.known)
    if len(known) == len(config.destinations):
        return config
    names = {destination.name for destination in known}
    routes = tuple(_with_targets(route, names) for route in config.routes)
    return config.model_copy(update={"destinations": known, "routes": routes})


def _with_targets(route: Route, names: Collection[str]) -> Route:
    """Without targets that are not among these; a step that has none any more is left out."""

    def known(targets: Iterable[Target]) -> tuple[Target, ...]:
        return tuple(target for target in targets if target.destination in names)

    fallback = route.fallback
    if fallback:
        steps = tuple(step for step in map(known, fallback.steps) if step)
        fallback = fallback.model_copy(update={"steps": steps})
    return route.model_copy(update={"targets": known(route.targets), "fallback": fallback})
