"""A brain's decision server alone, as a process: follows what stands on its stdin, line by line, and says so."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from tidegate.brain.decide.server import Decisions
from tidegate.contract.router_config import load
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.decide import SOCKET


async def main(folder: Path) -> None:
    """Until stdin ends."""
    decisions = Decisions()
    server = await decisions.serve(folder / SOCKET)
    while line := await asyncio.to_thread(sys.stdin.readline):
        said = json.loads(line)
        decisions.follow(load(said["config"]), {name: (Endpoint("127.0.0.1", 1),) for name in said["engines"]})
        print("follows", flush=True)
    server.close()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
