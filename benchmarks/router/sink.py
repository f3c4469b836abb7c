"""Reads records and forgets them; its argument is the folder of its socket."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from tidegate.envoy.observe import SOCKET


async def forget(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection of Envoy's."""
    while await reader.read(1 << 16):
        pass
    writer.close()


async def main(folder: Path) -> None:
    """Until it is ended."""
    server = await asyncio.start_unix_server(forget, folder / SOCKET)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
