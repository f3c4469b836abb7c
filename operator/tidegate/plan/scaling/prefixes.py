"""How much of the prompts engines had computed before, and what people are shown of it.

Tokens that were looked up, and found, are added up over all engines of a model in sums that decay by half in HALF_LIFE. What is shown is in whole
percent and stays until it is wrong by STEP, so that a status is written seldom:

    tokens looked up       a share against what is shown             then
    --------------------   ---------------------------------------   ------------------
    fewer than LEAST       any                                       what was shown
    more                   nothing was shown, or there is one more    the newest
                             or one less
    more                   one has moved by STEP                     the newest
    more                   none has                                  what was shown

vLLM looks for what the GPU does not have in the tiers below it: those tokens are the external ones. Where there is no such tier, none are
looked up, and there is no such share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.engines.metrics import Page

HALF_LIFE: Final = 600.0
"""Seconds."""
LEAST: Final = 1000.0
"""Tokens."""
STEP: Final = 5
"""Percent points."""


@dataclass(frozen=True)
class Prefixes:
    """Tokens, decayed."""

    queries: float = 0.0
    hits: float = 0.0
    external_queries: float = 0.0
    external_hits: float = 0.0
    at: float = 0.0
    """When (Unix, seconds)."""

    def then(self, before: Page, page: Page, now: float) -> Prefixes:
        """With what came between two pages of one engine; nothing of one that began anew between them."""
        left = 0.5 ** (max(0.0, now - self.at) / HALF_LIFE)
        anew = page.queries < before.queries or page.external_queries < before.external_queries
        came = 0.0 if anew else 1.0
        return Prefixes(
            self.queries * left + came * (page.queries - before.queries),
            self.hits * left + came * (page.hits - before.hits),
            self.external_queries * left + came * (page.external_queries - before.external_queries),
            self.external_hits * left + came * (page.external_hits - before.external_hits),
            now,
        )


@dataclass(frozen=True)
class Rates:
    """Whole percent."""

    device: int
    """Of all prompts' tokens, in the GPU's cache."""
    external: int | None
    """Of those that were not there, in the tiers below it; None without one."""


def rates(found: Prefixes) -> Rates | None:
    """None while too few tokens were looked up."""
    if found.queries < LEAST:
        return None
    external = found.external_hits / found.external_queries if found.external_queries >= LEAST else None
    return Rates(_percent(found.hits / found.queries), None if external is None else _percent(external))


def _percent(share: float) -> int:
    return round(100 * min(max(share, 0.0), 1.0))


def shown(before: Rates | None, found: Rates | None) -> Rates | None:
    """The table."""
    if before is None or found is None:
        return found or before
    return found if _moved(before.device, found.device) or _moved(before.external, found.external) else before


def _moved(before: int | None, now: int | None) -> bool:
    return before != now and (before is None or now is None or abs(before - now) >= STEP)
