"""Prints the static bootstrap of the `tidegate` that is on the path, today's or an earlier one's: a script, run with that on PYTHONPATH.

It reads a list of documents from its input, all meaning the same, the newest spelling first, and takes the first one that this
`tidegate` reads.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tidegate.contract.router_config import RouterConfig, UnreadableConfig, load
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.snapshot import snapshot


def _readable(documents: list[dict[str, Any]]) -> RouterConfig:
    for document in documents[:-1]:
        try:
            return load(json.dumps(document))
        except UnreadableConfig:
            continue
    return load(json.dumps(documents[-1]))


def _started_in(folder: str, native: bool) -> list[Any]:
    """What `snapshot` wants to know of the Pod; an earlier one wanted nothing."""
    try:
        from tidegate.envoy.start import Start
    except ImportError:
        return []
    try:
        from tidegate.brain.native import provided
    except ImportError:
        return [Start(folder)]
    return [Start(folder, module=provided(Path(folder)) if native else "")]


def _clients(config: RouterConfig) -> list[Any]:
    """A thousand, where clients have keys: one of them is what the load shows. Earlier ones had none."""
    if not getattr(config, "api_keys", None):
        return []
    from tidegate.envoy.clients import Clients

    keys = ["none", *(f"sk-{n:048}" for n in range(999))]
    return [Clients({hashlib.sha256(key.encode()).hexdigest(): f"client-{n}" for n, key in enumerate(keys)})]


def main() -> None:
    """Arguments: the Service of the engines, the port of the only one on 127.0.0.1, the folder of sockets, and `native` or `lua`."""
    service, port, folder, filters = sys.argv[1:]
    engines = {service: [Endpoint("127.0.0.1", int(port))]}
    config = _readable(json.load(sys.stdin))
    made = snapshot(config, engines, *_started_in(folder, filters == "native"), *_clients(config))
    json.dump(made.static(), sys.stdout)


if __name__ == "__main__":
    main()
