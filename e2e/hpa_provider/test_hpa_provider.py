"""Promise: with provider HPA the cluster's own kube-controller-manager decides, by external metrics that the operator serves; whoever
begins to decide begins with what there is, and nobody is left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import monitoring
from e2e.devcluster import Cluster
from e2e.harness import Load, Object, Place, engine_env, model, policy
from e2e.install import install_chart

pytestmark = pytest.mark.cluster
QUEUE = [{"name": "queue", "queueDepth": {"target": 4}}]
FAST = {"scaleDown": {"stabilizationWindowSeconds": 0}}


@pytest.fixture(scope="module", autouse=True)
def serving(installed: Cluster) -> Iterator[None]:
    """The operator serves external metrics."""
    install_chart(installed, *monitoring.settings(1), "externalMetrics.enabled=true")
    yield
    install_chart(installed, *monitoring.settings(1))


def scaled(provider: str = "HPA", engine: Object | None = None, **autoscaling: Any) -> Object:
    engine = {"env": engine_env(DECODE_MS=20), "maxNumSeqs": 4} | (engine or {})
    return model(
        engine=engine,
        autoscaling={"provider": provider, "maxReplicas": 4, **autoscaling},
        drain={"timeout": "15s"},
    )


def hpas(place: Place) -> list[Object]:
    return place.items("hpa")


def replicas(place: Place) -> int:
    return int(place.get("mdep/small")["spec"]["replicas"])


def engines(place: Place) -> int:
    return len(
        [pod for pod in place.items("pods", "tidegate.dev/model=small") if not pod["metadata"].get("deletionTimestamp")]
    )


def decides(place: Place) -> None:
    place.wait(lambda: place.condition("mdep/small", "ScalingActive").get("status") == "True", "the HPA decides")


def test_a_burst_and_its_end(place: Place) -> None:
    place.apply(scaled(signals=QUEUE, behavior=FAST), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    assert hpas(place)[0]["spec"]["scaleTargetRef"]["kind"] == "ModelDeployment"
    with Load(place.router()).running(streams=24, tokens=60, short=2) as tally:
        began = time.monotonic()
        place.wait(lambda: replicas(place) > 1, "the HPA asks for more")
        print(f"the HPA asked for more after {time.monotonic() - began:.1f} s")
        place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] > 1, "they answer")
        assert place.get("mdep/small")["status"]["autoscaling"]["provider"] == "HPA"
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    place.wait(lambda: replicas(place) == 1, "the HPA takes them away again")
    place.wait(lambda: engines(place) == 1, "they leave")


def test_there_and_back(place: Place) -> None:
    """From the operator to an HPA and back: never fewer engines than there were, and no HPA is left."""
    place.apply(scaled("Operator", minReplicas=3), policy())
    place.ready("mdep/small")
    place.apply(scaled("HPA", minReplicas=1, behavior={"scaleDown": {"selectPolicy": "Disabled"}}))
    fewest = engines(place)

    def taken() -> bool:
        nonlocal fewest
        fewest = min(fewest, engines(place))
        return bool(place.get("mdep/small")["status"]["autoscaling"].get("provider") == "HPA")

    place.wait(taken, "the HPA has taken over")
    decides(place)
    assert (fewest, replicas(place), engines(place)) == (3, 3, 3)
    place.apply(scaled("Operator") | {"spec": scaled("Operator")["spec"] | {"replicas": 1}})
    place.wait(lambda: not hpas(place), "no HPA is left")
    place.ready("mdep/small")
    assert engines(place) == 3, "the operator takes nothing away in its first window"


def test_replicas_and_selector_while_two_revisions_live(place: Place) -> None:
    place.apply(scaled(minReplicas=2, maxReplicas=2), policy())
    place.ready("mdep/small", "rpol/front")
    decides(place)
    place.apply(scaled(minReplicas=2, maxReplicas=2, engine={"env": engine_env(DECODE_MS=21, LOAD_SECONDS=5)}))
    place.wait(lambda: len(place.get("mdep/small")["status"]["revisions"]) == 2, "two revisions live")
    scale = json.loads(
        place.cluster.kubectl(
            "get", "--raw", f"/apis/tidegate.dev/v1alpha1/namespaces/{place.name}/modeldeployments/small/scale"
        )
    )
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)

    def selected() -> set[str]:
        """Revisions of its Pods."""
        pods = place.items("pods", scale["status"]["selector"])
        return {pod["metadata"]["labels"]["tidegate.dev/revision"] for pod in pods}

    place.wait(lambda: len(selected()) == 2, "the selector finds Pods of both")
    place.ready("mdep/small")
    assert replicas(place) == 2


@pytest.mark.parametrize(
    ("autoscaling", "words"),
    [
        ({"signals": [{"name": "t", "timeToFirstToken": {"percentile": "95", "target": "1s"}}]}, "are triggers"),
        ({"signals": QUEUE, "headroom": "Lean"}, "shape what the operator asks for"),
    ],
)
def test_what_it_cannot_say_is_refused(place: Place, autoscaling: Object, words: str) -> None:
    with pytest.raises(Exception, match=words):
        place.apply(scaled(**autoscaling))


def test_keda_is_not_there(place: Place) -> None:
    place.apply(scaled("KEDA", minReplicas=2), policy())
    place.ready("mdep/small")
    place.wait(lambda: place.condition("mdep/small", "ScalingActive").get("reason") == "KedaMissing", "it says so")
    said = place.condition("mdep/small", "ScalingActive")
    assert said["status"] == "False"
    assert "install it, or write provider" in said["message"]
    assert engines(place) == 2
