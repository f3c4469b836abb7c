"""From counters as they were read to counts per interval. Nothing is extrapolated: no `increase()`, no `rate()`.

What a counter grew by is taken series by series, and summed afterwards, because a sum hides that one of its counters began anew:

    a series at t                                          grew by
    ----------------------------------------------------   ---------------------------------------------------------------------
    seen before, and no counter of its source fell since   x_t - x_before, however long ago that was: a missed scrape loses nothing
    seen before, and a counter of its source fell since    x_t: the source began anew, all its counters together
    never seen before                                      x_t: our counters begin at 0 with the process
    at the first edge or before                            nothing that counts: it is what later values are compared with
    not there (its Pod is gone)                            nothing
    all requests, before the good ones are there           nothing: the bound is a new bucket of a router that ran before
    NaN, infinite or negative                              as if it were not there
    read by two at the same time (`scraper`)               nothing for the one who read it less often

So a question must reach back before the first edge, by a few minutes: a router whose scrape failed there would be taken for a new one,
and all that it ever counted for that interval's. What a Pod counted after its last scrape is lost, of both revisions alike.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final, Literal

from tidegate.plan.gates.counts import Counts

Arm = Literal["stable", "candidate"]
Part = Literal["all", "good", "bad"]
Source = tuple[str, Arm, str]

INTERVAL: Final = 30.0
"""Seconds at most; but two scrapes at least, where they are further apart."""
BEFORE: Final = 300.0
"""Seconds before the first edge for which points are asked for, at least."""
MARGIN: Final = 5.0
"""Seconds after which an answer has what was scraped."""
MOST: Final = 1000
"""Intervals in a step; a longer one has wider intervals."""


@dataclass(frozen=True)
class Series:
    """One counter of one router, as points of time (Unix, seconds) and value, in any order."""

    router: str
    """The Pod that counts."""
    arm: Arm
    """The revision that the weights chose first."""
    part: Part
    """Which requests: all and the good ones (a histogram's `+Inf` and the bound's bucket), or good and bad ones (outcomes)."""
    points: tuple[tuple[float, float], ...]
    labels: str = ""
    """Its other labels, but for outcome or bucket."""
    scraper: str = ""
    """Labels that are not the router's: whose Prometheus, which job, at which address."""

    @property
    def source(self) -> Source:
        """Counters of a source begin anew together."""
        return (self.router, self.arm, self.labels)

    @property
    def read(self) -> list[tuple[float, float]]:
        """The points that are numbers of requests, in order."""
        return sorted((at, value) for at, value in self.points if isfinite(value) and value >= 0)


def known_until(now: float, scrape: float) -> float:
    """Until when the counts of all routers are there; routers are scraped every `scrape` seconds."""
    return now - scrape - MARGIN


def edges(begin: float, end: float, scrape: float, interval: float = INTERVAL) -> tuple[float, ...]:
    """Where the intervals of a step meet, from its begin (or its warm-up's end) on; each is as long as `interval`, as far as the
    other two limits let it. Ask for points at the edges, or more often."""
    width = max(min(INTERVAL, interval), 2 * scrape)
    while (end - begin) / width > MOST:
        width *= 2
    return tuple(begin + i * width for i in range(max(0, int((end - begin) // width)) + 1))


def counts(series: Iterable[Series], between: Sequence[float]) -> tuple[Counts, ...]:
    """The counts of each interval between two edges: after the first of them, up to and with the second."""
    grown: dict[tuple[Arm, Part], list[float]] = defaultdict(lambda: [0.0] * (len(between) - 1))
    for source in by_source(series).values():
        if not unbounded(source):
            for one, at, rise in _rises(source):
                i = bisect_left(between, at) - 1
                if 0 <= i < len(between) - 1:
                    grown[one.arm, one.part][i] += rise
    requests = ([grown[arm, part] for part in ("all", "good", "bad")] for arm in ("stable", "candidate"))
    stable, candidate = ([_requests(*parts) for parts in zip(*arm, strict=True)] for arm in requests)
    return tuple(Counts(*one, *other) for one, other in zip(stable, candidate, strict=True))


def by_source(series: Iterable[Series]) -> dict[Source, list[Series]]:
    """Series whose counters begin anew together, each request once."""
    found: dict[Source, dict[str, list[Series]]] = defaultdict(lambda: defaultdict(list))
    for one in series:
        found[one.source][one.scraper].append(one)
    return {source: _once(list(read.values())) for source, read in found.items()}


def _once(read: list[list[Series]]) -> list[Series]:
    """What was read by several at the same time is one counter: of two Prometheus that are alike, or of two jobs, the one that read most
    counts. One after the other, as when a Pod came back with another address, both do."""
    kept: list[Series] = []
    spans: list[tuple[float, float]] = []
    for one in sorted(read, key=lambda one: sum(len(part.points) for part in one), reverse=True):
        times = [at for part in one for at, _ in part.read]
        begin, end = min(times, default=0.0), max(times, default=0.0)
        if all(end < first or last < begin for first, last in spans):
            kept += one
            spans += [(begin, end)] if times else []
    return kept


def unbounded(source: Iterable[Series]) -> bool:
    """Whether a source has all requests and no good ones: the bound is no bucket there, and every request would look slow."""
    parts = {one.part for one in source}
    return "all" in parts and "good" not in parts


def _rises(source: Sequence[Series]) -> Iterator[tuple[Series, float, float]]:
    falls = sorted({at for one in source for at in _falls(one)})
    bound = min((one.read[0][0] for one in source if one.part == "good" and one.read), default=0.0)
    new = any(one.part == "all" and one.read and one.read[0][0] < bound for one in source)
    for one in source:
        points = one.read
        before: tuple[float, float] | None = None
        if new:  # what both had counted when the bound began is what later values are compared with
            before = next(((at, value) for at, value in points if at >= bound), None)
            points = [(at, value) for at, value in points if at > bound]
        for at, value in points:
            anew = before is None or bisect_right(falls, at) > bisect_right(falls, before[0])
            yield one, at, value if before is None or anew else value - before[1]
            before = (at, value)


def _falls(series: Series) -> Iterator[float]:
    return (at for (_, before), (at, value) in pairwise(series.read) if value < before)


def _requests(all_: float, good: float, bad: float) -> tuple[int, int]:
    """Requests, and bad ones: never more of them and never fewer than none, though counters that began anew unseen contradict each other."""
    requests = round(all_ or good + bad)
    return requests, min(requests, max(0, round(all_ - good if all_ else bad)))
