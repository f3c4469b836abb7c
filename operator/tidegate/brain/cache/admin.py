"""What people ask of a router's caches, on a Unix socket of its Pod: who may ask is who may run a command in that Pod.

POST /purge   Criteria as JSON   how many answers fit, by layer, and were forgotten if `really`; 400 with a sentence where that cannot be told
GET  /stats   -                  by tier, as in /status
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from aiohttp import web

SOCKET: Final = "cache-admin.sock"
"""In the Pod's folder."""


@dataclass(frozen=True)
class Criteria:
    """Which answers: those that all of these fit; what is empty fits every one."""

    tenant: str = ""
    model: str = ""
    """The public name."""
    revision: str = ""
    prompt: str = ""
    """What was asked last, word for word."""
    similar_to: str = ""
    """The same, by meaning."""
    threshold: float = 0.0
    """Least cosine to `similar_to`, 0 to 1; 0 is the tier's own."""
    really: bool = False
    """Whether they are forgotten, too."""


@dataclass(frozen=True)
class Found:
    """Answers that fit, in each layer; those of the store are all routers' together."""

    memory: int = 0
    exact: int = 0
    semantic: int = 0


class CannotTell(Exception):
    """Why nobody can say which answers fit, or forget them, in a sentence: the store is away, or there are no vectors."""


class Caching(Protocol):
    """All caches of one router."""

    def stats(self) -> Mapping[str, Any]:
        """By tier. All fields may be absent; counts are since the brain began.

        entries, bytes   in the router's memory
        storeBytes       of the tier in the store, all routers together
        hits             {memory, exact, semantic}: requests that were answered
        misses           requests that could have been
        savedTokens      of answers that were given again, and savedMicrodollars, what they would have cost where that is known
        trouble          sentences: why a layer does nothing although the tier asks for it
        semantic         {state: "On" | "ExactOnly", judged, falseHits, low, high, says}: hits that were looked at, the wrong ones among
                         them, the 95 % interval of their share (0 to 1), and why it is ExactOnly
        """
        ...

    async def purge(self, criteria: Criteria) -> Found:
        """Raises CannotTell."""
        ...


async def serve(socket: Path, caching: Caching) -> web.AppRunner:
    """Listens there; what an earlier brain left is taken over. The caller cleans up."""

    async def stats(_: web.Request) -> web.Response:
        return web.json_response(dict(caching.stats()))

    async def purge(request: web.Request) -> web.Response:
        try:
            return web.json_response(asdict(await caching.purge(criteria(await request.text()))))
        except (CannotTell, ValueError) as error:
            return web.Response(status=400, text=f"{error}\n")

    app = web.Application()
    app.router.add_get("/stats", stats, allow_head=False)
    app.router.add_post("/purge", purge)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    return runner


def criteria(text: str) -> Criteria:
    """Of JSON; a field that there is not, or of another type, is a ValueError: a purge that leaves a condition out forgets too much."""
    said = json.loads(text)
    usual = asdict(Criteria())
    if not isinstance(said, dict) or any(type(value) is not type(usual.get(name)) for name, value in said.items()):
        raise ValueError(f"the criteria must be a map of {', '.join(usual)}")
    return Criteria(**said)
