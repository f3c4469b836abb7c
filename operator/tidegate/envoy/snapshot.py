"""Everything that Envoy runs, from one RouterConfig and the engines that answer: files for a Pod, or one static document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import clusters, fixed_clusters, listener, observe, routes
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource
from tidegate.names import short_hash

CLUSTER: Final = "envoy.config.cluster.v3.Cluster"
ASSIGNMENT: Final = "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "envoy.config.listener.v3.Listener"
ROUTE: Final = "envoy.config.route.v3.RouteConfiguration"
RUNTIME: Final = "envoy.service.runtime.v3.Runtime"
JOIN: Final = "+"


@dataclass(frozen=True)
class Snapshot:
    """One version of everything; endpoints change below it."""

    config: str
    """The RouterConfig's hash."""
    version: str
    """Of the routes: that hash, that of the clients where they have keys, and that of the routes whose requests wait for an engine."""
    clusters: Mapping[str, Resource]
    """By destination, without the endpoints."""
    endpoints: Mapping[str, Sequence[Endpoint]]
    """By destination."""
    routes: Resource
    held: frozenset[str]
    """Routes whose requests wait for an engine."""
    switches: Resource
    """What is told of how many requests."""
    start: Start
    """What the Envoy was started with."""

    def static(self) -> Resource:
        """One bootstrap that holds everything, for `tidegate render --envoy` and `envoy --mode validate`."""
        fixed = [
            {**{k: v for k, v in c.items() if k != "eds_cluster_config"}, "type": "STATIC",
             "load_assignment": clusters.load_assignment(name, self.endpoints.get(name, ()))}
            for name, c in self.clusters.items()
        ]  # fmt: skip
        return {
            "static_resources": {
                "listeners": [listener.listener(self.start, {"route_config": self.routes})],
                "clusters": [clusters.unparsed(), *fixed_clusters.clusters(self.start), *fixed],
            },
            "layered_runtime": {"layers": [{"name": observe.SWITCHES, "static_layer": self.switches["layer"]}]},
        }


def snapshot(
    config: RouterConfig,
    engines: Mapping[str, Sequence[Endpoint]],
    start: Start,
    clients: Clients = NOT_READ,
    held: Collection[str] = (),
) -> Snapshot:
    """`engines` are the ready engines by headless Service; `clients` are asked for where the configuration says that they have keys;
    the requests of routes that are `held` wait for an engine."""
    asked = [(d, d.engine) for d in config.destinations if d.engine]
    return Snapshot(
        config=config.hash(),
        version=JOIN.join((config.hash(), *([clients.hash()] if config.api_keys else []), *_waiting(held))),
        clusters={d.name: clusters.cluster(d, engine, config, start) for d, engine in asked},
        endpoints={d.name: tuple(engines.get(engine.service, ())) for d, engine in asked},
        routes=routes.route_configuration(config, start.module, clients, held),
        held=frozenset(held),
        switches=observe.switches(config.observation),
        start=start,
    )


def _waiting(held: Collection[str]) -> list[str]:
    return [short_hash(",".join(sorted(held)))] if held else []


def config_of(version: str) -> str:
    """The RouterConfig's hash in a version."""
    return version.partition(JOIN)[0]


def response(kind: str, version: str, resources: Iterable[Resource]) -> Resource:
    """A DiscoveryResponse: what an xDS file holds."""
    url = f"type.googleapis.com/{kind}"
    return {"version_info": version, "resources": [{"@type": url, **resource} for resource in resources]}


def listeners(start: Start) -> Resource:
    """lds.json."""
    made = listener.listener(start, listener.from_files(f"{start.xds}/rds.json"))
    return response(LISTENER, "1", [made])
