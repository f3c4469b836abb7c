"""Everything that Envoy runs, from one RouterConfig and the engines that answer: files for a Pod, or one static document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import clusters, fixed_clusters, listener, observe, routes, tunnels
from tidegate.envoy.breaking import ALL, ALONE, HALF
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.clusters import Endpoint
from tidegate.envoy.providers import NOTHING, Credentials
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource
from tidegate.envoy.walk import end_of, followed, walked
from tidegate.names import short_hash

CLUSTER: Final = "envoy.config.cluster.v3.Cluster"
ASSIGNMENT: Final = "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "envoy.config.listener.v3.Listener"
ROUTE: Final = "envoy.config.route.v3.RouteConfiguration"
SECRET: Final = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name
RUNTIME: Final = "envoy.service.runtime.v3.Runtime"
JOIN: Final = "+"


@dataclass(frozen=True)
class Snapshot:
    """One version of everything; endpoints change below it."""

    config: str
    """The RouterConfig's hash."""
    version: str
    """Of the routes: that hash, that of the clients where they have keys, of what is known of providers where there are some, and that of
    the routes whose requests wait for an engine."""
    clusters: Mapping[str, Resource]
    """By destination, without the engines; and those that answer when nobody else does."""
    endpoints: Mapping[str, Sequence[Endpoint]]
    """The engines of destinations that have such."""
    tunnels: Mapping[str, Resource]
    """Listeners inside Envoy, for providers behind a proxy; each has a cluster of its name."""
    walked: frozenset[str]
    """Destinations after which another one may be asked."""
    routes: Resource
    held: frozenset[str]
    """Routes whose requests wait for an engine."""
    switches: Resource
    """What is told of how many requests."""
    start: Start
    """What the Envoy was started with."""

    def static(self) -> Resource:
        """One bootstrap that holds everything, for `tidegate render --envoy` and `envoy --mode validate`."""
        fixed = [self._fixed(name, made) if name in self.endpoints else made for name, made in self.clusters.items()]
        return {
            "static_resources": {
                "listeners": [
                    listener.listener(self.start, {"route_config": self.routes}),
                    *self.tunnels.values(),
                ],
                "clusters": [clusters.unparsed(), *fixed_clusters.clusters(self.start), *fixed],
            },
            "layered_runtime": {"layers": [{"name": observe.SWITCHES, "static_layer": self.switches["layer"]}]},
            **(tunnels.allowed() if self.tunnels else {}),
        }

    def _fixed(self, name: str, made: Resource) -> Resource:
        """A cluster with its endpoints in it."""
        without = {key: value for key, value in made.items() if key != "eds_cluster_config"}
        assignment = clusters.load_assignment(name, self.endpoints[name], self.start, walked=name in self.walked)
        return {**without, "type": "STATIC", "load_assignment": assignment}


def snapshot(
    config: RouterConfig,
    engines: Mapping[str, Sequence[Endpoint]],
    start: Start,
    clients: Clients = NOT_READ,
    credentials: Credentials = NOTHING,
    held: Collection[str] = (),
) -> Snapshot:
    """`engines` are the ready engines by headless Service; `clients` are asked for where the configuration says that they have keys, and
    `credentials` where it has providers; the requests of routes that are `held` wait for an engine."""
    asked = [(d, d.engine) for d in config.destinations if d.engine]
    walks = walked(config)
    ends = [(end_of(r), r.fallback.answer) for r in config.routes if r.fallback and r.fallback.answer]
    behind = [(p, p.proxy) for d in config.destinations if (p := d.provider) and p.proxy and credentials.reach(d.name)]
    return Snapshot(
        config=config.hash(),
        version=JOIN.join(_versions(config, clients, credentials, held)),
        clusters={
            **{
                d.name: clusters.cluster(d, config, start, credentials, _most_ejected(d.name, walks, config))
                for d in config.destinations
            },
            **{name: clusters.end(name, answer, start) for name, answer in ends},
            **{tunnels.name(*each): clusters.proxy(*each, start) for each in behind},
        },
        endpoints={d.name: tuple(engines.get(engine.service, ())) for d, engine in asked},
        tunnels={tunnels.name(*each): tunnels.listener(*each, start) for each in behind},
        walked=walks,
        routes=routes.route_configuration(config, start.module, clients, held),
        held=frozenset(held),
        switches=observe.switches(config.observation),
        start=start,
    )


def _most_ejected(name: str, walks: frozenset[str], config: RouterConfig) -> int:
    if name not in walks:
        return ALONE
    return ALL if name in followed(config) else HALF


def _versions(config: RouterConfig, clients: Clients, credentials: Credentials, held: Collection[str]) -> Iterator[str]:
    yield config.hash()
    if config.clients:
        yield clients.hash()
    if any(destination.provider for destination in config.destinations):
        yield credentials.hash()
    if held:
        yield short_hash(",".join(sorted(held)))


def config_of(version: str) -> str:
    """The RouterConfig's hash in a version."""
    return version.partition(JOIN)[0]


def response(kind: str, version: str, resources: Iterable[Resource]) -> Resource:
    """A DiscoveryResponse: what an xDS file holds."""
    url = f"type.googleapis.com/{kind}"
    return {"version_info": version, "resources": [{"@type": url, **resource} for resource in resources]}


def listeners(start: Start, inside: Iterable[Resource] = ()) -> Resource:
    """lds.json: the one that clients connect to, always the same, and those `inside` Envoy."""
    made = listener.listener(start, listener.from_files(f"{start.xds}/rds.json"))
    return response(LISTENER, "1", [made, *inside])
