"""A request to an engine, as a client would send it."""

from __future__ import annotations

import asyncio

import httpx

from tidegate import names
from tidegate.cluster.routers import host
from tidegate.plan.model.judging.smoke import LATE
from tidegate.plan.plan import Request
from tidegate.plan.samples import Reply

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
    return Reply(status, body, at=now)


async def _sent(client: httpx.AsyncClient, request: Request, url: str) -> tuple[int, str]:
    body = {"content": request.body, "headers": {"content-type": "application/json"}} if request.body else {}
    async with client.stream("POST" if request.body else "GET", url, timeout=None, **body) as answer:  # type: ignore[arg-type]
        read = b""
        async for piece in answer.aiter_bytes():
            read += piece
            if len(read) >= MOST:
                break
        return answer.status_code, read[:MOST].decode(errors="replace")
