"""A request to an engine, as a client would send it."""

from __future__ import annotations

import asyncio

import httpx
import regex

from tidegate import names
from tidegate.cluster.routers import host
from tidegate.plan.model.judging.smoke import LATE
from tidegate.plan.plan import Request
from tidegate.plan.samples import Reply

MATCHING: float = 0.1
"""Seconds for a regular expression."""
MOST: int = 64 << 10
"""Bytes of an answer that are read."""


async def ask(client: httpx.AsyncClient, request: Request, address: str, now: float) -> Reply:
    """The answer, or in words why there is none."""
    try:
        async with asyncio.timeout(request.within):
            status, body = await _sent(client, request, f"http://{host(address)}:{names.ENGINE_PORT}{request.path}")
    except TimeoutError:
        return Reply(error=f"{LATE} {request.within:g} s", at=now)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Reply(error=f"it could not be asked: {type(error).__name__} {error}".rstrip(), at=now)
    return Reply(status, body, at=now, unlike=_unlike(request.pattern, body))


def _unlike(pattern: str, body: str) -> str:
    """Empty where the pattern is found. People write patterns, and some would take for ever."""
    try:
        found = not pattern or regex.search(pattern, body, timeout=MATCHING)
    except TimeoutError:
        return f"{pattern!r} took longer than {MATCHING * 1000:.0f} ms"
    except regex.error as error:
        return f"{pattern!r} is no regular expression: {error}"
    return "" if found else f"{pattern!r} fits nowhere in the answer"


async def _sent(client: httpx.AsyncClient, request: Request, url: str) -> tuple[int, str]:
    body = {"content": request.body, "headers": {"content-type": "application/json"}} if request.body else {}
    async with client.stream("POST" if request.body else "GET", url, timeout=None, **body) as answer:  # type: ignore[arg-type]
        read = b""
        async for piece in answer.aiter_bytes():
            read += piece
            if len(read) >= MOST:
                break
        return answer.status_code, read[:MOST].decode(errors="replace")
