"""Promise: what was downloaded or cached is kept where it was asked to be, and for as long."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.devcluster import Cluster
from e2e.harness import API, Place, model

pytestmark = pytest.mark.cluster


def test_engines_on_two_nodes_share_the_downloaded_weights(place: Place) -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"tidegate.dev/model": "small"}},
    }
    storage = {"claim": {"size": "1Gi", "retention": {"whenDeleted": "Retain"}}}
    engine = {"scheduling": {"topologySpreadConstraints": [spread]}}
    place.apply(model(model={"storage": storage}, engine=engine, replicas=2))
    place.ready("mdep/small")
    one, other = place.items("pods", "tidegate.dev/model=small")
    assert one["spec"]["nodeName"] != other["spec"]["nodeName"]
    first, second = one["metadata"]["name"], other["metadata"]["name"]
    home = place.kubectl("exec", first, "--", "printenv", "HF_HOME").strip()
    place.kubectl("exec", first, "--", "sh", "-c", f"echo weights > {home}/file")
    assert place.kubectl("exec", second, "--", "cat", f"{home}/file").strip() == "weights"

    uid = place.get("pvc/small-weights")["metadata"]["uid"]
    place.kubectl("delete", "mdep", "small")
    place.wait(lambda: not place.items("pods"), "the engines are gone")
    place.apply(model(model={"storage": storage}))
    place.ready("mdep/small")
    kept = place.get("pvc/small-weights")["metadata"]
    assert kept["uid"] == uid
    assert "deletionTimestamp" not in kept
    [again] = place.items("pods", "tidegate.dev/model=small")
    assert place.kubectl("exec", again["metadata"]["name"], "--", "cat", f"{home}/file").strip() == "weights"


def test_a_claim_goes_with_its_model_if_asked(place: Place) -> None:
    place.apply(model(model={"storage": {"claim": {"size": "1Gi"}}}))
    place.ready("mdep/small")
    place.kubectl("delete", "mdep", "small")
    place.wait(lambda: not place.items("pvc"), "the claim is gone")


def tier(retention: str) -> dict[str, Any]:
    """A CacheTier with a volume."""
    storage = {"size": "1Gi", "retention": {"whenDeleted": retention}}
    spec = {"store": {"managed": {"memory": "64Mi", "storage": storage}}}
    return {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": spec}


def test_a_retained_store_comes_back_with_its_data(place: Place, installed: Cluster) -> None:
    place.apply(tier("Retain"))
    place.ready("ctier/shared")
    place.kubectl("exec", "shared-store-0", "--", "valkey-cli", "SET", "tide", "high")
    place.kubectl("exec", "shared-store-0", "--", "valkey-cli", "SAVE")
    place.kubectl("delete", "ctier", "shared")
    place.wait(lambda: not place.items("pods") and not place.items("statefulset"), "the server is gone")
    [claim] = place.items("pvc")
    assert "deletionTimestamp" not in claim["metadata"]
    place.apply(tier("Delete"))
    place.ready("ctier/shared")
    assert place.kubectl("exec", "shared-store-0", "--", "valkey-cli", "GET", "tide").strip() == "high"
    place.kubectl("delete", "ctier", "shared")
    installed.wait(lambda: not place.items("pvc"), "the claim is gone")
