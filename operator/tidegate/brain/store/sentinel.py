"""Where a store is that Sentinels watch: the first of them that answers knows. https://valkey.io/topics/sentinel-clients/"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any, Final

from tidegate.brain.store.resp import Away, Connection, Refused
from tidegate.contract.sentinels import Sentinels

PATIENCE: Final = 0.5
"""Seconds for one of them, TLS included; the next is asked then."""


async def primary(sentinels: Sentinels, context: ssl.SSLContext | None) -> tuple[str, int]:
    """Host and port. Raises Away with what the last of them said."""
    why = ""
    for host, port in sentinels.hosts:
        try:
            async with asyncio.timeout(PATIENCE):
                return await _ask(host, port, sentinels, context)
        except (OSError, TimeoutError) as error:
            why = str(error) if isinstance(error, Away) else type(error).__name__
    raise Away(f"no Sentinel says where {sentinels.group} is: {why}")


async def _ask(host: str, port: int, sentinels: Sentinels, context: ssl.SSLContext | None) -> tuple[str, int]:
    """One that wants a password gets the store's."""
    words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.group)
    try:
        found = await _said(host, port, context, words)
    except Refused as error:
        if "NOAUTH" not in str(error) or not sentinels.password:
            raise
        user = (sentinels.user,) if sentinels.user else ()
        found = await _said(host, port, context, ("AUTH", *user, sentinels.password), words)
    if not found:
        raise Away("it knows no store of that name")
    return found[0].decode(), int(found[1])


async def _said(host: str, port: int, context: ssl.SSLContext | None, *commands: tuple[str, ...]) -> Any:
    """The answer to the last of them."""
    made = partial(Connection, PATIENCE)
    name = host if context else None
    _, connection = await asyncio.get_running_loop().create_connection(
        made, host, port, ssl=context, server_hostname=name
    )
    try:
        for words in commands:
            answer = await connection.send(*words)
        return answer
    finally:
        connection.end("it has answered")
