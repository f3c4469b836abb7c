"""How many requests routers hold back for models that may have no engine. Each router is asked once, however many models it stands
before: every OFTEN seconds while one of them has no engine, every SELDOM seconds else.

a router                             then
----------------------------------   ---------------------------------------------------------------
answers                              its word counts, for FRESH seconds
leaves                               is asked, and need not answer: it ends when its last request has
does not answer, or cannot hold      the models have engines for as long: nobody would wake them

A model with none whose first request comes is told of at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegate.plan.plan import Door, ObjectKey
from tidegate.plan.scaling.seen import FRESH

log = logging.getLogger("tidegate.doors")

OFTEN: Final = 0.4
SELDOM: Final = 2.0
"""Seconds."""

Ask = Callable[[str], Awaitable[Mapping[str, int] | None]]
"""From a router's address to what it holds, by model; None when it does not say."""


@dataclass(frozen=True)
class Held:
    """What is known of one model."""

    requests: int = 0
    unheard: str = ""
    """Why there may be more; empty when every router says what it holds."""


@dataclass
class _Router:
    """One that is asked."""

    task: asyncio.Task[None]
    sooner: asyncio.Event = field(default_factory=asyncio.Event)
    held: Mapping[str, int] = field(default_factory=dict)
    heard: float | None = None
    """When it last answered, by the loop's clock."""


@dataclass(frozen=True)
class _Wish:
    doors: Sequence[Door]
    often: bool


class Doors:
    """Keeps asking those that the newest plans name; `knocks` is told of models with no engine that somebody waits for."""

    def __init__(self, ask: Ask, knocks: Callable[[ObjectKey], None]) -> None:
        self._ask, self._knocks = ask, knocks
        self._wishes: dict[ObjectKey, _Wish] = {}
        self._routers: dict[str, _Router] = {}

    def want(self, key: ObjectKey, doors: Sequence[Door], *, often: bool) -> None:
        """The routers before a model; none: nobody need be asked for it."""
        before = self._wishes.pop(key, None)
        if doors:
            self._wishes[key] = _Wish(doors, often)
        self._follow()
        if often and not (before and before.often):
            for door in doors:
                self._routers[door.address].sooner.set()

    def held(self, key: ObjectKey) -> Held:
        """What the routers of a model said last."""
        wish = self._wishes.get(key)
        if wish is None:
            return Held(unheard="no router stands before it that would hold requests")
        now = asyncio.get_running_loop().time()
        known = [(door, self._routers[door.address]) for door in wish.doors]
        requests = sum(router.held.get(key.name, 0) for _, router in known if _fresh(router, now))
        deaf = sorted(door.address for door, router in known if not door.leaves and not _fresh(router, now))
        return Held(requests, f"router {deaf[0]} does not say what it holds" if deaf else "")

    def __len__(self) -> int:
        """Routers that are asked."""
        return len(self._routers)

    def _follow(self) -> None:
        wanted = {door.address for wish in self._wishes.values() for door in wish.doors}
        for address in self._routers.keys() - wanted:
            self._routers.pop(address).task.cancel()
        for address in wanted - self._routers.keys():
            self._routers[address] = _Router(asyncio.get_running_loop().create_task(self._keep_asking(address)))

    async def _keep_asking(self, address: str) -> None:
        await asyncio.sleep(0)  # until it has been filed
        while (router := self._routers.get(address)) is not None:
            router.sooner.clear()
            try:
                await self._once(address, router)
            except Exception:
                log.exception("router %s: this should not happen; asked again", address)
            await _pause(router, self._pace(address))

    async def _once(self, address: str, router: _Router) -> None:
        if (held := await self._ask(address)) is not None:
            router.heard = asyncio.get_running_loop().time()
            router.held, before = held, router.held
            self._tell(address, held, before)

    def _tell(self, address: str, held: Mapping[str, int], before: Mapping[str, int]) -> None:
        for key, wish in list(self._wishes.items()):
            if wish.often and held.get(key.name) and not before.get(key.name) and _names(wish, address):
                self._knocks(key)

    def _pace(self, address: str) -> float:
        return OFTEN if any(w.often and _names(w, address) for w in self._wishes.values()) else SELDOM


def _names(wish: _Wish, address: str) -> bool:
    return any(door.address == address for door in wish.doors)


def _fresh(router: _Router, now: float) -> bool:
    return router.heard is not None and now - router.heard <= FRESH


async def _pause(router: _Router, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await router.sooner.wait()
    except TimeoutError:
        return
