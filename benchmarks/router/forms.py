"""What is compared. A form is a function that makes an Envoy bootstrap; it is added by writing it here:

    @form("decided", "today's router, asking a decision server", helper=lambda ground: ["python", "-m", "decider", ground.folder])
    def decided(ground: Ground) -> Bootstrap:
        made = rendered(TODAY, ground.engine_port, ground.folder)
        ...
        return made

The first one is what the others are compared with. The address of a bootstrap's one listener is set by who starts it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.router.decider import asking
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


def helped(module: str) -> Callable[[Ground], Sequence[str]]:
    """A module of this package, with the folder of the sockets."""
    return lambda ground: [sys.executable, "-m", f"benchmarks.router.{module}", str(ground.folder)]


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
    return rendered(exported(ground.against, ground.folder), ground.engine_port, ground.folder)


@form("lua", "today's router on Lua, as where its native filters are not to be had")
def lua(ground: Ground) -> Bootstrap:
    """Of this tree."""
    return rendered(TODAY, ground.engine_port, ground.folder, filters="lua")


@form("now", "today's router")
def now(ground: Ground) -> Bootstrap:
    """Of this tree."""
    return rendered(TODAY, ground.engine_port, ground.folder)


@form("counted", "the same with the tokens of all streams counted")
def counted(ground: Ground) -> Bootstrap:
    """`observability.streamTokens`: the engine is asked for a usage that the client does not see."""
    return rendered(TODAY, ground.engine_port, ground.folder, observation={"streamTokens": True})


@form("lines", "the same with a line on stdout for each request")
def lines(ground: Ground) -> Bootstrap:
    """`observability.accessLog: {}`."""
    return rendered(TODAY, ground.engine_port, ground.folder, observation={"logLines": 100})


@form("records", "the same with a record for the brain of each request", helper=helped("sink"))
def records(ground: Ground) -> Bootstrap:
    """To somebody who reads them and does nothing."""
    return rendered(TODAY, ground.engine_port, ground.folder, observation={"records": 100})


@form("keys", "the same where a thousand clients have keys")
def keys(ground: Ground) -> Bootstrap:
    """`auth.apiKeys`: each request's key is looked up by its SHA-256."""
    return rendered(TODAY, ground.engine_port, ground.folder, apiKeys={"secrets": ["keys"]})


@form("decided", "the same with a decision of the brain for each request", helper=helped("decider"))
def decided(ground: Ground) -> Bootstrap:
    """By the model's name alone."""
    return rendered(TODAY, ground.engine_port, ground.folder, routes=asking(reads_body=False))


@form("read", "the same with a decision for which the brain gets the body", helper=helped("decider"))
def read(ground: Ground) -> Bootstrap:
    """What a decision by meaning costs before it begins."""
    return rendered(TODAY, ground.engine_port, ground.folder, routes=asking(reads_body=True))
