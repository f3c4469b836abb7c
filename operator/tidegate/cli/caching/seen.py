"""What the API server has of a policy: the document that its routers run, and the routers themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate import names
from tidegate.cli.plugin.access import Cluster
from tidegate.cluster.client import NotFound, Refused
from tidegate.contract.router_config import RouterConfig, UnreadableConfig, load
from tidegate.errors import TidegateError, Unavailable
from tidegate.plan.kube.objects import router_labels
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import maps, part, text
from tidegate.plan.plan import ObjectKey

KINDS = ("rpol", "routingpolicy", "routingpolicies", f"routingpolicy.{names.GROUP}", f"routingpolicies.{names.GROUP}")


class NoPolicy(TidegateError):
    """There is no such RoutingPolicy, or it has no routers; the message says what to do."""


@dataclass(frozen=True)
class Policy:
    """A RoutingPolicy as its routers run it."""

    name: str
    namespace: str
    config: RouterConfig
    condition: str
    """What ResponseCache says is wrong; empty when nothing is."""


def bare_name(said: str) -> str:
    """`chat` of `chat` and of `rpol/chat`. Raises NoPolicy for another kind."""
    kind, _, name = said.rpartition("/")
    if kind and kind.lower() not in KINDS:
        raise NoPolicy(f"{said}: only RoutingPolicies have caches, for example rpol/{name}")
    return name


async def read(cluster: Cluster, name: str) -> Policy:
    """Raises NoPolicy."""
    owner = await cluster.api.get(ObjectKey(names.API_VERSION, names.ROUTING_POLICY, cluster.namespace, name))
    if owner is None:
        see = f"kubectl get rpol -n {cluster.namespace}"
        raise NoPolicy(f"there is no RoutingPolicy {name} in namespace {cluster.namespace}; see: {see}")
    written = await cluster.api.get(ObjectKey("v1", "ConfigMap", cluster.namespace, names.router(name)))
    try:
        config = load(text((written or {}).get("data"), names.ROUTER_CONFIG_KEY))
    except UnreadableConfig as error:
        raise NoPolicy(f"rpol/{name}: what its routers run cannot be read: {error}") from error
    return Policy(name, cluster.namespace, config, _condition(owner))


def _condition(owner: dict[str, Any]) -> str:
    found = (c for c in maps(owner.get("status"), "conditions") if text(c, "type") == "ResponseCache")
    return next((text(c, "message") for c in found if text(c, "status") == "False"), "")


async def routers(cluster: Cluster, name: str) -> list[str]:
    """Names of the Pods that answer, sorted. Raises NoPolicy where there is none."""
    selector = ",".join(f"{label}={value}" for label, value in router_labels(name).items())
    url = f"/api/v1/namespaces/{cluster.namespace}/pods"
    found = maps(await cluster.api.request("GET", url, {"labelSelector": selector}), "items")
    pods = sorted(text(pod["metadata"], "name") for pod in found if ready(pod))
    if not pods:
        raise NoPolicy(f"rpol/{name} has no router that answers; see: kubectl get rpol {name} -n {cluster.namespace}")
    return pods


async def told(cluster: Cluster, pod: str) -> dict[str, Any]:
    """What a router says of its caches, by tier. Raises NoPolicy with why it cannot be had."""
    url = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}:{names.BRAIN_PORT}/proxy/status"
    try:
        return dict(part(await cluster.api.request("GET", url), "caches"))
    except Refused as refused:
        raise NoPolicy(
            f"{refused}; to ask routers takes `get` of `pods/proxy` in namespace {cluster.namespace}"
        ) from None
    except (NotFound, Unavailable) as error:
        raise NoPolicy(f"router {pod} does not answer: {error}") from None
