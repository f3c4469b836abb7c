"""Engines that hang, as the operator says: they get no requests while a Service has others."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from tidegate.envoy.clusters import Endpoint


class Chosen:
    """Engines that get requests, of all that are known; both watches speak when they like."""

    def __init__(self) -> None:
        self._known: Mapping[str, tuple[Endpoint, ...]] | None = None
        self._avoided: frozenset[str] = frozenset()

    def of(self, known: Mapping[str, tuple[Endpoint, ...]]) -> dict[str, tuple[Endpoint, ...]] | None:
        """Of these, by Service."""
        self._known = known
        return self._engines

    def without(self, addresses: frozenset[str]) -> dict[str, tuple[Endpoint, ...]] | None:
        """Without these; None while none is known."""
        self._avoided = addresses
        return self._engines

    @property
    def _engines(self) -> dict[str, tuple[Endpoint, ...]] | None:
        return None if self._known is None else without(self._known, self._avoided)


def read(text: str) -> frozenset[str]:
    """Addresses; none where it is no list of texts."""
    try:
        said = json.loads(text or "[]")
    except ValueError:
        return frozenset()
    return frozenset(one for one in said if isinstance(one, str)) if isinstance(said, list) else frozenset()


def without(engines: Mapping[str, tuple[Endpoint, ...]], avoided: Collection[str]) -> dict[str, tuple[Endpoint, ...]]:
    """By Service. Never the last of one: engines that hang are better than none, and the operator may be wrong."""
    kept = {name: tuple(one for one in found if one.address not in avoided) for name, found in engines.items()}
    return {name: kept[name] or found for name, found in engines.items()}
