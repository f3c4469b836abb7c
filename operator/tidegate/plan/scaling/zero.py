"""Whether a model may have no engine. The first row that fits; with minReplicas over 0 none does.

    replicas   what is known                                              at least   at most    words
    --------   --------------------------------------------------------   --------   --------   ---------------------------------
    any        a schedule in force asks for engines                       its own    any        (the schedule's)
    0          a request arrived or is held                               1          any        a request waits for the first engine
    0          nobody asks                                                0          0          nobody asks
    over 0     an engine or a router that should say so is silent         1          any        (who is)
    over 0     a request is under way, held or came within `idle_after`   1          any        somebody asked 42 s ago
    over 0     else                                                       0          0          nobody asked for 10 m

No answer of a signal and no headroom holds a model that nobody asks for; the idle time is the only window.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.plan.scaling.seen import Seen


@dataclass(frozen=True)
class Floor:
    """The fewest that there may be, and whether there may be more."""

    least: int
    empty: bool = False
    """None may stay."""
    words: str = ""
    why: str = ""
    """Of a model that may have none, why it has one."""


def floor(seen: Seen, least: int, scheduled: int, idle_after: float | None, busy: float) -> Floor:
    """`busy`: when somebody last asked (Unix, seconds)."""
    if least or scheduled:
        return Floor(max(least, scheduled))
    if not seen.replicas:
        asked = bool(seen.arrived or seen.held)
        return Floor(1, words="a request waits for the first engine") if asked else Floor(0, True, "nobody asks")
    quiet = seen.now - busy
    if idle_after is None or seen.silent or seen.arrived is None or seen.unheard:
        return Floor(1, why=seen.unheard or "an engine or a router says nothing")
    if quiet < idle_after:
        return Floor(1, why=f"somebody asked {quiet:.0f} s ago, and the last one leaves after {idle_after:.0f}")
    return Floor(0, True, f"nobody asked for {quiet:.0f} s")
