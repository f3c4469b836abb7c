"""Promise: routers are scaled by people and by HorizontalPodAutoscalers, through the policy's own /scale, and no stream is cut; whoever begins
to decide begins with what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from e2e import monitoring
from e2e.devcluster import Cluster
from e2e.harness import Load, Object, Place, engine_env, model, policy
from e2e.install import install_chart

pytestmark = pytest.mark.cluster
QUEUE = [{"name": "queue", "queueDepth": {"target": 1000}}]
WAITING = {
    "type": "External",
    "external": {
        "metric": {"name": "tidegate-signal", "selector": {"matchLabels": {"model": "small", "signal": "queue"}}},
        "target": {"type": "AverageValue", "averageValue": "4"},
    },
}
"""Requests that wait for an engine: four for each router are few enough."""
FAST = {"scaleDown": {"stabilizationWindowSeconds": 0}}


@pytest.fixture(scope="module", autouse=True)
def serving(installed: Cluster) -> Iterator[None]:
    """The operator serves external metrics: the cluster has no metrics-server."""
    install_chart(installed, *monitoring.settings(1), "externalMetrics.enabled=true")
    yield
    install_chart(installed, *monitoring.settings(1))


def front(**router: Any) -> Object:
    return policy(router=router)


def engines() -> Object:
    """One that lets few in at a time, and of which the operator tells HPAs how many wait."""
    engine = {"env": engine_env(DECODE_MS=20), "maxNumSeqs": 4}
    return model(
        engine=engine, autoscaling={"provider": "HPA", "maxReplicas": 1, "signals": QUEUE}, drain={"timeout": "30s"}
    )


def own(kind: str, name: str, **bounds: int) -> Object:
    """Somebody's own HorizontalPodAutoscaler: it asks for its bounds and nothing else."""
    api = "apps/v1" if kind == "Deployment" else "tidegate.dev/v1alpha1"
    spec = {"scaleTargetRef": {"apiVersion": api, "kind": kind, "name": name}, "metrics": [WAITING], **bounds}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "mine"},
        "spec": spec,
    }


def ours(place: Place) -> list[Object]:
    """The policy's own, not the model's."""
    return place.items("hpa", "tidegate.dev/policy=front")


def asked(place: Place) -> int:
    return int(place.get("rpol/front")["spec"]["router"]["replicas"])


def routers(place: Place) -> int:
    """Pods that are not on their way out."""
    found = place.items("pods", "tidegate.dev/role=router,tidegate.dev/policy=front")
    return len([pod for pod in found if not pod["metadata"].get("deletionTimestamp")])


def answering(place: Place, count: int) -> None:
    place.wait(lambda: place.get("rpol/front")["status"]["ready"] == f"{count}/{count}", f"{count} routers answer")
    assert routers(place) == count


def drained(place: Place, count: int) -> None:
    """Those on their way out are gone, too."""
    selector = "tidegate.dev/role=router,tidegate.dev/policy=front"
    place.wait(lambda: len(place.items("pods", selector)) == count, f"{count} Pods are left")


def scale(place: Place) -> Object:
    path = f"/apis/tidegate.dev/v1alpha1/namespaces/{place.name}/routingpolicies/front/scale"
    found: Object = json.loads(place.cluster.kubectl("get", "--raw", path))
    return found


def test_kubectl_scale_under_streams(place: Place) -> None:
    """A policy that says nothing of routers has two; three, then one: each that goes ends its streams first."""
    place.apply(model(engine={"env": engine_env(DECODE_MS=40)}), policy(router={}))
    place.ready("mdep/small", "rpol/front")
    answering(place, 2)
    assert (scale(place)["spec"]["replicas"], scale(place)["status"]["replicas"]) == (2, 2)
    with Load(place.router()).running(streams=12, tokens=100, short=4) as tally:
        place.kubectl("scale", "rpol/front", "--replicas=3")
        answering(place, 3)
        place.kubectl("scale", "rpol/front", "--replicas=1")
        place.wait(lambda: routers(place) == 1, "two leave")
        drained(place, 1)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert tally.answers[200] > 24
    with pytest.raises(Exception, match="greater than or equal to 1"):
        place.kubectl("scale", "rpol/front", "--replicas=0")


