"""A router beside one engine, in its Pod: what the document leaves open is that engine's.

The document is the same for every Pod and every revision of the model, so that none of them waits for another one. A destination whose
engine has no Service is the engine here: at 127.0.0.1, of this Pod's revision, under the name by which that revision calls its model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clusters import Endpoint
from tidegate.names import ENGINE_PORT

HERE: Final = {"": (Endpoint("127.0.0.1", ENGINE_PORT),)}
"""Engines by Service: the one that needs none. Whether it answers is its probes' to say, by which the Pod leaves its Services."""


@dataclass(frozen=True)
class Own:
    """The engine."""

    revision: str
    served_name: str
    """What it calls its model; its adapters have names of their own."""


def placed(config: RouterConfig, own: Own | None) -> RouterConfig:
    """The document as it is meant in this Pod; as it is where the router has a Pod of its own."""
    if own is None:
        return config
    return config.model_copy(update={"destinations": tuple(_here(d, own) for d in config.destinations)})


def _here(destination: Destination, own: Own) -> Destination:
    engine = destination.engine
    if engine is None or engine.service:
        return destination
    named = engine.model_copy(update={"model": engine.model or own.served_name})
    return destination.model_copy(update={"revision": own.revision, "engine": named})
