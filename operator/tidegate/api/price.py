"""What tokens cost."""

from __future__ import annotations

from tidegate.api.base import Part
from tidegate.api.values import Dollars


class Price(Part):
    """What a backend's tokens cost, in US dollars per million; what caches save is told in dollars by it."""

    input: Dollars
    """Of the prompt: "0.15"."""
    output: Dollars
    """Of the answer: "0.60"."""
