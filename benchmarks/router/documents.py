"""What the routers of ours run: documents as the operator writes them, one feature after the other."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from benchmarks.router.workloads import HEADERS, PUBLIC, SERVED
from tidegate.brain.native import provided
from tidegate.contract.router_config import load
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.snapshot import snapshot
from tidegate.envoy.start import Start

ROOT: Final = Path(__file__).resolve().parents[2]
SERVICE: Final = "engines"
KEYS: Final = "keys"
STORE: Final = "store"
_CHAT: Final = "chat"
_PER_CLIENT: Final = {"per": "Client", "windowSeconds": 60}
REQUESTS: Final = {**_PER_CLIENT, "name": "rps", "of": "requests", "amount": 10**9}
TOKENS: Final = {**_PER_CLIENT, "name": "tokens", "of": "tokens", "amount": 10**12}
"""Limits that nobody reaches."""


def document(**more: Any) -> dict[str, Any]:
    """A RouterConfig: one model, whose engines are behind one Service."""
    return {
        "namespace": "bench",
        "policy": "front",
        "loadBalancing": "LeastRequest",
        "destinations": [_destination("r1")],
        "routes": [{"name": _CHAT, "models": [PUBLIC], "targets": [{"destination": "llama.r1", "weight": 1}]}],
        "retry": {"attempts": 2, "codes": [429, 503], "reasons": ["ConnectFailure", "Reset"], "backoffSeconds": 0.025},
        "timeouts": {"requestSeconds": 600, "idleSeconds": 300},
        **more,
    }


def _destination(revision: str) -> dict[str, Any]:
    engine = {"service": SERVICE, "port": 8000, "model": SERVED}
    return {"name": f"llama.{revision}", "backend": "llama", "revision": revision, "engine": engine}


def lined() -> dict[str, Any]:
    """`observability.accessLog: {}`."""
    return document(observation={"logLines": 100})


def recorded() -> dict[str, Any]:
    """A record of each request for the brain's metrics, with the tokens of all streams."""
    return document(observation={"records": 100, "streamTokens": True})


def known() -> dict[str, Any]:
    """A thousand clients with keys, one in ten of whom gets a new revision; and records."""
    weights = [{"destination": "llama.r1", "weight": 9}, {"destination": "llama.r2", "weight": 1}]
    kept = {"headers": ["authorization", "x-api-key"], "address": True}
    return recorded() | {
        "destinations": [_destination("r1"), _destination("r2")],
        "routes": [{"name": _CHAT, "models": [PUBLIC], "targets": weights, "sticky": kept}],
        "apiKeys": {"secrets": [KEYS]},
    }


def guarded() -> dict[str, Any]:
    """Each of them with a limit of requests."""
    return known() | {"limits": {"each": [REQUESTS], "open": True, "replicas": 1}}


def asked() -> dict[str, Any]:
    """The brain gets each request's body and chooses its route."""
    [known] = document()["routes"]
    return document(routes=_decided(known))


def reserved(store: int) -> dict[str, Any]:
    """All of it: what `guarded` has, a decision, and tokens that are reserved in a store on that port and settled by records."""
    all_of_it = guarded()
    shared = {"secret": STORE, "key": "password", "address": f"127.0.0.1:{store}"}
    limits = {"each": [REQUESTS, TOKENS], "open": True, "replicas": 2, "store": shared}
    return all_of_it | {"routes": _decided(*all_of_it["routes"]), "limits": limits}


def _decided(known: dict[str, Any]) -> list[dict[str, Any]]:
    decision = {"among": [_CHAT], "readsBody": True}
    return [{**known, "models": []}, {"name": "auto", "models": [PUBLIC], "targets": [], "decision": decision}]


def secrets() -> dict[str, dict[str, Any]]:
    """Of clients' keys, the load's among them, and of the store, which wants no password."""
    shown = HEADERS["authorization"].removeprefix("Bearer ")
    keys = {"load": shown, **{f"client-{n}": f"sk-{n:048}" for n in range(999)}}
    return {KEYS: {"data": {client: _encoded(key) for client, key in keys.items()}}, STORE: {"data": {"password": ""}}}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def static(folder: Path, engines: list[int], **said: Any) -> dict[str, Any]:
    """The same as one file for an Envoy without a brain: `said` stands in the document, too; native filters where they are built."""
    ends = {SERVICE: [Endpoint("127.0.0.1", engine) for engine in engines]}
    return snapshot(load(json.dumps(document(**said))), ends, Start(str(folder), module=provided(folder))).static()
