"""What the heavy tests act on: engines that cost little, routers in front of them, and questions about both."""

from __future__ import annotations

from typing import Any

from e2e.harness import Object, Place, engine_env, model, policy

ENGINE = engine_env(DECODE_MS=100, BATCH_SLOPE=0, SIGN=1)
"""Ten tokens a second for each stream; answers name their engine."""


def heavy_model(name: str = "small", replicas: int = 3, **spec: Any) -> Object:
    """A model whose engines carry the heavy load cheaply."""
    return model(name, replicas=replicas, engine={"env": ENGINE}, **spec)


def set_up(place: Place, engines: int = 3, routers: int = 2) -> None:
    """One model behind one policy, Ready."""
    place.apply(heavy_model(replicas=engines), policy(replicas=routers))
    place.ready("mdep/small", "rpol/front")


def engines(place: Place) -> list[Object]:
    """Engine Pods that are not on their way out, by name."""
    return _staying(place, "tidegate.dev/role=engine")


def routers(place: Place) -> list[Object]:
    """Router Pods that are not on their way out, by name."""
    return _staying(place, "tidegate.dev/role=router")


def _staying(place: Place, selector: str) -> list[Object]:
    pods = place.items("pods", selector)
    return sorted(
        (p for p in pods if "deletionTimestamp" not in p["metadata"]), key=lambda p: str(p["metadata"]["name"])
    )


def ready(pod: Object) -> bool:
    """The Pod's condition."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def uids(place: Place, kinds: str = "pods,deploy,svc,cm,sa,controllerrevision,role,rolebinding,pdb") -> dict[str, str]:
    """uid by `Kind/name` of everything that is not on its way out."""
    found = [i for i in place.get(kinds)["items"] if "deletionTimestamp" not in i["metadata"]]
    return {f"{i['kind']}/{i['metadata']['name']}": i["metadata"]["uid"] for i in found}


def restarts(place: Place) -> dict[str, int]:
    """Of every container that ever restarted, by `pod/container`."""
    counts = {}
    for pod in place.items("pods"):
        status = pod["status"]
        for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            counts[f"{pod['metadata']['name']}/{container['name']}"] = int(container["restartCount"])
    return {name: count for name, count in counts.items() if count}
