"""Promise: operators come, go and change; what they have made stays as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from e2e import monitoring, operators
from e2e.devcluster import Cluster
from e2e.harness import Place, model, policy
from e2e.install import NAMESPACE, helm, install_chart
from e2e.operator_upgrade import next_version
from tidegate.control.lease import DURATION, RENEW

pytestmark = pytest.mark.cluster
TRIES = 5


@pytest.fixture
def as_released(installed: Cluster) -> Iterator[Cluster]:
    """The chart is as other tests expect it afterwards."""
    yield installed
    install_chart(installed, *monitoring.settings(1))


def _pods(place: Place) -> dict[str, int]:
    """Restarts of every Pod, by uid."""
    return {
        pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"]["containerStatuses"])
        for pod in place.items("pods")
    }


@pytest.mark.long
@pytest.mark.usefixtures("traffic")
def test_a_new_operator_version_restarts_nothing(place: Place, as_released: Cluster) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    before = _pods(place)
    install_chart(
        as_released, "image.tag=0.2.0", "images.engine=vllm/vllm-openai:v9", "images.envoy=envoyproxy/envoy:v9"
    )
    for ref in ("mdep/small", "rpol/front"):
        place.wait(partial(_update_waits, place, ref), f"{ref} says that an update waits")
    assert _pods(place) == before
    assert (
        "adopted with the next change of spec.model or spec.engine"
        in place.condition("mdep/small", "UpdatePending")["message"]
    )
    place.apply(model(engine={"maxNumSeqs": 64}))
    place.ready("mdep/small", "rpol/front")
    place.wait(lambda: len(place.items("deploy", "tidegate.dev/role=engine")) == 1, "the one of before is gone")
    [deployment] = place.items("deploy", "tidegate.dev/role=engine")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "vllm/vllm-openai:v9"
    assert place.condition("mdep/small", "UpdatePending")["status"] == "False"


def _update_waits(place: Place, ref: str) -> bool:
    return bool(place.condition(ref, "UpdatePending").get("status") == "True")


def _nothing_waits(place: Place, ref: str) -> bool:
    return bool(place.condition(ref, "UpdatePending").get("status") == "False")


def test_one_acts_and_the_other_takes_over(place: Place, installed: Cluster) -> None:
    assert any(_hands_over(installed) for _ in range(TRIES)), "a busy machine may hold one up"
    place.apply(model())
    place.ready("mdep/small")


def _hands_over(cluster: Cluster) -> bool:
    """Whether another one leads, after the one that does is asked to end, before the Lease could have run out."""
    holder, begin = operators.settled(cluster), time.monotonic()
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", holder, "--wait=false")
    cluster.wait(lambda: operators.leader(cluster) not in ("", holder), "another one leads")
    took = time.monotonic() - begin
    operators.scale(cluster, 2)
    return took < DURATION - RENEW


def test_a_killed_operator_is_replaced(place: Place, installed: Cluster) -> None:
    """By the one that stood by, and not by the one that is made anew."""
    holder = operators.settled(installed)
    [other] = {pod["metadata"]["name"] for pod in operators.pods(installed)} - {holder}
    installed.kubectl("-n", NAMESPACE, "delete", "pod", holder, "--grace-period=0", "--force")
    installed.wait(lambda: operators.leader(installed) not in ("", holder), "another one leads")
    assert operators.leader(installed) == other
    place.apply(model())
    place.ready("mdep/small")


@pytest.mark.usefixtures("traffic")
def test_upgrade_and_rollback_between_versions(place: Place, as_released: Cluster, tmp_path: Path) -> None:
    """Other templates and one more field: both replicas change one after the other, there and back; nothing is restarted."""
    as_released.set_images([next_version.write(tmp_path)])
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    before, revision = _pods(place), place.get("mdep/small")["status"]["activeRevision"]
    image = f"image.tag={next_version.VERSION}"
    helm(as_released, "upgrade", "tidegate", str(tmp_path / "charts/tidegate"), "--set", image, "--wait")
    for ref in ("mdep/small", "rpol/front"):
        place.wait(partial(_update_waits, place, ref), f"{ref} says that an update waits")
    place.wait(lambda: "came later" in _document(place), "the new version writes what it knows")
    place.ready("rpol/front")

    def runs() -> bool:
        """A router that did not answer in time is silent until it is asked again."""
        found = place.get("rpol/front")["status"]["configuration"]
        return (found["behind"], found["silent"]) == (0, 0) and found["live"] > 0

    place.wait(runs, "routers of the earlier version run it")
    _edit(place, nextField=True, replicas=2)
    place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] == 2, "the new version acts")
    assert place.get("mdep/small")["spec"]["nextField"] is True
    helm(as_released, "rollback", "tidegate", "--wait")
    _edit(place, replicas=1)
    place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] == 1, "the old version acts")
    place.wait(lambda: "came later" not in _document(place), "the old version writes what it knows")
    for ref in ("mdep/small", "rpol/front"):
        place.wait(partial(_nothing_waits, place, ref), f"nothing waits for {ref} any more")
    place.ready("mdep/small", "rpol/front")
    after = _pods(place)
    assert len(before.keys() & after.keys()) >= len(before) - 1, "at most the engine that scaling in chose is another"
    assert set(after.values()) == {0}
    assert place.get("mdep/small")["status"]["activeRevision"] == revision
    assert "nextField" not in place.get("mdep/small")["spec"]


def _document(place: Place) -> str:
    """What the routers are told."""
    return str(place.get("cm/front-router")["data"]["router.json"])


def _edit(place: Place, **spec: object) -> None:
    place.kubectl("patch", "mdep/small", "--type=merge", "-p", json.dumps({"spec": spec}))


@pytest.mark.usefixtures("traffic")
def test_uninstall_leaves_what_runs(place: Place, as_released: Cluster) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    before = _pods(place)
    helm(as_released, "uninstall", "tidegate", "--wait")
    as_released.wait(lambda: not operators.pods(as_released), "the operator is gone")
    install_chart(as_released)
    place.apply(model(replicas=2))
    place.ready("mdep/small", "rpol/front")
    assert before.items() <= _pods(place).items()