@pytest.mark.long
def test_a_burst_and_its_end(place: Place) -> None:
    """The HorizontalPodAutoscaler of router.autoscaling, by a metric that the cluster serves."""
    place.apply(
        engines(), front(autoscaling={"minReplicas": 1, "maxReplicas": 3, "metrics": [WAITING], "behavior": FAST})
    )
    place.ready("mdep/small", "rpol/front")
    place.wait(lambda: place.condition("rpol/front", "ScalingActive").get("status") == "True", "the HPA decides")
    [hpa] = ours(place)
    assert hpa["spec"]["scaleTargetRef"]["kind"] == "RoutingPolicy"
    place.wait(lambda: asked(place) == 1, "nobody asks: one is enough")
    with Load(place.router()).running(streams=24, tokens=60, short=2) as tally:
        place.wait(lambda: asked(place) > 1, "the HPA asks for more")
        place.wait(lambda: place.get("rpol/front")["status"]["readyReplicas"] > 1, "they answer")
    place.wait(lambda: asked(place) == 1, "the HPA takes them away again")
    drained(place, 1)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def test_there_and_back(place: Place) -> None:
    """Three by hand; replicas goes and autoscaling comes with the same edit, and back: never fewer than there were."""
    still = {"scaleDown": {"selectPolicy": "Disabled"}}
    place.apply(engines(), front(replicas=3))
    place.ready("mdep/small", "rpol/front")
    place.apply(front(autoscaling={"minReplicas": 1, "maxReplicas": 5, "metrics": [WAITING], "behavior": still}))
    fewest = routers(place)

    def taken() -> bool:
        nonlocal fewest
        fewest = min(fewest, routers(place))
        return place.condition("rpol/front", "ScalingActive").get("status") == "True" and bool(ours(place))

    place.wait(taken, "the HPA has taken over")
    assert (fewest, asked(place), routers(place)) == (3, 3, 3)
    place.apply(front())
    place.wait(lambda: not ours(place), "no HPA is left")
    place.ready("rpol/front")
    assert (asked(place), routers(place)) == (3, 3)


@pytest.mark.parametrize(
    "target", [("RoutingPolicy", "front"), pytest.param(("Deployment", "front-router"), marks=pytest.mark.long)]
)
def test_somebodys_own(place: Place, target: tuple[str, str]) -> None:
    """Whichever of the two it targets, the operator does not take back what it writes."""
    place.apply(engines(), policy(router={}))
    place.ready("mdep/small", "rpol/front")
    answering(place, 2)
    place.apply(own(*target, minReplicas=3, maxReplicas=3))
    answering(place, 3)
    place.at_rest()
    assert routers(place) == 3
    hello = {"model": "chat", "prompt": "hi", "max_tokens": 1}
    assert httpx.post(f"{place.router()}/v1/completions", json=hello, timeout=30).status_code == 200
    if target[0] == "Deployment":
        place.wait(
            lambda: "mine decides" in place.condition("rpol/front", "ScalingActive").get("message", ""), "it is told"
        )
        place.apply(own(*target, minReplicas=4, maxReplicas=4))
        answering(place, 4)
        place.kubectl("delete", "hpa", "mine")
        answering(place, 2)


def test_what_is_missing_is_said(place: Place) -> None:
    """Without metrics-server the default has nothing to go by: the HPA says so, and what there is stays."""
    place.apply(engines(), front(autoscaling={"maxReplicas": 4}))
    place.ready("rpol/front")
    why = "FailedGetContainerResourceMetric"
    place.wait(lambda: place.condition("rpol/front", "ScalingActive").get("reason") == why, "it says so")
    assert place.condition("rpol/front", "ScalingActive")["status"] == "False"
    assert routers(place) == 2
