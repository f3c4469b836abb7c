"""Engines that hang, as the operator says: they get no requests while a Service has others."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from tidegate.envoy.clusters import Endpoint


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
