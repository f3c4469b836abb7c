"""How a request wants to be treated: `x-tidegate-cache`, or `cache-control` as browsers and proxies write it.

no-store     it is asked of an engine, and its answer is not kept
no-cache     it is asked of an engine, and its answer is kept
forget       the same; and the answer that it would have been given is given to nobody any more: somebody found it wrong
max-age=N    it gets no answer that is older than N seconds

What is none of these says nothing. https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of one request."""

    store: bool = True
    look: bool = True
    forget: bool = False
    max_age: float = inf


NONE = Wishes()


def read(*values: str) -> Wishes:
    """Of the headers' values."""
    said = [word.strip().lower() for value in values if value for word in value.split(",")]
    if not said:
        return NONE
    return Wishes(
        store="no-store" not in said,
        look=not {"no-store", "no-cache", "forget"}.intersection(said),
        forget="forget" in said and "no-store" not in said,
        max_age=min((_seconds(word) for word in said), default=inf),
    )


def _seconds(word: str) -> float:
    name, _, number = word.partition("=")
    return float(number) if name == "max-age" and number.isascii() and number.isdigit() else inf
