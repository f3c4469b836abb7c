"""What is compared. A form is a function that makes an Envoy bootstrap; it is added by writing it here:

    @form("decided", "today's router, asking a decision server", helper=lambda ground: ["python", "-m", "decider", ground.folder])
    def decided(ground: Ground) -> Bootstrap:
        made = rendered(TODAY, ground.engine_port)
        ...
        return made

The first one is what the others are compared with. The address of a bootstrap's one listener is set by who starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.router.trees import TODAY, exported, rendered
from benchmarks.router.workloads import PUBLIC, SERVED

Bootstrap = dict[str, Any]
_MANAGER: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"


@dataclass(frozen=True)
class Ground:
    """What a form is made on."""

    folder: Path
    """Its own, empty: for sockets and files."""
    engine_port: int
    """Of the engine, on 127.0.0.1."""
    against: str
    """The commit of the earlier router."""


@dataclass(frozen=True)
class Form:
    """One of those that are compared."""

    name: str
    title: str
    """`{against}` stands for the commit of the earlier router."""
    bootstrap: Callable[[Ground], Bootstrap]
    """Raises NoSuchCommit where the form cannot be made; it is left out then."""
    model: str
    """What the engine has to be asked for: who does not put its name in does less."""
    helper: Callable[[Ground], Sequence[str]] | None
    """The command line of a process beside Envoy, whose CPU is told apart."""


FORMS: dict[str, Form] = {}
"""In the order in which they take turns."""


def form(
    name: str, title: str, *, model: str = SERVED, helper: Callable[[Ground], Sequence[str]] | None = None
) -> Callable[[Callable[[Ground], Bootstrap]], Callable[[Ground], Bootstrap]]:
    """Puts a function among the forms."""

    def added(made: Callable[[Ground], Bootstrap]) -> Callable[[Ground], Bootstrap]:
        FORMS[name] = Form(name, title, made, model, helper)
        return made

    return added


@form("plain", "Envoy with a listener, a router and a cluster, nothing else", model=PUBLIC)
def plain(ground: Ground) -> Bootstrap:
    """What passing a request on costs at least."""
    engine = {"socket_address": {"address": "127.0.0.1", "port_value": ground.engine_port}}
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
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@form("earlier", "the router of commit {against}")
def earlier(ground: Ground) -> Bootstrap:
    """Of the commit that is asked for."""
    return rendered(exported(ground.against, ground.folder), ground.engine_port)


@form("now", "today's router")
def now(ground: Ground) -> Bootstrap:
    """Of this tree."""
    return rendered(TODAY, ground.engine_port)
