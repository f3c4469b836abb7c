"""How large a part of its limits a client is given in advance: a pure function of what it did with the last one, and of the room there is.

what the client did lately                          then
-------------------------------------------------   ------------------------------------------------
asked for the first time in LATELY                  nothing: most clients do not come again that soon
asked again, and has had none                       FIRST requests
asked again within SOON, and used less than LEAST   the same
  of the last part
asked again later than that                         nothing: it comes too rarely to use one up
used the last part up before its time was over,     twice as many as it had, at most MOST
  but for a QUARTER
its time was over first, but for a quarter          as many as it used, from LEAST on

All that is given of a limit, to whomever and by all routers of the policy, is a PARTth of what is left of it at most: whoever takes the last of a
limit is asked about each request, so that what is let through is exact where it matters, and no client waits long for what another one holds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FIRST: Final = 8
"""Requests."""
MOST: Final = 256
LEAST: Final = 4
PART: Final = 16
QUARTER: Final = 4
"""Where so little is left of a part, or of its time, one request asks for the next (native/src/allowance.rs)."""
LATELY: Final = 2000
"""Milliseconds."""
SOON: Final = 500
"""The same: who comes as often has some use of a part, which is there for a second at most."""


class Size(NamedTuple):
    """Of a part."""

    requests: int
    tokens: int


class Lately(NamedTuple):
    """Of one client with one model."""

    at: int
    """Milliseconds: when it asked, or a part that it used was over."""
    next: int | None
    """Requests of its next part; 0 where it used little of the last, None where it has had none."""


def requests(lately: Lately | None, now: int) -> int:
    """How many it should be given now, for all that its own doing says."""
    if lately is None or now - lately.at > (SOON if lately.next == 0 else LATELY):
        return 0
    return lately.next or FIRST


def is_scarce(had: Size, used: Size, cost: int) -> bool:
    """Whether little is left of a part after one more request of so many tokens."""
    requests_left = had.requests - used.requests - 1
    tokens_left = had.tokens - used.tokens - cost
    return requests_left < had.requests // QUARTER or tokens_left < had.tokens // QUARTER


def after(had: Size, used: Size, cost: int, at: int, asked: int) -> Lately:
    """When a part is over, or little of it is left: a request of `cost` tokens does not count in it any more. It last `asked` before."""
    if is_scarce(had, used, cost):
        return Lately(at, min(2 * had.requests, MOST))
    return Lately(at, used.requests) if used.requests >= LEAST else Lately(asked, 0)


def part(left: int, held: int, routers: int) -> int:
    """How much more of a limit may be given by this router, of which others hold some."""
    return (left + held) // (PART * routers) - held


def fitted(wanted: int, cost: int, may: Size) -> Size | None:
    """`wanted` requests of `cost` tokens, as far as so much may be given. None: too little."""
    count = min(wanted, may.requests)
    tokens = min(count * cost, may.tokens)
    return Size(count, tokens) if count >= LEAST and tokens >= cost else None
