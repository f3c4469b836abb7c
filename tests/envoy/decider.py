"""A brain's decision server alone, as a process: follows what stands on its stdin, line by line, and says so."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from tests.support.patience import wait_longer
from tidegate.brain.cache import answered
from tidegate.brain.cache.keeper import CacheKeeper
from tidegate.brain.decide.server import Decisions
from tidegate.brain.limits.keeper import Keeper
from tidegate.brain.records import record
from tidegate.brain.records.ear import listen
from tidegate.contract.router_config import load
from tidegate.envoy import caching, limiting, observe
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.decide import SOCKET


async def main(folder: Path) -> None:
    """Until stdin ends."""
    decisions = Decisions()
    keeper = Keeper(decisions.counting)
    caches = CacheKeeper(decisions.cache, time.time)
    parts = [asyncio.create_task(each.run()) for each in (keeper, caches)]
    server = await decisions.serve(folder / SOCKET)
    ears = [
        await listen(folder / observe.SOCKET, decisions.counting.settle, record.read),
        await decisions.cache.serve(folder / caching.CACHED_SOCKET),
        await listen(folder / caching.ANSWERS_SOCKET, decisions.cache.answered, answered.read),
    ]
    with decisions.counting.allowances.ledger.opened(folder / limiting.LEDGER):
        async with decisions.cache.leases.told(folder / caching.WORD):
            while line := await asyncio.to_thread(sys.stdin.readline):
                said = json.loads(line)
                for name, secret in said.get("secrets", {}).items():
                    keeper.secret_changed(name, secret)
                    caches.secret_changed(name, secret)
                keeper.follow(load(said["config"]))
                decisions.follow(load(said["config"]), {name: (Endpoint("127.0.0.1", 1),) for name in said["engines"]})
                caches.follow(load(said["config"]))
                print("follows", flush=True)
    for part in parts:
        part.cancel()
    server.close()
    for ear in ears:
        ear.close()


if __name__ == "__main__":
    if "patient" in sys.argv[2:]:
        wait_longer()
    uvloop.run(main(Path(sys.argv[1])))
