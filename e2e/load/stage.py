"""What the heavy tests act on: engines that cost little, routers in front of them, and questions about both.

It asks the API server by path: kubectl would need more of the machine than the load does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from e2e import operators
from e2e.harness import API, Object, Place, engine_env, model, policy

ENGINE = engine_env(DECODE_MS=100, BATCH_SLOPE=0, SIGN=1)
"""Ten tokens a second for each stream; answers name their engine."""
GROUPS = {
    "pods": "api/v1",
    "services": "api/v1",
    "configmaps": "api/v1",
    "serviceaccounts": "api/v1",
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "controllerrevisions": "apis/apps/v1",
    "poddisruptionbudgets": "apis/policy/v1",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1",
    "modeldeployments": f"apis/{API}",
    "routingpolicies": f"apis/{API}",
    "cachetiers": f"apis/{API}",
}
"""Where a kind is found in the API."""


def heavy_model(name: str = "small", replicas: int = 3, **spec: Any) -> Object:
    """A model whose engines carry the heavy load cheaply."""
    return model(name, replicas=replicas, engine={"env": ENGINE}, **spec)


@dataclass(frozen=True)
class Stage:
    """A namespace under load."""

    place: Place

    @classmethod
    def set_up(cls, place: Place, engines: int = 3, routers: int = 2) -> Stage:
        """The model `small` behind the policy `front`, Ready."""
        place.apply(heavy_model(replicas=engines), policy(replicas=routers))
        place.ready("mdep/small", "rpol/front")
        return cls(place)

    def path(self, kind: str, name: str = "") -> str:
        """Of a collection, or of one object, in this namespace."""
        collection = f"/{GROUPS[kind]}/namespaces/{self.place.name}/{kind}"
        return f"{collection}/{name}" if name else collection

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        return self.place.cluster.api.get(self.path(kind, name))

    def items(self, kind: str, selector: str = "") -> list[Object]:
        """Every object of a kind that is not on its way out, by name."""
        found = self.place.cluster.api.get(f"{self.path(kind)}?labelSelector={selector}")["items"]
        staying = (item for item in found if "deletionTimestamp" not in item["metadata"])
        return sorted(staying, key=lambda item: str(item["metadata"]["name"]))

    def edit(self, kind: str, name: str, spec: Object) -> None:
        """A JSON merge patch of a spec, again until it is taken: an API server that has just begun refuses it for a while."""
        merge = partial(self.place.cluster.api.merge, self.path(kind, name), {"spec": spec})
        self.wait(merge, f"{kind}/{name} is edited")

    def delete(self, kind: str, name: str) -> None:
        """One object, in the background."""
        self.place.cluster.api.delete(self.path(kind, name))

    def engines(self) -> list[Object]:
        """Engine Pods."""
        return self.items("pods", "tidegate.dev/role=engine")

    def routers(self) -> list[Object]:
        """Router Pods."""
        return self.items("pods", "tidegate.dev/role=router")

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
        """Cluster.wait."""
        return self.place.cluster.wait(condition, what, seconds)

    def everything_runs(self) -> bool:
        """Whether every Pod here, and every replica of the operator, is ready."""
        return all(map(is_ready, [*self.items("pods"), *operators.pods(self.place.cluster)]))

    def ready(self, seconds: float = 150.0) -> None:
        """Waits until every model and policy is Ready for its newest generation: every router runs what is written."""
        for kind in ("modeldeployments", "routingpolicies"):
            self.wait(partial(self._all_ready, kind), f"all {kind} are Ready", seconds)

    def _all_ready(self, kind: str) -> bool:
        return all(is_done(item) for item in self.items(kind))

    def uids(self, *kinds: str) -> dict[str, str]:
        """uid by `kind/name` of everything that is not on its way out, or of some kinds of it."""
        wanted = kinds or tuple(GROUPS)
        return {f"{k}/{i['metadata']['name']}": i["metadata"]["uid"] for k in wanted for i in self.items(k)}

    def restarts(self) -> dict[str, int]:
        """Of every container that ever restarted, by `pod/container`."""
        counts = {
            f"{pod['metadata']['name']}/{container['name']}": int(container["restartCount"])
            for pod in self.items("pods")
            for key in ("initContainerStatuses", "containerStatuses")
            for container in pod["status"].get(key, [])
        }
        return {name: count for name, count in counts.items() if count}

    def warnings(self, since: float) -> str:
        """Kubernetes' warnings since a Unix time, one a line: what to look at when a promise was broken."""
        found = self.place.cluster.api.get(f"/api/v1/namespaces/{self.place.name}/events")["items"]
        begin = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        lines = [
            f"{last} {event['involvedObject']['name']}: {event['message']}"
            for event in found
            if event["type"] == "Warning" and (last := event["lastTimestamp"] or event["eventTime"]) >= begin
        ]
        return "\n".join(sorted(lines))

    def pid(self, pod: Object, container: str) -> int:
        """Of a container's first process."""
        return self.place.cluster.container_pid(self.place.name, pod["metadata"]["name"], container)


def is_done(item: Object) -> bool:
    """Ready for its newest generation, and nothing under way."""
    conditions = {c["type"]: c for c in item.get("status", {}).get("conditions", [])}
    ready, busy = conditions.get("Ready", {}), conditions.get("Reconciling", {})
    newest = item["metadata"]["generation"]
    return (ready.get("status"), busy.get("status"), ready.get("observedGeneration")) == ("True", "False", newest)


def is_ready(pod: Object) -> bool:
    """The Pod's condition."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
