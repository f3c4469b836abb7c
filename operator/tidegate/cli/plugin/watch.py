"""A rollout watched to its end.

the model is                exit status
-------------------------   -----------------------------------------
Settled                     0: the newest spec serves
Refused                     1: it was taken back
Unseen, Trial, Switching    none: it goes on
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tidegate.cli.plugin.seen import Seen
from tidegate.errors import Retry

EVERY: Final = 1.0
"""Seconds between two looks at the object."""


def ending(seen: Seen) -> int | None:
    """The table."""
    return {"Settled": 0, "Refused": 1}.get(seen.state)


async def follow(read: Callable[[], Awaitable[Seen]], show: Callable[[Seen, str], None], every: float = EVERY) -> int:
    """Reads, and shows what was read, until it has ended; returns the exit status.

    `show` gets the last thing that was read, and why nothing newer was (empty when it was). An API server that does not answer
    the first time raises as `read` does; later it is waited for.
    """
    last = await read()
    show(last, "")
    while ending(last) is None:
        await asyncio.sleep(every)
        trouble = ""
        try:
            last = await read()
        except Retry as error:
            trouble = str(error)
        show(last, trouble)
    return ending(last) or 0
