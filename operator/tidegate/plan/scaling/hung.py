"""Engines that hang: requests are under way, `/health` says 200, and no token is made.

An engine *moves* while nothing is under way, when it makes a token, takes in a prompt, or uses more of its KV cache than at the reading
before. vLLM takes a long prompt in piece by piece (chunked prefill, on by default), and each piece takes KV; so a long prefill moves. Who
comes and who gives up is no movement: a frontend that lives counts that beside an engine that does not.

    limit = 3 times the longest pause after which this engine went on, from 20 s to 300 s

    stood still for     of the engines that serve                          then
    -----------------   ------------------------------------------------   --------------------------------------------------
    under `limit`       any                                                it is well
    `limit`             another one is well, and under a third is out      out of the routers
    `limit`             none is well, or a third is out already            told, and not out: those that stand longest are
    `limit` + 60 s      it is out                                          its Pod is evicted, one at a time
    `limit` + 300 s     none is well                                       its Pod is evicted, one at a time: it serves nobody anyway

An engine that hangs whose clients have all given up has nothing under way, and hangs all the same until it makes a token.

Where one alone is a third, one may be out. What was read more than 15 s ago changes nothing: silence is no verdict, who is out stays out, and
nobody is evicted. An engine that moves again is well at once; one that hung when the operator began anew hangs until it moves, and its time begins
anew. A core that hung while nothing was under way cannot be seen: vLLM's gauges then say 0 for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.engines.metrics import Page
from tidegate.plan.scaling.seen import FRESH

LEAST: Final = 20.0
"""Seconds: ten readings."""
MOST: Final = 300.0
"""Seconds."""
PAUSES: Final = 3
OUT: Final = 60.0
"""Seconds that an engine is out before its Pod is evicted."""
ALONE: Final = 300.0
"""Seconds before the Pod of one is evicted that could not be taken out."""
SHARE: Final = 3
"""One of so many may be out at once."""


@dataclass(frozen=True)
class Standing:
    """How long an engine has stood still. Times are Unix times in seconds."""

    page: Page
    at: float
    """When it was read last."""
    moved: float
    """When it moved last."""
    pause: float = 0.0
    """The longest that it stood still and then went on, in seconds."""

    @property
    def limit(self) -> float:
        """Seconds of standing still from which on it hangs."""
        return min(MOST, max(LEAST, PAUSES * self.pause))

    @property
    def hangs(self) -> bool:
        """Whether it does, as far as it was read."""
        return self.at - self.moved >= self.limit

    def stood(self, now: float) -> float:
        """Seconds beyond its limit."""
        return now - self.moved - self.limit


@dataclass(frozen=True)
class Load:
    """What an engine had at the last reading."""

    requests: int
    """Running and waiting."""
    kv: float
    """Share of its KV cache that is in use, 0 to 1."""


@dataclass(frozen=True)
class Hung:
    """An engine that hangs."""

    uid: str
    since: float
    """When it moved last (Unix, seconds)."""
    requests: int
    """Under way."""
    out: bool
    """Whether routers are to send it nothing."""
    evicted: bool = False
    """Whether its Pod is to go."""


def follow(before: Standing | None, page: Page, now: float) -> Standing:
    """With one more reading; a clock that was set back begins anew."""
    if before is None or now < before.at:
        return Standing(page, now, now)
    idle = not page.running + page.waiting and not before.hangs
    if not (idle or _moves(before.page, page)):
        return replace(before, page=page, at=now)
    stood = before.at - before.moved
    return Standing(page, now, now, max(before.pause, stood if stood < MOST else 0.0))


def resumed(page: Page, now: float) -> Standing:
    """The first reading of an engine that hung for the operator before this one: out until it moves, and not evicted by one reading."""
    return Standing(page, now, now - LEAST)


def loads(standings: Mapping[str, Standing], now: float) -> dict[str, Load]:
    """Of engines that were read lately."""
    read = {uid: one.page for uid, one in standings.items() if now - one.at <= FRESH}
    return {uid: Load(page.running + page.waiting, page.kv) for uid, page in read.items()}


def _moves(before: Page, page: Page) -> bool:
    tokens = (before.prompt, before.generated) != (page.prompt, page.generated)
    return tokens or page.kv > before.kv


def judge(
    standings: Mapping[str, Standing], serving: Sequence[str], before: Sequence[Hung], now: float
) -> tuple[Hung, ...]:
    """The second table; `standings` by the uids of Pods, `serving` those that get requests, `before` the last verdict."""
    read = {uid: standings[uid] for uid in serving if uid in standings and now - standings[uid].at <= FRESH}
    hanging = sorted((uid for uid, one in read.items() if one.hangs), key=lambda uid: read[uid].moved)
    well = len(read) - len(hanging)
    was_out = {one.uid for one in before if one.out}
    hanging.sort(key=lambda uid: uid not in was_out)
    silent = [replace(one, evicted=False) for one in before if one.uid in serving and one.uid not in read]
    room = max(1, len(serving) // SHARE) - sum(one.out for one in silent) if well else 0
    found = [_hung(uid, read[uid], n < room) for n, uid in enumerate(hanging)]
    return (*_one_evicted(found, read, now), *silent)


def _hung(uid: str, one: Standing, out: bool) -> Hung:
    return Hung(uid, one.moved, one.page.running + one.page.waiting, out)


def _one_evicted(found: Sequence[Hung], read: Mapping[str, Standing], now: float) -> tuple[Hung, ...]:
    """The first whose time is over: there is one fewer when the next one's turn comes."""
    alone = len(found) == len(read)
    late = [
        one.uid
        for one in found
        if (one.out and read[one.uid].stood(now) >= OUT) or (alone and read[one.uid].stood(now) >= ALONE)
    ]
    return tuple(replace(one, evicted=one.uid in late[:1]) for one in found)
