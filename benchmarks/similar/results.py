"""What was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Of one rule, over pairs that nothing was tuned on."""

    rule: str
    threshold: float
    hits: int
    """Pairs with one right answer that get it."""
    same: int
    """Of so many."""
    wrong: int
    """Pairs with different answers that get the stored one."""
    traps: int
    """Of so many."""

    @property
    def hit_rate(self) -> float:
        """0 to 1"""
        return self.hits / self.same

    @property
    def wrong_rate(self) -> float:
        """0 to 1"""
        return self.wrong / self.traps


@dataclass(frozen=True)
class Cost:
    """Of one step: medians in milliseconds."""

    what: str
    wall: float
    cpu: float
    """Of all threads: what it takes where a core is free."""


@dataclass(frozen=True)
class Watched:
    """Simulated tiers with a share of wrong hits, and how many judged hits it took until they answered only the same questions."""

    share: float
    switched_off: float
    """Share of the tiers, within all judged hits."""
    median: int | None
    """Judged hits until then; None where fewer than half were."""


@dataclass(frozen=True)
class Results:
    """Of one run."""

    questions: tuple[Rates, ...]
    conversations: tuple[Rates, ...]
    costs: tuple[Cost, ...]
    watched: tuple[Watched, ...]
    allowed: float
    """`maxFalseHits` of the tiers that were watched."""
    judged: int
    """Hits that were judged in each."""
    tiers: int
    load: float
    """Average on this machine."""
    cores: int
