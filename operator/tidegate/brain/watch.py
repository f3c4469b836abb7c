"""Following a collection of the Kubernetes API: list, watch, and list again whenever the watch cannot go on.

A list is complete, so what was deleted unseen disappears with it. While the API server is silent the last known objects
stay: routers go on with what they have.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import aiohttp

from tidegate.brain.apiserver import ApiServer

log = logging.getLogger("tidegate.brain.watch")

Objects = dict[str, dict[str, Any]]
"""By name."""
WATCH_SECONDS: Final = 290
SILENCE: Final = 70.0
"""Seconds without a byte after which a watch is dead: the API server sends a bookmark every minute."""
FIRST_PAUSE, LAST_PAUSE = 0.2, 15.0
HEALTHY_AFTER: Final = 10.0
"""Seconds after which what broke had worked, so that the next pause is the shortest again."""


class Expired(Exception):
    """The watch cannot go on from where it is."""


async def follow(api: ApiServer, path: str, selector: dict[str, str], changed: Callable[[Objects], None]) -> None:
    """Calls `changed` with all objects after each list and each event; never returns."""
    clock = asyncio.get_running_loop().time
    pause = FIRST_PAUSE
    while True:
        began = clock()
        try:
            objects, version = await _list(api, path, selector)
            changed(objects)
            while True:
                version = await _watch(api, path, selector, version, objects, changed)
        except Expired as reason:
            log.info("%s: %s; listing again", path, reason)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("%s: %s: %s; tried again", path, type(error).__name__, error)
        if clock() - began > HEALTHY_AFTER:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause * (0.5 + random.random() / 2))
        pause = min(pause * 2, LAST_PAUSE)


async def _list(api: ApiServer, path: str, selector: dict[str, str]) -> tuple[Objects, str]:
    answer = await _get(api, path, selector, 30.0)
    found = json.loads(await answer.read())
    return {item["metadata"]["name"]: item for item in found["items"]}, found["metadata"]["resourceVersion"]


async def _watch(
    api: ApiServer,
    path: str,
    selector: dict[str, str],
    version: str,
    objects: Objects,
    changed: Callable[[Objects], None],
) -> str:
    """One watch request until the server ends it; returns the version to go on from. One that ends without a word counts
    as Expired: asking for it again at once would go round and round."""
    begin = version
    query = {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    answer = await _get(api, path, selector | query, None)
    try:
        async for line in _lines(answer):
            version = _apply(json.loads(line), objects, changed)
    finally:
        answer.close()
    if version == begin:
        raise Expired("the watch ended without a word")
    return version


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Lines of any length: aiohttp's own readline has a limit."""
    rest = b""
    while chunk := await answer.content.readany():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _apply(event: dict[str, Any], objects: Objects, changed: Callable[[Objects], None]) -> str:
    """Takes one event over; returns its version."""
    kind, item = event["type"], event["object"]
    if kind == "ERROR":
        raise Expired(item.get("message", "the watch expired"))
    name = item["metadata"].get("name", "")
    if kind == "DELETED":
        objects.pop(name, None)
        changed(objects)
    elif kind in ("ADDED", "MODIFIED"):
        objects[name] = item
        changed(objects)
    return str(item["metadata"]["resourceVersion"])


async def _get(api: ApiServer, path: str, query: dict[str, str], seconds: float | None) -> aiohttp.ClientResponse:
    """A GET whose body is read by the caller. Raises Expired when the version is too old, ClientError on any other status,
    TimeoutError after SILENCE, before the headers or in the body."""
    limit = aiohttp.ClientTimeout(total=seconds, connect=10, sock_read=SILENCE)
    answer = await api.get(path, query, limit)
    if answer.status == 410:
        answer.close()
        raise Expired("the version is too old")
    if answer.status >= 400:
        text = (await answer.read())[:300].decode(errors="replace")
        raise aiohttp.ClientError(f"{answer.status} {text}")
    return answer
