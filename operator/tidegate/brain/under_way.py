"""What the brain's loop keeps of configurations that come and of destinations that go, and how much it tells of what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.snapshot import Snapshot

ASK_AGAIN: Final = 0.02
"""Seconds between two looks at Envoy while an update is under way."""
PATIENCE: Final = 10.0
"""Seconds after which an update that Envoy neither took nor refused counts as not taken."""
MOST_SENTENCES: Final = 10


@dataclass(frozen=True)
class Held:
    """A configuration that waits for its engines or its Secrets, and since when (seconds of the loop's clock)."""

    config: str
    since: float


NOTHING_HELD: Final = Held("", 0.0)


@dataclass(frozen=True)
class Offer:
    """A configuration that is under way, and how often Envoy had refused anything before it: engines that change meanwhile
    must not hide its refusal."""

    wanted: Snapshot
    config: RouterConfig
    refusals: int


@dataclass(frozen=True)
class Leaving:
    """A destination that no route names any more: its Service (empty when an earlier brain knew it), and when it goes
    (seconds of the loop's clock)."""

    service: str
    until: float


def few(sentences: Sequence[str]) -> list[str]:
    """No more of them than a status has room for."""
    more = len(sentences) - MOST_SENTENCES
    return [*sentences[:MOST_SENTENCES], *([f"and {more} more"] if more > 0 else [])]


def services(config: RouterConfig) -> dict[str, str]:
    """The headless Services of engines, by destination."""
    return {d.name: d.engine.service for d in config.destinations if d.engine}
