"""How soon a tier whose hits are wrong too often is noticed, and how often one is that does what it promises."""

from __future__ import annotations

import random
from typing import Final

from benchmarks.similar.results import Watched
from tidegate.brain.cache.semantic.quality import Quality

ALLOWED: Final = 0.01
SHARES: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.10)
JUDGED: Final = 2_000
TIERS: Final = 400


def watched() -> tuple[Watched, ...]:
    """For each share of wrong hits; the same numbers at each run."""
    return tuple(_watched(share, random.Random(number)) for number, share in enumerate(SHARES))


def _watched(share: float, chance: random.Random) -> Watched:
    ends = sorted(end for end in (_end(share, chance) for _ in range(TIERS)) if end)
    half = TIERS // 2
    return Watched(share, len(ends) / TIERS, ends[half] if len(ends) > half else None)


def _end(share: float, chance: random.Random) -> int | None:
    quality = Quality(ALLOWED)
    return next((at for at in range(1, JUDGED + 1) if quality.judged(chance.random() >= share, 0.0)), None)
