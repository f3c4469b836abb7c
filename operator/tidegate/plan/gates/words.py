"""Figures as people read them."""

from __future__ import annotations

from math import exp

MOST = 1_000_000
"""Odds beyond this are not told apart."""


def share(part: float, whole: float) -> str:
    """`2.6 %`: two digits that count."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if 0 < percent < 0.001:
        return "under 0.001 %"
    return f"{percent:.2g} %" if percent < 9.95 else f"{percent:.0f} %"


def percent(limit: float) -> str:
    """A share that somebody wrote down, as it was written: `0.25 %`."""
    return f"{100 * limit:.6g} %"


def odds(evidence: float) -> str:
    """`1,470 : 1` from a natural logarithm of at least 0: three digits that count."""
    if evidence >= 13.8:
        return f"over {MOST:,} : 1"
    value = float(f"{exp(evidence):.3g}")
    return f"{value:,.2g} : 1" if value < 9.95 else f"{value:,.0f} : 1"


def few(seen: float, wanted: float) -> str:
    """`54 of 100 requests`."""
    return f"{seen:,.0f} of {wanted:,.0f} requests"
