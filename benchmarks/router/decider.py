"""A brain's decision server alone; its argument is the folder of its socket."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.router.trees import SERVICE, document
from benchmarks.router.workloads import PUBLIC
from tidegate.brain.decide.server import Decisions
from tidegate.contract.router_config import load
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.decide import SOCKET

_CHAT = "chat"


def asking(*, reads_body: bool) -> list[dict[str, Any]]:
    """Routes: what clients ask for is decided to be the one that there is."""
    [known] = document()["routes"]
    decision = {"among": [_CHAT], "readsBody": reads_body}
    return [{**known, "models": []}, {"name": "auto", "models": [PUBLIC], "targets": [], "decision": decision}]


async def main(folder: Path) -> None:
    """Until it is ended."""
    decisions = Decisions()
    wanted = load(json.dumps(document(routes=asking(reads_body=False))))
    decisions.follow(wanted, {SERVICE: (Endpoint("127.0.0.1", 1),)})
    server = await decisions.serve(folder / SOCKET)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
