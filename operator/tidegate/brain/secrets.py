"""The watches of the Secrets that a policy names, and of no others: which they are changes while the brain runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from tidegate.brain.apiserver import ApiServer
from tidegate.brain.watch import Objects, follow

Changed = Callable[[str, dict[str, Any] | None], None]
"""Called with a Secret's name, and the Secret, or None when it is not there."""


class Secrets:
    """One watch for each: a router's rights are by name."""

    def __init__(self, api: ApiServer, namespace: str, changed: Changed, forgotten: Callable[[str], None]) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._changed = changed
        self._forgotten = forgotten
        self._named: frozenset[str] = frozenset()
        self._told = asyncio.Event()

    def name(self, names: Collection[str]) -> None:
        """These are watched from now on."""
        if self._named != names:
            self._named = frozenset(names)
            self._told.set()

    async def run(self) -> None:
        """Never returns; what a watch raises ends all."""
        watches: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for name in watches.keys() - self._named:
                    watches.pop(name).cancel()
                    self._forgotten(name)
                for name in self._named - watches.keys():
                    watches[name] = group.create_task(self._follow(name))
                await self._told.wait()
                self._told.clear()

    async def _follow(self, name: str) -> None:
        def changed(objects: Objects) -> None:
            self._changed(name, objects.get(name))

        await follow(self._api, self._path, {"fieldSelector": f"metadata.name={name}"}, changed)
