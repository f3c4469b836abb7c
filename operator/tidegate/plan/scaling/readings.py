"""What engines' pages come to between two looks: the newest of each, and how many requests came."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidegate.engines.metrics import Page, arrived, seconds_per_token
from tidegate.plan.scaling.seen import Engine


@dataclass(frozen=True)
class Read:
    """One engine's newest page."""

    page: Page
    at: float
    """Unix, seconds."""
    token_seconds: float = 0.0
    arrived: int = 0
    """Requests since the last look."""

    def then(self, page: Page, at: float) -> Read:
        """With the page after it."""
        return Read(page, at, seconds_per_token(self.page, page), self.arrived + arrived(self.page, page))

    def looked(self) -> Read:
        """The next look has begun."""
        return replace(self, arrived=0)


def engine(name: str, created: float, ready: float | None, draining: bool, read: Read | None) -> Engine:
    """As a look sees it."""
    if read is None:
        return Engine(created, ready, draining, name=name)
    page = read.page
    return Engine(created, ready, draining, read.at, page.waiting, page.running, page.kv, read.token_seconds, name)
