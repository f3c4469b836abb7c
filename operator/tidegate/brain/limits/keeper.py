"""Follows what the configuration and its Secrets say of limits: which are in force, and which store is connected."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.store import Store
from tidegate.brain.store.where import Unusable, Where, where
from tidegate.contract import limits as contract
from tidegate.contract.router_config import RouterConfig


class Keeper:
    """Of one router."""

    def __init__(self, counting: Counting, draw: Callable[[], float] = random.random) -> None:
        self.counting = counting
        self._draw = draw
        self._secrets: dict[str, Mapping[str, Any] | None] = {}
        self._store: contract.Store | None = None
        self._unusable = ""
        self._changed = asyncio.Event()

    def follow(self, config: RouterConfig) -> None:
        """The configuration that Envoy runs, or may run from this moment on."""
        self.counting.follow(config)
        self._store = config.limits.store if config.limits else None
        self._changed.set()

    def secret_changed(self, name: str, secret: Mapping[str, Any] | None) -> None:
        """The watch of a Secret; None when it is not there."""
        self._secrets[name] = secret
        self._changed.set()

    def secret_forgotten(self, name: str) -> None:
        """Its watch has ended."""
        self._secrets.pop(name, None)

    def problems(self) -> list[str]:
        """Sentences about why this router counts alone although there is a store; none when it does not."""
        limits, store = self.counting.limits, self.counting.store
        if not limits or not limits.store or self.counting.is_shared:
            return []
        why = self._unusable or (
            f"the store at {store.where.said} is away: {store.trouble or 'it is back, and is told what it does not know'}"
            if store
            else "the store was not asked yet"
        )
        return [f"{why}; meanwhile each router lets through 1/{limits.replicas} of each limit"]

    async def run(self) -> None:
        """Never returns; what is connected when it is cancelled is let go."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.counting.run())
            connected: asyncio.Task[None] | None = None
            while True:
                known = self.counting.store
                wanted = self._wanted()
                if (known.where if known else None) != wanted:
                    if connected:
                        connected.cancel()
                    self.counting.store = Store(wanted, self.counting.back, self._draw) if wanted else None
                    connected = group.create_task(self.counting.store.run()) if self.counting.store else None
                await self._changed.wait()
                self._changed.clear()

    def _wanted(self) -> Where | None:
        self._unusable = ""
        if self._store is None:
            return None
        try:
            return where(self._store, self._secrets)
        except Unusable as error:
            self._unusable = str(error)
            return None
