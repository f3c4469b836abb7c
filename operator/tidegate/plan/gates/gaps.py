"""Whether all counts are there that should be.

    what is there                                            gap
    ------------------------------------------------------   ------------------------------------------------------------------
    nothing                                                  missing: there are no counts of this model
    nothing of a revision from a router that runs            missing: router chat-7d9f has no counts of the candidate
    all requests, and no bucket at the bound                 missing: router chat-7d9f has no bucket at the bound
    a router that runs ended over two scrapes ago            stale: the newest counts of router chat-7d9f are 95 s old
    a router that counts and does not run here               missing: there are counts of a router chat-1b2c that is not here
    else                                                     none

A router that started less than two scrapes ago need not be there yet; one that is gone need not be there any more. One that counts on
although it is none of ours is another cluster's, whose Prometheus this is too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from tidegate.plan.gates.counters import Arm, Series, by_source, unbounded
from tidegate.plan.gates.counts import Gap

BOTH: Final[tuple[Arm, ...]] = ("stable", "candidate")
ARMS: Final[Mapping[Arm, str]] = {"stable": "the stable revision", "candidate": "the candidate"}


def gap(
    series: Sequence[Series],
    routers: Mapping[str, float],
    until: float,
    scrape: float,
    arms: Collection[Arm] = BOTH,
) -> Gap | None:
    """The first one, if any. `routers` are those that run, and since when; times are Unix seconds, `scrape` is the seconds between two."""
    if not any(one.read for one in series):
        return Gap("missing", "there are no counts of this model")
    due = sorted(name for name, since in routers.items() if since <= until - 2 * scrape)
    found = [
        *_missing(series, due, arms),
        *_unbounded(series),
        *_stale(series, due, until, scrape),
        *_strange(series, routers, until),
    ]
    return found[0] if found else None


def _missing(series: Sequence[Series], due: Sequence[str], arms: Collection[Arm]) -> Iterator[Gap]:
    there = {(one.router, one.arm) for one in series if one.read}
    for name in due:
        for arm in arms:
            if (name, arm) not in there:
                yield Gap("missing", f"router {name} has no counts of {ARMS[arm]}")


def _unbounded(series: Sequence[Series]) -> Iterator[Gap]:
    for (router, _, _), source in by_source(series).items():
        if unbounded(source):
            yield Gap("missing", f"router {router} has no bucket at the bound")


def _stale(series: Sequence[Series], due: Sequence[str], until: float, scrape: float) -> Iterator[Gap]:
    for name in due:
        newest = max((one.read[-1][0] for one in series if one.router == name and one.read), default=until)
        if newest < until - 2 * scrape:
            yield Gap("stale", f"the newest counts of router {name} are {until - newest:.0f} s old")


def _strange(series: Sequence[Series], routers: Mapping[str, float], until: float) -> Iterator[Gap]:
    """A router that went a moment ago leaves a last point behind: only one that counted since then is another's."""
    counting = {one.router for one in series if one.read and one.read[-1][0] >= until}
    for name in sorted(counting - routers.keys()):
        yield Gap("missing", f"there are counts of a router {name} that is not here")
